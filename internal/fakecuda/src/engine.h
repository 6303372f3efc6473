// What the fake driver needs of an engine that executes kernels on the host.
#pragma once
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace emu {

struct Dim {
  unsigned x = 1, y = 1, z = 1;
};

// Access tells whether [at, at+bytes) lies inside one live allocation of device memory.
struct Access {
  virtual bool ok(uint64_t at, size_t bytes) = 0;
  virtual ~Access() = default;
};

// Launch is one kernel launch. The same seed gives the same order of threads, warps and blocks.
struct Launch {
  Dim grid, block;
  size_t shared = 0;  // bytes
  void** params = nullptr;
  uint64_t seed = 1;
  Access* memory = nullptr;  // nullptr trusts every global address
};

struct Kernel {
  std::string name;
  std::vector<int> param_bytes;
  int max_threads = 0;
  // run executes the launch; a non-empty result says what the kernel did wrong.
  virtual std::string run(const Launch&) = 0;
  virtual ~Kernel() = default;
};

struct Module {
  virtual Kernel* find(const std::string& name) = 0;
  virtual std::vector<std::string> names() = 0;
  virtual ~Module() = default;
};

// Loaders of PTX text. The source engine only reads the interface, which its compiled twins must match; the PTX engine executes
// the text. On failure they return nullptr and set error.
std::unique_ptr<Module> load_source(const char* ptx, std::string& error);
std::unique_ptr<Module> load_ptx(const char* ptx, std::string& error);

// Rng is xorshift64*: small, seeded, the same on every machine.
struct Rng {
  uint64_t s;
  explicit Rng(uint64_t seed) : s(seed * 0x9E3779B97F4A7C15ull + 0x2545F4914F6CDD1Dull) {}
  uint32_t next() {
    s ^= s >> 12, s ^= s << 25, s ^= s >> 27;
    return (uint32_t)((s * 0x2545F4914F6CDD1Dull) >> 32);
  }
  uint32_t below(uint32_t n) { return next() % n; }
  template <class T>
  void shuffle(std::vector<T>& v) {
    for (size_t i = v.size(); i > 1; i--) std::swap(v[i - 1], v[below((uint32_t)i)]);
  }
};

}  // namespace emu
