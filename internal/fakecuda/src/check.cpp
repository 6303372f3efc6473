// Runs kernels through the fake driver, without Go: the program that sanitizers and mutation tests use.
//
//   check PTX-FILE [pattern]
//
// Every entry whose name contains the pattern runs on a picture of odd size with seeded data, in two seeds of the schedule.
// For each a line "name hash" is printed; a launch that fails prints "name error N". The exit status is 1 if a launch failed
// or the two seeds gave different bytes.
#include <cuda.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "engine.h"
#include "tensor.h"

namespace {

constexpr int W = 21, H = 11;  // two tiles in each direction, none of them full
constexpr int FRAME = 64 * 3 * H;  // bytes of a frame with 64 bytes a row

void must(CUresult r, const char* what) {
  if (r == CUDA_SUCCESS) return;
  printf("%s error %d\n", what, (int)r);
  exit(1);
}

struct Args {
  std::vector<CUdeviceptr> buffers;
  std::vector<uint64_t> cells;
  CUdeviceptr out = 0;
  size_t out_bytes = 0;
  emu::Rng rng{7};

  CUdeviceptr device(size_t bytes) {
    CUdeviceptr p;
    must(cuMemAlloc_v2(&p, bytes), "cuMemAlloc");
    buffers.push_back(p);
    return p;
  }
  float uniform() { return (float)rng.next() / 2147483648.f - 1.f; }
  void pointer(CUdeviceptr p) { cells.push_back(p); }
  void integer(int v) { cells.push_back((uint32_t)v); }
  void halves(size_t n, float scale) {
    std::vector<uint16_t> v(n);
    for (auto& e : v) e = emu::float_to_half(uniform() * scale);
    upload(v.data(), n * 2);
  }
  void floats(size_t n, float scale) {
    std::vector<float> v(n);
    for (auto& e : v) e = uniform() * scale;
    upload(v.data(), n * 4);
  }
  void upload(const void* p, size_t bytes) {
    CUdeviceptr d = device(bytes);
    must(cuMemcpyHtoD_v2(d, p, bytes), "cuMemcpyHtoD");
    pointer(d);
  }
  void output(size_t bytes) {
    out = device(bytes), out_bytes = bytes;
    must(cuMemsetD8_v2(out, 0xa5, bytes), "cuMemsetD8");
    pointer(out);
  }
};

struct Shape {
  unsigned gx = 1, gy = 1, gz = 1, threads = 128, shared = 0;
};

int number(const std::string& name, const std::string& prefix) { return atoi(name.c_str() + prefix.size()); }
bool starts(const std::string& name, const std::string& prefix) { return name.rfind(prefix, 0) == 0; }

// picture describes a frame with rows of 64 bytes, in the layout of struct Picture in color.h: planar 4:2:0 of 8 bits (variant 0),
// NV12 (1), P010 (2), planar GBR of 8 bits (3) or 10 bits (4).
void picture(Args& a, int w, int h, int variant) {
  bool deep = variant == 2 || variant == 4, full = variant >= 3, semi = variant == 1 || variant == 2;
  int bytes = deep ? 2 : 1, half = full ? 0 : 1, cw = full ? w : (w + 1) / 2, ch = full ? h : (h + 1) / 2;
  uint32_t chroma = 64 * h, cr = semi ? chroma + bytes : chroma + 64 * ch;
  float unit = deep ? 4 : 1;
  struct {
    int n[12];
    uint32_t p[4];
    float f[12];
  } d = {{w, h, cw, ch, half, half, 0, 1, bytes, full ? 2 : 0, semi ? 2 : 1, variant == 2 ? 6 : 0},
         {64, 64, chroma, cr},
         {0.2126f, 0.7152f, 0.0722f, 1.5748f, 1.8556f, 0.1873f, 0.4681f, 16 * unit, 219 * unit, 128 * unit, 224 * unit, deep ? 1023.f : 255.f}};
  a.upload(&d, sizeof d);
}

// variants is how many pictures a kernel runs on.
int variants(const std::string& name) { return name == "vsr_rgb_in" || name == "vsr_frame_out" || name == "vsr_scene_grid" ? 5 : 1; }

Shape setup(const std::string& name, Args& a, int variant) {
  constexpr int P = 48;
  Shape s;
  unsigned tx = (W + 15) / 16, ty = (H + 7) / 8;
  if (starts(name, "vsr_block_c")) {
    int c = number(name, "vsr_block_c");
    a.halves((size_t)W * H * c, 1), a.output((size_t)W * H * c * 2), a.floats(9 * c, 0.3f);
    a.halves((size_t)9 * c * c, 0.05f), a.floats(c, 0.1f), a.integer(H), a.integer(W);
    return {tx, ty, 1, c == 128 ? 256u : 128u, (2 * 240 + 180) * P};
  }
  if (starts(name, "vsr_conv3_n")) {
    int n = number(name, "vsr_conv3_n"), in = 48, out = 2 * n;
    a.halves((size_t)W * H * in, 1), a.output((size_t)W * H * out * 2), a.halves((size_t)9 * in * out, 0.05f);
    a.floats(out, 0.1f), a.halves((size_t)W * H * out, 1), a.integer(H), a.integer(W), a.integer(in), a.integer(out);
    a.integer(3);
    return {tx, ty, 2, 128, 2 * 180 * P};
  }
  if (starts(name, "vsr_tail") || starts(name, "vsr_ring")) {
    bool ring = starts(name, "vsr_ring");
    int k = name[8] == '5' || ring ? 5 : 3, scale = name.back() - '0', in = 32, n = (3 * scale * scale + 15) / 16 * 16;
    a.halves((size_t)W * H * in, 1), a.output((size_t)W * H * scale * scale * 6);
    if (ring) {
      int sets[16];
      for (int i = 0; i < 16; i++) sets[i] = i % 3;
      a.floats((size_t)3 * 25 * in * 3 * scale * scale, 0.05f), a.floats(3 * n, 0.1f), a.upload(sets, sizeof sets);
    } else {
      a.halves((size_t)k * k * in * n, 0.05f), a.floats(n, 0.1f);
    }
    a.floats((size_t)3 * W * H, 1), a.integer(H), a.integer(W), a.integer(in), a.integer(1);
    if (ring) return {2 * (W + H) - 4, 1, 1, 64, 0};
    return {tx, ty, 1, 128, (unsigned)(2 * (k == 5 ? 240 : 180) * P)};
  }
  if (name == "vsr_first_conv") {
    int c = 32, oh = (H + 1) / 2, ow = (W + 1) / 2;
    a.floats(3 * W * H, 1), a.output((size_t)oh * ow * c * 2), a.floats(27 * c, 0.2f), a.floats(c, 0.1f), a.floats(3, 0.4f);
    for (int v : {H, W, c, 2, 1}) a.integer(v);
    return {(unsigned)(oh * ow + 127) / 128, 2, 1, 128, 0};
  }
  if (name == "vsr_pool_partial") {
    a.halves((size_t)W * H * 64, 1), a.output(4 * 64 * 4), a.integer(W * H), a.integer(64);
    return {4, 1, 1, 128, 0};
  }
  if (name == "vsr_pool_finish") {
    a.floats(4 * 64, 1), a.output(64 * 4), a.integer(4), a.integer(W * H), a.integer(64);
    return s;
  }
  if (name == "vsr_linear") {
    a.floats(50, 1), a.output(30 * 4), a.floats(50 * 30, 0.1f), a.floats(30, 0.1f), a.integer(50), a.integer(30), a.integer(3);
    return {8, 1, 1, 128, 0};
  }
  if (name == "vsr_rgb_in") {
    a.halves(FRAME / 2, 1), a.output((size_t)3 * W * H * 4);
    picture(a, W, H, variant);
    return {(W * H + 127) / 128, 1, 1, 128, 0};
  }
  if (name == "vsr_scene_grid") {
    a.halves(FRAME / 2, 1), a.output((size_t)3 * 64 * 36 * 4);
    picture(a, W, H, variant);
    return {3, 3, 1, 128, 0};  // six rows of cells; the rest of the output stays as it is
  }
  a.halves((size_t)3 * W * H, 1), a.output(FRAME);  // vsr_frame_out
  picture(a, W, H, variant);
  return {(W * H + 127) / 128, 1, 1, 128, 0};  // enough for full chroma
}

// launch adds the output to the hash; error tells how it went.
uint64_t launch(CUmodule m, const std::string& name, int variant, uint64_t h, int& error) {
  Args a;
  Shape s = setup(name, a, variant);
  CUfunction f;
  must(cuModuleGetFunction(&f, m, name.c_str()), name.c_str());
  std::vector<void*> params;
  for (uint64_t& c : a.cells) params.push_back(&c);
  error = cuLaunchKernel(f, s.gx, s.gy, s.gz, s.threads, 1, 1, s.shared, nullptr, params.data(), nullptr);
  if (!error) error = cuCtxSynchronize();
  std::vector<uint8_t> out(a.out_bytes);
  if (!error) error = cuMemcpyDtoH_v2(out.data(), a.out, out.size());
  for (CUdeviceptr p : a.buffers) cuMemFree_v2(p);
  for (uint8_t b : out) h = (h ^ b) * 1099511628211ull;  // FNV-1a
  return h;
}

// launches runs a kernel on all its variants and returns the hash.
uint64_t launches(CUmodule m, const std::string& name, int& error) {
  uint64_t h = 14695981039346656037ull;
  for (int v = 0; v < variants(name) && !error; v++) h = launch(m, name, v, h, error);
  return h;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) return fprintf(stderr, "usage: check PTX-FILE [pattern]\n"), 2;
  std::ifstream in(argv[1]);
  std::stringstream text;
  text << in.rdbuf();
  CUcontext context;
  CUmodule module;
  must(cuInit(0), "cuInit");
  must(cuDevicePrimaryCtxRetain(&context, 0), "context");
  must(cuCtxSetCurrent(context), "context");
  must(cuModuleLoadData(&module, text.str().c_str()), "module");
  std::string error;
  auto names = emu::load_source(text.str().c_str(), error)->names();
  bool failed = false;
  for (const std::string& name : names) {
    if (argc > 2 && name.find(argv[2]) == std::string::npos) continue;
    int e1 = 0, e2 = 0;
    uint64_t h1 = launches(module, name, e1), h2 = e1 ? 0 : launches(module, name, e2);
    if (e1 || e2) {
      printf("%s error %d\n", name.c_str(), e1 ? e1 : e2);
      return 1;  // the context is lost
    }
    printf("%s %016llx%s\n", name.c_str(), (unsigned long long)h1, h1 == h2 ? "" : " differs with the seed");
    failed |= h1 != h2;
  }
  return failed;
}
