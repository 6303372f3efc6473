// The PTX interpreter. A warp executes the instruction at the lowest program counter of its lanes, for the lanes that are there;
// warps take turns in random bursts. Registers start as garbage, shared memory as well, asynchronous copies land only when
// they are waited for, and a shadow word for each 4 bytes of shared memory finds accesses that no barrier orders.
#include <cstring>

#include "ptx_ops.h"

namespace emu::ptx {
namespace {

constexpr uint64_t SHARED_WINDOW = 0x7e0000000000ull;  // where shared memory lies among generic addresses

class BlockRun {
 public:
  BlockRun(const Program& p, const Launch& l, Rng& rng) : p_(p), l_(l), rng_(rng), shared_(l.shared), shadow_(l.shared) {
    int threads = (int)(l.block.x * l.block.y * l.block.z);
    if (threads % 32) throw Error("a block of " + std::to_string(threads) + " threads: partial warps are not modelled");
    warps_.resize(threads / 32);
    params_.resize(8);
    for (size_t i = 0; i < p.param_at.size(); i++) {
      params_.resize(std::max(params_.size(), (size_t)p.param_at[i] + 8));
      memcpy(&params_[p.param_at[i]], l.params[i], p.param_bytes[i]);
    }
  }

  void run(const Dim& index) {
    for (uint8_t& b : shared_) b = (uint8_t)rng_.next() | 0x7c;  // often not a number as half
    shadow_.barrier();
    for (size_t i = 0; i < warps_.size(); i++) start(warps_[i], (int)i * 32, index);
    std::vector<int> order(warps_.size());
    for (size_t i = 0; i < order.size(); i++) order[i] = (int)i;
    for (;;) {
      rng_.shuffle(order);
      bool moved = false;
      for (int i : order) moved |= burst(warps_[i], 1 + rng_.below(200));
      if (!moved && barrier()) break;
    }
    for (Warp& w : warps_)
      for (auto& c : w.copies)
        if (!c.empty()) throw Error("asynchronous copies still pending at exit");
  }

 private:
  const Program& p_;
  const Launch& l_;
  Rng& rng_;
  std::vector<uint8_t> shared_, params_;
  Shadow shadow_;
  std::vector<Warp> warps_;

  void start(Warp& w, int first, const Dim& index) {
    w.first = first;
    w.registers.assign((size_t)p_.rows * ROW, 0xdb);
    for (const Constant& c : p_.constants)
      for (int l = 0; l < 32; l++) {
        if (c.bits == 64) row<uint64_t>(w, c.row)[l] = c.value;
        else if (c.bits == 32) row<uint32_t>(w, c.row)[l] = (uint32_t)c.value;
        else if (c.bits == 16) row<uint16_t>(w, c.row)[l] = (uint16_t)c.value;
        else row<uint8_t>(w, c.row)[l] = (uint8_t)c.value;
      }
    for (int l = 0; l < 32; l++) {
      unsigned t = first + l;
      const unsigned values[SPECIALS] = {t % l_.block.x, t / l_.block.x % l_.block.y, t / l_.block.x / l_.block.y,
                                         index.x, index.y, index.z, l_.grid.x, l_.grid.y, l_.grid.z};
      for (int s = 0; s < SPECIALS; s++) row<uint32_t>(w, p_.special[s])[l] = values[s];
      w.pc[l] = 0;
      w.state[l] = RUNNING;
      w.copies[l].clear();
    }
  }

  // barrier releases the block when all threads wait at one bar.sync. True when all have ended.
  bool barrier() {
    uint32_t pc = 0;
    size_t waiting = 0, ended = 0, total = warps_.size() * 32;
    for (Warp& w : warps_)
      for (int l = 0; l < 32; l++) {
        ended += w.state[l] == ENDED;
        if (w.state[l] != AT_BARRIER) continue;
        if (waiting++ && w.pc[l] != pc) throw Error("divergent bar.sync");
        pc = w.pc[l];
      }
    if (ended == total) return true;
    if (waiting + ended < total) throw Error("a warp-wide instruction that not all 32 lanes reach");
    if (ended) throw Error("bar.sync after some threads ended");
    for (Warp& w : warps_)
      for (int l = 0; l < 32; l++) w.pc[l]++, w.state[l] = RUNNING;
    shadow_.barrier();
    return false;
  }

  bool burst(Warp& w, uint32_t steps) {
    bool moved = false;
    while (steps--) {
      uint32_t pc = ~0u, mask = 0;
      for (int l = 0; l < 32; l++)
        if (w.state[l] == RUNNING && w.pc[l] < pc) pc = w.pc[l];
      if (pc == ~0u) break;
      for (int l = 0; l < 32; l++) mask |= (uint32_t)(w.state[l] == RUNNING && w.pc[l] == pc) << l;
      step(w, p_.code[pc], mask);
      moved = true;
    }
    return moved;
  }

