// The fake driver's objects. Streams are lazy: what is put on them runs only when somebody waits, in random order between streams.
#pragma once
#include <cuda.h>

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "engine.h"

struct CUctx_st {
  int device = 0;
};

// Moment counts how often an event was recorded on a stream and how often the stream has got there.
struct Moment {
  uint64_t wanted = 0, reached = 0;
};
struct CUevent_st {
  std::shared_ptr<Moment> moment = std::make_shared<Moment>();
};

struct Task {
  std::function<CUresult()> run;    // may be empty
  std::shared_ptr<Moment> after;    // not before this moment ...
  uint64_t count = 0;               // ... has been reached so often
};

struct CUgraph_st {
  std::vector<Task> tasks;
};
struct CUgraphExec_st {
  std::vector<Task> tasks;
};
struct CUstream_st {
  std::deque<Task> tasks;
  CUgraph capture = nullptr;
  std::thread::id capturer;  // the thread that began the capture
};

struct CUfunc_st {
  emu::Kernel* kernel = nullptr;
  int max_shared = 48 << 10;
};
struct CUmod_st {
  std::unique_ptr<emu::Module> module;
  std::map<std::string, CUfunc_st> functions;
};

namespace fake {

// Memory of the device (or pinned memory of the host): live allocations by address.
class Heap : public emu::Access {
 public:
  CUresult take(size_t bytes, size_t limit, uint64_t& at);
  bool give(uint64_t at);
  bool ok(uint64_t at, size_t bytes) override;
  size_t used() const { return used_; }
  size_t count() const { return live_.size(); }

 private:
  std::map<uint64_t, size_t> live_;
  size_t used_ = 0;
  uint64_t last_ = 0, last_end_ = 0;  // the allocation of the last question
};

struct State {
  std::recursive_mutex mutex;
  bool started = false;
  CUresult lost = CUDA_SUCCESS;  // a failed kernel ends the context: every later call returns this
  Heap device, pinned;
  std::set<CUstream> streams;
  CUstream_st null_stream;
  std::set<CUevent> events;
  std::set<CUgraph> graphs;
  std::set<CUgraphExec> execs;
  std::set<CUmodule> modules;
  int contexts = 0;  // retained
  unsigned context_flags = 0;  // of the primary context
  std::multiset<std::thread::id> capturing;  // threads, for each stream that they capture
  emu::Rng rng{1};
  std::string injection;  // the text of VSR_EMU_FAIL that left counts down
  long left = 0;
};
State& state();

// setting reads one VSR_EMU_* variable at the time of the call, so that a test can change it.
long setting(const char* name, long otherwise);

// enter is the first line of every call: it starts nothing, but reports an injected or an earlier failure.
CUresult enter(const char* function, bool needs_context = true);

// put appends to a stream, or to the graph that it is captured into.
CUresult put(CUstream s, Task t);

// drain runs tasks of all streams in random order until done says so.
CUresult drain(const std::function<bool()>& done);
CUresult drain_all();

// message goes to standard error: what a kernel did wrong, why a module was refused.
void message(const std::string& what);

}  // namespace fake
