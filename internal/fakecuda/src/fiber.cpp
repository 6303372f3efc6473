#include "fiber.h"

#include <cstdlib>
#include <cstring>
#include <vector>

#include "tensor.h"

#if !defined(__x86_64__)
#include <ucontext.h>
#endif

#ifdef VSR_EMU_TSAN
extern "C" {
void* __tsan_get_current_fiber();
void* __tsan_create_fiber(unsigned flags);
void __tsan_destroy_fiber(void*);
void __tsan_switch_to_fiber(void*, unsigned flags);
void __tsan_acquire(void*);
void __tsan_release(void*);
}
#endif
#ifdef VSR_EMU_ASAN
extern "C" void __asan_unpoison_memory_region(void const volatile*, size_t);
#endif

namespace emu {
namespace {

constexpr size_t STACK = 128 << 10;
enum State { READY, AT_BARRIER, IN_WARP, DONE };
enum Collective { NO_COLLECTIVE, LDMATRIX, MMA, SHUFFLE };

struct Copy {
  uint8_t* dst;
  const uint8_t* src;
  bool ok;
};

struct Fiber : Thread {
  unsigned linear = 0;
  State state = READY;
  int site = 0, barriers = 0;
  Collective collective = NO_COLLECTIVE;
  const void* argument = nullptr;
  std::vector<Copy> copies;
  uint8_t* stack = nullptr;
#if defined(__x86_64__)
  void* sp = nullptr;
#else
  ucontext_t context;
#endif
  void* tsan = nullptr;
};

// Everything of the launch that is running. One launch at a time: the fake driver holds a lock.
struct Run {
  ~Run() {
    for (uint8_t* s : stacks) free(s);
  }
  std::vector<uint8_t*> stacks;  // of the fibers, kept from launch to launch
  const std::function<void()>* kernel = nullptr;
  std::vector<Fiber> fibers;
  Block block;
  Fiber* current = nullptr;
  std::string error;
  void* tsan = nullptr;
  char tsan_start = 0, tsan_end = 0, tsan_barrier[2] = {0, 0};
#if defined(__x86_64__)
  void* sp = nullptr;
#else
  ucontext_t context;
#endif
} run;

#if defined(__x86_64__)
extern "C" void vsr_emu_switch(void** save, void* to);
asm(R"(
.text
.p2align 4
.type vsr_emu_switch, @function
vsr_emu_switch:
  pushq %rbp
  pushq %rbx
  pushq %r12
  pushq %r13
  pushq %r14
  pushq %r15
  movq %rsp, (%rdi)
  movq %rsi, %rsp
  popq %r15
  popq %r14
  popq %r13
  popq %r12
  popq %rbx
  popq %rbp
  ret
.size vsr_emu_switch, .-vsr_emu_switch
)");
#endif

void acquire(void* p) {
#ifdef VSR_EMU_TSAN
  __tsan_acquire(p);
#else
  (void)p;
#endif
}
void release(void* p) {
#ifdef VSR_EMU_TSAN
  __tsan_release(p);
#else
  (void)p;
#endif
}

void to_scheduler() {
  Fiber* f = run.current;
#ifdef VSR_EMU_TSAN
  __tsan_switch_to_fiber(run.tsan, 1);  // 1: a switch orders nothing
#endif
#if defined(__x86_64__)
  vsr_emu_switch(&f->sp, run.sp);
#else
  swapcontext(&f->context, &run.context);
#endif
}

void to_fiber(Fiber* f) {
  run.current = f;
#ifdef VSR_EMU_TSAN
  __tsan_switch_to_fiber(f->tsan, 1);
#endif
#if defined(__x86_64__)
  vsr_emu_switch(&run.sp, f->sp);
#else
  swapcontext(&run.context, &f->context);
#endif
}

void entry() {
  acquire(&run.tsan_start);
  (*run.kernel)();
  Fiber* f = run.current;
  if (!f->copies.empty() && run.error.empty()) run.error = "asynchronous copies still pending at exit";
  f->state = DONE;
  release(&run.tsan_end);
  to_scheduler();
  abort();
}

void prepare(Fiber& f, unsigned linear, const Dim& size) {
  f.linear = linear;
  f.index = {linear % size.x, linear / size.x % size.y, linear / size.x / size.y};
  f.block = &run.block;
  f.state = READY;
  f.barriers = 0;
  f.collective = NO_COLLECTIVE;
  f.copies.clear();
#ifdef VSR_EMU_ASAN
  __asan_unpoison_memory_region(f.stack, STACK);
#endif
#if defined(__x86_64__)
  void** sp = (void**)(f.stack + STACK);
  *--sp = nullptr;        // a return address for entry, never used
  *--sp = (void*)entry;   // what vsr_emu_switch returns to
  sp -= 6;                // the saved registers
  memset(sp, 0, 48);
  f.sp = sp;
#else
  getcontext(&f.context);
  f.context.uc_stack.ss_sp = f.stack;
  f.context.uc_stack.ss_size = STACK;
  f.context.uc_link = nullptr;
  makecontext(&f.context, entry, 0);
#endif
#ifdef VSR_EMU_TSAN
  f.tsan = __tsan_create_fiber(1);
#endif
}

// release_barrier lets everybody go on if all threads wait at one barrier. It returns what is wrong otherwise.
const char* release_barrier() {
  int site = 0;
  size_t waiting = 0, done = 0;
  for (Fiber& f : run.fibers) {
    if (f.state == DONE) done++;
    if (f.state != AT_BARRIER) continue;
    if (waiting++ && f.site != site) return "divergent __syncthreads";
    site = f.site;
  }
  if (waiting + done < run.fibers.size()) return "a warp-wide instruction that not all 32 lanes reach";
  if (done) return "__syncthreads after some threads ended";
  for (Fiber& f : run.fibers) f.state = READY;
  return nullptr;
}

void run_block(Rng& rng) {
  std::vector<Fiber*> ready;
  for (;;) {
    ready.clear();
    size_t done = 0;
    for (Fiber& f : run.fibers) {
      if (f.state == READY) ready.push_back(&f);
      done += f.state == DONE;
    }
    if (done == run.fibers.size()) return;
    if (ready.empty()) {
      if (const char* wrong = release_barrier()) run.error = wrong;
    }
    if (!run.error.empty()) return;
    rng.shuffle(ready);
    for (Fiber* f : ready)
      if (f->state == READY) {
        to_fiber(f);
        if (!run.error.empty()) return;
      }
  }
}

struct LdmatrixArgs {
  uint32_t* out;
  const uint8_t* row;
};
struct MmaArgs {
  float* d;
  const uint32_t* a;
  uint32_t b0, b1;
};
struct ShuffleArgs {
  float v;
  uint32_t mask;
  float* out;
};

template <class T>
const T& argument(Fiber* warp, int lane) {
  return *(const T*)warp[lane].argument;
}

void do_ldmatrix(Fiber* w) {
  uint32_t out[32][4];
  for (int l = 0; l < 32; l++)
    for (int m = 0; m < 4; m++) memcpy(&out[l][m], argument<LdmatrixArgs>(w, m * 8 + l / 4).row + (l & 3) * 4, 4);
  for (int l = 0; l < 32; l++) memcpy(argument<LdmatrixArgs>(w, l).out, out[l], 16);
}

void do_mma(Fiber* w) {
  float a[16][16], b[16][8], d[16][8];
  for (int l = 0; l < 32; l++) {
    const MmaArgs& q = argument<MmaArgs>(w, l);
    int g = l >> 2, t = (l & 3) * 2;
    for (int i = 0; i < 4; i++) {
      int row = g + (i & 1) * 8, col = t + (i >> 1) * 8;
      a[row][col] = half_to_float((uint16_t)q.a[i]), a[row][col + 1] = half_to_float((uint16_t)(q.a[i] >> 16));
      d[g + (i >> 1) * 8][t + (i & 1)] = q.d[i];
    }
    b[t][g] = half_to_float((uint16_t)q.b0), b[t + 1][g] = half_to_float((uint16_t)(q.b0 >> 16));
    b[t + 8][g] = half_to_float((uint16_t)q.b1), b[t + 9][g] = half_to_float((uint16_t)(q.b1 >> 16));
  }
  matrix_product(a, b, d, 16, accumulate_mode());
  for (int l = 0; l < 32; l++)
    for (int i = 0; i < 4; i++) argument<MmaArgs>(w, l).d[i] = d[(l >> 2) + (i >> 1) * 8][(l & 3) * 2 + (i & 1)];
}

void do_shuffle(Fiber* w) {
  for (int l = 0; l < 32; l++) {
    const ShuffleArgs& q = argument<ShuffleArgs>(w, l);
    *q.out = argument<ShuffleArgs>(w, (l ^ q.mask) & 31).v;
  }
}

// join waits for the whole warp and lets the last lane carry out the operation.
void join(Collective kind, const void* args) {
  Fiber* f = run.current;
  f->collective = kind;
  f->argument = args;
  f->state = IN_WARP;
  Fiber* warp = &run.fibers[f->linear / 32 * 32];
  if (f->linear / 32 * 32 + 32 > run.fibers.size()) fail("a warp-wide instruction in a warp of fewer than 32 threads");
  for (int l = 0; l < 32; l++) {
    if (warp[l].state != IN_WARP) return to_scheduler();
    if (warp[l].collective != kind) fail("lanes of a warp in different warp-wide instructions");
  }
  kind == LDMATRIX ? do_ldmatrix(warp) : kind == MMA ? do_mma(warp) : do_shuffle(warp);
  for (int l = 0; l < 32; l++) warp[l].state = READY;
}

}  // namespace

Thread& self() { return *run.current; }

void fail(const char* what) {
  if (run.error.empty()) run.error = what;
  to_scheduler();
  abort();
}

void barrier(int site) {
  Fiber* f = run.current;
  f->site = site;
  f->state = AT_BARRIER;
  char* sync = &run.tsan_barrier[f->barriers++ & 1];  // two in turn: one object would order later barriers as well
  release(sync);
  to_scheduler();
  acquire(sync);
}

void warp_ldmatrix(uint32_t (&out)[4], const uint8_t (&row)[16]) {
  LdmatrixArgs a{out, row};
  join(LDMATRIX, &a);
}
void warp_mma(float (&d)[4], const uint32_t (&a)[4], uint32_t b0, uint32_t b1) {
  MmaArgs m{d, a, b0, b1};
  join(MMA, &m);
}
float warp_shuffle_xor(float v, uint32_t mask) {
  float out;
  ShuffleArgs a{v, mask, &out};
  join(SHUFFLE, &a);
  return out;
}

void copy_async(uint8_t* dst, const uint8_t* src, bool ok) { run.current->copies.push_back({dst, src, ok}); }
void copy_wait(void (*store)(uint8_t*, const uint8_t*, bool)) {
  Fiber* f = run.current;
  for (const Copy& c : f->copies) store(c.dst, c.src, c.ok);
  f->copies.clear();
}

std::string run_grid(const std::function<void()>& kernel, const Launch& launch) {
  const Dim &g = launch.grid, &b = launch.block;
  Rng rng(launch.seed);
  run.kernel = &kernel;
  run.error.clear();
  run.fibers.resize((size_t)b.x * b.y * b.z);
#ifndef VSR_EMU_TSAN
  while (run.stacks.size() < run.fibers.size()) {
    void* p = nullptr;
    if (posix_memalign(&p, 64, STACK)) return "no memory for a thread's stack";
    run.stacks.push_back((uint8_t*)p);
  }
  for (size_t i = 0; i < run.fibers.size(); i++) run.fibers[i].stack = run.stacks[i];
#endif
#ifdef VSR_EMU_TSAN
  run.tsan = __tsan_get_current_fiber();
#endif
  std::vector<unsigned> order(g.x * g.y * g.z);
  for (unsigned i = 0; i < order.size(); i++) order[i] = i;
  rng.shuffle(order);
  // Every block has shared memory and, under TSan, stacks of its own, so that blocks need no order between them, which would
  // hide races: what the scheduler does is known to every fiber, what fibers do only to the end of the launch.
  std::vector<void*> kept, ended;
  for (unsigned i = 0; i < order.size() && run.error.empty(); i++) {
    unsigned at = order[i];
    void* shared = nullptr;
    if (launch.shared && posix_memalign(&shared, 256, launch.shared)) return "no memory";
    for (size_t n = 0; n < launch.shared; n++) ((uint8_t*)shared)[n] = (uint8_t)rng.next() | 0x7c;  // often not a number
    kept.push_back(shared);
    run.block = Block{{at % g.x, at / g.x % g.y, at / g.x / g.y}, b, g, (uint8_t*)shared, launch.shared};
    for (unsigned t = 0; t < run.fibers.size(); t++) {
#ifdef VSR_EMU_TSAN
      if (posix_memalign((void**)&run.fibers[t].stack, 64, STACK)) return "no memory for a thread's stack";
      kept.push_back(run.fibers[t].stack);
#endif
      prepare(run.fibers[t], t, b);
      ended.push_back(run.fibers[t].tsan);
    }
    release(&run.tsan_start);
    run_block(rng);
  }
  acquire(&run.tsan_end);
#ifdef VSR_EMU_TSAN
  for (void* f : ended) __tsan_destroy_fiber(f);
  for (Fiber& f : run.fibers) f.stack = nullptr;
#endif
  for (void* p : kept) free(p);
  return run.error;
}

}  // namespace emu
