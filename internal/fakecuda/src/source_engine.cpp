// The source engine's module: the kernels compiled for the host, called by name with the parameters of a launch.
#include "../../../sr/cuda/kernels/vsr.cu"

#include <map>
#include <utility>

#include "engine.h"
#include "ptx.h"

namespace emu {
namespace {

typedef void (*Thunk)(void**);
struct Twin {
  Thunk thunk;
  std::vector<int> bytes;
};

template <auto K>
struct Call;
template <class... A, void (*K)(A...)>
struct Call<K> {
  template <size_t... I>
  static void apply(void** p, std::index_sequence<I...>) {
    K(*(A*)p[I]...);
  }
  static void thunk(void** p) { apply(p, std::index_sequence_for<A...>{}); }
  static Twin twin() { return {thunk, {(int)sizeof(A)...}}; }
};

#define TWIN(k) {#k, Call<k>::twin()}
const std::map<std::string, Twin>& twins() {
  static const std::map<std::string, Twin> t = {
      TWIN(vsr_block_c16),   TWIN(vsr_block_c32),    TWIN(vsr_block_c64),   TWIN(vsr_block_c128), TWIN(vsr_conv3_n16),
      TWIN(vsr_conv3_n32),   TWIN(vsr_conv3_n64),    TWIN(vsr_first_conv),  TWIN(vsr_pool_partial),
      TWIN(vsr_pool_finish), TWIN(vsr_linear),       TWIN(vsr_tail3_s2),    TWIN(vsr_tail3_s3),   TWIN(vsr_tail3_s4),
      TWIN(vsr_tail5_s2),    TWIN(vsr_tail5_s3),     TWIN(vsr_tail5_s4),    TWIN(vsr_ring_s2),    TWIN(vsr_ring_s3),
      TWIN(vsr_ring_s4),     TWIN(vsr_rgb_in),       TWIN(vsr_frame_out), TWIN(vsr_scene_grid),
  };
  return t;
}

struct SourceKernel : Kernel {
  Thunk thunk = nullptr;
  std::string run(const Launch& l) override {
    return run_grid([&] { thunk(l.params); }, l);
  }
};

struct SourceModule : Module {
  std::map<std::string, SourceKernel> kernels;
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

std::unique_ptr<Module> load_source(const char* text, std::string& error) {
  auto m = std::make_unique<SourceModule>();
  try {
    for (const ptx::Program& p : ptx::parse(text)) {
      auto t = twins().find(p.name);
      if (t == twins().end()) return error = "entry " + p.name + " has no host-compiled twin", nullptr;
      if (p.param_bytes != t->second.bytes)
        return error = "entry " + p.name + " has other parameters than the source", nullptr;
      SourceKernel& k = m->kernels[p.name];
      k.name = p.name;
      k.thunk = t->second.thunk;
      k.max_threads = p.max_threads;
      k.param_bytes = p.param_bytes;
    }
  } catch (ptx::Error& e) {
    return error = e.what(), nullptr;
  }
  return m;
}

}  // namespace emu
