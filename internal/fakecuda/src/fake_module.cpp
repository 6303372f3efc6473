// Modules, functions and launches of the fake driver.
#include <cstdlib>
#include <cstring>

#include "fake.h"

using fake::enter;
using fake::state;

#define API extern "C" __attribute__((visibility("default"))) CUresult
#define ENTER()                                                 \
  std::lock_guard<std::recursive_mutex> lock(state().mutex);    \
  if (CUresult r_ = enter(__func__)) return r_;

// VSR_EMU_ENGINE chooses what executes kernels: source (their C++ text, compiled for the host) or ptx (the interpreter).
static std::unique_ptr<emu::Module> load(const char* text, std::string& error) {
  const char* engine = getenv("VSR_EMU_ENGINE");
  if (engine && !strcmp(engine, "ptx")) return emu::load_ptx(text, error);
  return emu::load_source(text, error);
}

// too_new tells whether the text needs a newer driver than VSR_EMU_DRIVER claims to be: PTX 7.0 came with CUDA 11.0.
static bool too_new(const char* text) {
  const char* v = strstr(text, ".version ");
  return v && strtod(v + 9, nullptr) >= 7.0 && fake::setting("VSR_EMU_DRIVER", 12060) < 11000;
}

API cuModuleLoadDataEx(CUmodule* m, const void* image, unsigned int n, CUjit_option* options, void** values) {
  ENTER()
  std::string error;
  if (too_new((const char*)image)) return CUDA_ERROR_UNSUPPORTED_PTX_VERSION;
  auto module = load((const char*)image, error);
  for (unsigned int i = 0; !module && i < n; i++)
    if (options[i] == CU_JIT_ERROR_LOG_BUFFER && i + 1 < n) {
      size_t room = (size_t)values[i + 1];
      strncpy((char*)values[i], error.c_str(), room - 1);
      ((char*)values[i])[room - 1] = 0;
    }
  if (!module) return fake::message("module refused: " + error), CUDA_ERROR_INVALID_PTX;
  *m = new CUmod_st;
  (*m)->module = std::move(module);
  state().modules.insert(*m);
  return CUDA_SUCCESS;
}
API cuModuleLoadData(CUmodule* m, const void* image) { return cuModuleLoadDataEx(m, image, 0, nullptr, nullptr); }
API cuModuleUnload(CUmodule m) {
  std::lock_guard<std::recursive_mutex> lock(state().mutex);
  if (!state().modules.count(m)) return CUDA_ERROR_INVALID_HANDLE;
  if (!state().lost) fake::drain_all();
  state().modules.erase(m);
  delete m;
  return CUDA_SUCCESS;
}
API cuModuleGetFunction(CUfunction* f, CUmodule m, const char* name) {
  ENTER()
  emu::Kernel* k = m->module->find(name);
  if (!k) return CUDA_ERROR_NOT_FOUND;
  m->functions[name].kernel = k;
  *f = &m->functions[name];
  return CUDA_SUCCESS;
}
API cuFuncSetAttribute(CUfunction f, CUfunction_attribute a, int v) {
  ENTER()
  if (a == CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES) {
    if (v > 99 << 10) return CUDA_ERROR_INVALID_VALUE;
    f->max_shared = v;
  }
  return CUDA_SUCCESS;
}
API cuFuncGetAttribute(int* v, CUfunction_attribute a, CUfunction f) {
  ENTER()
  *v = (int)a == 0 ? f->kernel->max_threads : 0;
  return CUDA_SUCCESS;
}

API cuLaunchKernel(CUfunction f, unsigned int gx, unsigned int gy, unsigned int gz, unsigned int bx, unsigned int by,
                   unsigned int bz, unsigned int shared, CUstream s, void** params, void** extra) {
  ENTER()
  if (!f || extra || !gx || !gy || !gz || gy > 65535 || gz > 65535) return CUDA_ERROR_INVALID_VALUE;
  unsigned threads = bx * by * bz;
  if (!threads || threads > 1024) return CUDA_ERROR_INVALID_VALUE;
  if (f->kernel->max_threads && threads > (unsigned)f->kernel->max_threads) return CUDA_ERROR_LAUNCH_OUT_OF_RESOURCES;
  if (shared > (unsigned)f->max_shared) return CUDA_ERROR_INVALID_VALUE;
  std::vector<std::vector<uint8_t>> values;  // the driver copies parameters at the call
  for (size_t i = 0; i < f->kernel->param_bytes.size(); i++) {
    auto p = (const uint8_t*)params[i];
    values.emplace_back(p, p + f->kernel->param_bytes[i]);
  }
  emu::Kernel* kernel = f->kernel;
  return fake::put(s, {[=] {
                     std::vector<void*> pointers;
                     for (auto& v : values) pointers.push_back((void*)v.data());
                     emu::Launch l;
                     l.grid = {gx, gy, gz}, l.block = {bx, by, bz};
                     l.shared = shared, l.params = pointers.data();
                     l.seed = state().rng.next(), l.memory = &state().device;
                     std::string error = kernel->run(l);
                     if (error.empty()) return CUDA_SUCCESS;
                     fake::message(kernel->name + ": " + error);
                     return CUDA_ERROR_LAUNCH_FAILED;
                   }, nullptr, 0});
}