  void step(Warp& w, const Instruction& i, uint32_t mask) {
    uint32_t active = mask;
    if (i.predicate >= 0) {
      const uint8_t* p = row<uint8_t>(w, i.predicate);
      active = 0;
      for (int l = 0; l < 32; l++) active |= (uint32_t)((p[l] & 1) != i.negate) << l;
      active &= mask;
    }
    switch (i.op) {
      case BRANCH:
        each(mask, [&](int l) { w.pc[l] = active >> l & 1 ? (uint32_t)i.target : w.pc[l] + 1; });
        return;
      case RETURN:
        each(mask, [&](int l) { active >> l & 1 ? (void)(w.state[l] = ENDED) : (void)w.pc[l]++; });
        return;
      case BARRIER:
        each(mask, [&](int l) { w.state[l] = AT_BARRIER; });
        return;
      case LDMATRIX:
      case MMA:
      case SHUFFLE:
        if (!together(w, i, mask)) return;
        mask = ~0u;
        break;
      case LOAD:
      case STORE: access(w, i, active); break;
      case COPY_ASYNC: copy_async(w, i, active); break;
      case COPY_WAIT: copy_wait(w, i, active); break;
      case CVT: convert(w, i, active); break;
      case TO_SHARED: unary<uint64_t>(w, i, active, [](uint64_t a) { return a - SHARED_WINDOW; }); break;
      case FROM_SHARED: unary<uint64_t>(w, i, active, [](uint64_t a) { return a + SHARED_WINDOW; }); break;
      case UNPACK: {
        const uint32_t* a = row<uint32_t>(w, i.a);
        uint16_t *lo = row<uint16_t>(w, i.dv[0]), *hi = row<uint16_t>(w, i.dv[1]);
        each(active, [&](int l) { lo[l] = (uint16_t)a[l], hi[l] = (uint16_t)(a[l] >> 16); });
        break;
      }
      case PACK: {
        uint32_t* d = row<uint32_t>(w, i.d);
        const uint16_t *lo = row<uint16_t>(w, i.av[0]), *hi = row<uint16_t>(w, i.av[1]);
        each(active, [&](int l) { d[l] = lo[l] | (uint32_t)hi[l] << 16; });
        break;
      }
      default: arithmetic(w, i, active);
    }
    each(mask, [&](int l) { w.pc[l]++; });
  }

  // together carries out a warp-wide instruction once all lanes wait at it.
  bool together(Warp& w, const Instruction& i, uint32_t mask) {
    each(mask, [&](int l) { w.state[l] = AT_WARP; });
    for (int l = 0; l < 32; l++)
      if (w.state[l] != AT_WARP || w.pc[l] != w.pc[0]) return false;
    for (int l = 0; l < 32; l++) w.state[l] = RUNNING;
    i.op == LDMATRIX ? ldmatrix(w, i) : i.op == MMA ? mma(w, i) : shuffle(w, i);
    return true;
  }

  uint8_t* shared(const Instruction& i, uint64_t at, unsigned bytes) {
    if (at + bytes > shared_.size() || at % bytes)
      wrong(i, "bad access to shared byte " + std::to_string(at) + " of " + std::to_string(shared_.size()));
    return &shared_[at];
  }
  uint8_t* global(const Instruction& i, uint64_t at, unsigned bytes) {
    if (at % bytes) wrong(i, "misaligned global access");
    if (l_.memory && !l_.memory->ok(at, bytes)) wrong(i, "global access outside every allocation");
    return (uint8_t*)at;
  }

  void access(Warp& w, const Instruction& i, uint32_t active) {
    unsigned bytes = i.type.bits / 8, total = bytes * (unsigned)i.dv.size();
    each(active, [&](int l) {
      uint8_t* p;
      if (i.space == PARAM) {
        p = &params_[i.offset];
      } else if (i.space == SHARED) {
        uint64_t at = (i.wide ? row<uint64_t>(w, i.a)[l] : row<uint32_t>(w, i.a)[l]) + i.offset;
        p = shared(i, at, total);
        i.op == LOAD ? shadow_.read(i, at, total, w.first + l) : shadow_.write(i, at, total, w.first + l);
      } else {
        p = global(i, row<uint64_t>(w, i.a)[l] + i.offset, total);
      }
      for (size_t n = 0; n < i.dv.size(); n++) {
        uint8_t* r = w.registers.data() + (size_t)i.dv[n] * ROW + l * (i.width[n] / 8);
        if (i.op == STORE) {
          memcpy(p + n * bytes, r, bytes);
        } else {
          memset(r, i.type.kind == SIGNED && (p[n * bytes + bytes - 1] & 0x80) ? 0xff : 0, i.width[n] / 8);
          memcpy(r, p + n * bytes, bytes);
        }
      }
    });
  }

