#include "fake.h"

#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace fake {

State& state() {
  static State* s = [] {
    auto* n = new State;
    n->rng = emu::Rng((uint64_t)setting("VSR_EMU_SEED", 1));
    return n;
  }();
  return *s;
}

long setting(const char* name, long otherwise) {
  const char* v = getenv(name);
  return v && *v ? strtol(v, nullptr, 0) : otherwise;
}

void message(const std::string& what) { fprintf(stderr, "emulated driver: %s\n", what.c_str()); }

CUresult Heap::take(size_t bytes, size_t limit, uint64_t& at) {
  if (!bytes) return CUDA_ERROR_INVALID_VALUE;
  void* p = nullptr;
  if (used_ + bytes > limit || posix_memalign(&p, 512, bytes)) return CUDA_ERROR_OUT_OF_MEMORY;
  memset(p, 0xff, bytes);  // not a number as half and as float: uninitialised reads show
  at = (uint64_t)p;
  live_[at] = bytes;
  used_ += bytes;
  return CUDA_SUCCESS;
}

bool Heap::give(uint64_t at) {
  auto i = live_.find(at);
  if (i == live_.end()) return false;
  used_ -= i->second;
  live_.erase(i);
  last_ = last_end_ = 0;
  free((void*)at);
  return true;
}

bool Heap::ok(uint64_t at, size_t bytes) {
  if (at >= last_ && at + bytes <= last_end_) return true;
  auto i = live_.upper_bound(at);
  if (i == live_.begin()) return false;
  --i;
  if (at + bytes > i->first + i->second) return false;
  last_ = i->first, last_end_ = i->first + i->second;
  return true;
}

// injected reads VSR_EMU_FAIL, "function:n:code": the n-th call of the function from now on fails with the code.
static CUresult injected(const char* function) {
  State& s = state();
  const char* text = getenv("VSR_EMU_FAIL");
  if (!text || !*text) {
    s.injection.clear();
    return CUDA_SUCCESS;
  }
  std::string t(text);
  size_t a = t.find(':'), b = t.find(':', a + 1);
  if (a == std::string::npos || b == std::string::npos) return CUDA_SUCCESS;
  if (t != s.injection) {
    s.injection = t;
    s.left = strtol(t.c_str() + a + 1, nullptr, 10);
  }
  if (t.substr(0, a) != function || --s.left != 0) return CUDA_SUCCESS;
  CUresult r = (CUresult)strtol(t.c_str() + b + 1, nullptr, 10);
  if ((int)r >= 700 && (int)r < 720) s.lost = r;
  return r;
}

thread_local CUcontext current = nullptr;

CUresult enter(const char* function, bool needs_context) {
  State& s = state();
  if (CUresult r = injected(function)) return r;
  if (s.lost) return s.lost;
  if (!s.started && strcmp(function, "cuInit")) return CUDA_ERROR_NOT_INITIALIZED;
  if (needs_context && !current) return CUDA_ERROR_INVALID_CONTEXT;
  return CUDA_SUCCESS;
}

CUresult put(CUstream stream, Task t) {
  State& s = state();
  if (stream && !s.streams.count(stream)) return CUDA_ERROR_INVALID_HANDLE;
  if (!stream) stream = &s.null_stream;
  if (stream->capture) {
    if (t.after) return (CUresult)905;  // an event from outside: CUDA_ERROR_STREAM_CAPTURE_ISOLATION
    stream->capture->tasks.push_back(std::move(t));
    return CUDA_SUCCESS;
  }
  stream->tasks.push_back(std::move(t));
  return CUDA_SUCCESS;
}

// step runs the first task of a stream if it may run.
static bool step(CUstream stream) {
  State& s = state();
  if (stream->tasks.empty()) return false;
  Task& front = stream->tasks.front();
  if (front.after && front.after->reached < front.count) return false;
  Task t = std::move(front);
  stream->tasks.pop_front();
  if (!t.run) return true;
  CUresult r = t.run();
  if (r && !s.lost) s.lost = r;
  return true;
}

CUresult drain(const std::function<bool()>& done) {
  State& s = state();
  while (!done()) {
    std::vector<CUstream> order(s.streams.begin(), s.streams.end());
    order.push_back(&s.null_stream);
    s.rng.shuffle(order);
    bool moved = false;
    for (CUstream stream : order)
      if ((moved = step(stream))) break;
    if (!moved) {
      message("streams wait for each other");
      return CUDA_ERROR_LAUNCH_TIMEOUT;
    }
  }
  return s.lost;
}

CUresult drain_all() {
  return drain([] {
    for (CUstream stream : state().streams)
      if (!stream->tasks.empty()) return false;
    return state().null_stream.tasks.empty();
  });
}

}  // namespace fake