  void copy_async(Warp& w, const Instruction& i, uint32_t active) {
    const uint32_t *to = row<uint32_t>(w, i.d), *n = row<uint32_t>(w, i.c);
    const uint64_t* from = row<uint64_t>(w, i.a);
    each(active, [&](int l) {
      if (n[l] != 0 && n[l] != 16) wrong(i, "cp.async of a part is not modelled");
      shared(i, to[l], 16);
      shadow_.write(i, to[l], 16, w.first + l);
      if (n[l]) global(i, from[l] + i.offset, 16);
      w.copies[l].push_back({to[l], from[l] + i.offset, n[l] != 0});
    });
  }
  void copy_wait(Warp& w, const Instruction& i, uint32_t active) {
    each(active, [&](int l) {
      for (const Copy& c : w.copies[l]) {
        shadow_.write(i, c.to, 16, w.first + l);
        if (c.ok) memcpy(&shared_[c.to], (const void*)c.from, 16);
        else memset(&shared_[c.to], 0, 16);
      }
      w.copies[l].clear();
    });
  }

  void ldmatrix(Warp& w, const Instruction& i) {
    uint32_t out[32][4];
    const uint32_t* a = row<uint32_t>(w, i.a);
    for (int l = 0; l < 32; l++)
      for (int m = 0; m < 4; m++) {
        uint64_t at = a[m * 8 + l / 4] + i.offset;
        shared(i, at, 16);
        shadow_.read(i, at + (l & 3) * 4, 4, w.first + l);
        memcpy(&out[l][m], &shared_[at + (l & 3) * 4], 4);
      }
    for (int m = 0; m < 4; m++)
      for (int l = 0; l < 32; l++) row<uint32_t>(w, i.dv[m])[l] = out[l][m];
  }

  void mma(Warp& w, const Instruction& i) {
    int k = (int)i.offset;
    float a[16][16], b[16][8], d[16][8];
    auto lo = [](uint32_t v) { return half_to_float((uint16_t)v); };
    auto hi = [](uint32_t v) { return half_to_float((uint16_t)(v >> 16)); };
    for (int l = 0; l < 32; l++) {
      int g = l >> 2, t = (l & 3) * 2;
      for (int q = 0; q < k / 4; q++) {
        uint32_t v = row<uint32_t>(w, i.av[q])[l];
        a[g + (q & 1) * 8][t + (q >> 1) * 8] = lo(v), a[g + (q & 1) * 8][t + (q >> 1) * 8 + 1] = hi(v);
      }
      for (int q = 0; q < k / 8; q++) {
        uint32_t v = row<uint32_t>(w, i.bv[q])[l];
        b[t + q * 8][g] = lo(v), b[t + q * 8 + 1][g] = hi(v);
      }
      for (int q = 0; q < 4; q++) d[g + (q >> 1) * 8][t + (q & 1)] = row<float>(w, i.cv[q])[l];
    }
    matrix_product(a, b, d, k, mode_);
    for (int q = 0; q < 4; q++)
      for (int l = 0; l < 32; l++) row<float>(w, i.dv[q])[l] = d[(l >> 2) + (q >> 1) * 8][(l & 3) * 2 + (q & 1)];
  }

  void shuffle(Warp& w, const Instruction& i) {
    uint32_t out[32];
    const uint32_t *a = row<uint32_t>(w, i.a), *b = row<uint32_t>(w, i.b);
    for (int l = 0; l < 32; l++) out[l] = a[(l ^ b[l]) & 31];
    memcpy(row<uint32_t>(w, i.d), out, sizeof out);
  }

  Accumulate mode_ = accumulate_mode();
};

struct PtxKernel : Kernel {
  Program program;
  std::string run(const Launch& l) override {
    try {
      execute(program, l);
    } catch (Error& e) {
      return e.what();
    }
    return "";
  }
};

struct PtxModule : Module {
  std::map<std::string, PtxKernel> kernels;
  Kernel* find(const std::string& n) override {
    auto k = kernels.find(n);
    return k == kernels.end() ? nullptr : &k->second;
  }
  std::vector<std::string> names() override {
    std::vector<std::string> v;
    for (auto& k : kernels) v.push_back(k.first);
    return v;
  }
};

}  // namespace

void execute(const Program& p, const Launch& l) {
  Rng rng(l.seed);
  std::vector<unsigned> order(l.grid.x * l.grid.y * l.grid.z);
  for (unsigned i = 0; i < order.size(); i++) order[i] = i;
  rng.shuffle(order);
  BlockRun block(p, l, rng);
  for (unsigned at : order) block.run({at % l.grid.x, at / l.grid.x % l.grid.y, at / l.grid.x / l.grid.y});
}

}  // namespace emu::ptx

namespace emu {

std::unique_ptr<Module> load_ptx(const char* text, std::string& error) {
  try {
    auto m = std::make_unique<ptx::PtxModule>();
    for (ptx::Program& p : ptx::parse(text)) {
      ptx::PtxKernel& k = m->kernels[p.name];
      k.name = p.name;
      k.max_threads = p.max_threads;
      k.param_bytes = p.param_bytes;
      k.program = std::move(p);
    }
    return m;
  } catch (ptx::Error& e) {
    error = e.what();
    return nullptr;
  }
}

}  // namespace emu
