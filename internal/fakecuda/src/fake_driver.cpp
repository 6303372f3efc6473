// A libcuda.so.1 without a card: devices, contexts, memory, streams, events and graphs of the driver interface, as far as
// gorgonia.org/cu and sr/cuda use them. See ../README.md for the variables that steer it.
#include <cstdio>
#include <cstring>

#include "fake.h"

using fake::enter;
using fake::put;
using fake::state;

#define API extern "C" __attribute__((visibility("default"))) CUresult
#define ENTER_WITH(context)                                   \
  std::lock_guard<std::recursive_mutex> lock(state().mutex); \
  if (CUresult r_ = enter(__func__, context)) return r_;
#define ENTER() ENTER_WITH(true)

namespace fake {
extern thread_local CUcontext current;
static CUctx_st primary[8];
static int devices() { return (int)setting("VSR_EMU_DEVICES", 1); }
static size_t memory() { return (size_t)setting("VSR_EMU_MEMORY", 4096) << 20; }
static bool device_ok(CUdevice d) { return d >= 0 && d < devices() && d < 8; }
static bool bytes_ok(CUdeviceptr p, size_t n) { return state().device.ok(p, n); }
}  // namespace fake

API cuInit(unsigned int flags) {
  ENTER_WITH(false)
  if (flags) return CUDA_ERROR_INVALID_VALUE;
  state().started = true;
  return CUDA_SUCCESS;
}
API cuDriverGetVersion(int* v) {
  ENTER_WITH(false)
  *v = (int)fake::setting("VSR_EMU_DRIVER", 12060);
  return CUDA_SUCCESS;
}
API cuDeviceGetCount(int* n) {
  ENTER_WITH(false)
  *n = fake::devices();
  return CUDA_SUCCESS;
}
API cuDeviceGet(CUdevice* d, int i) {
  ENTER_WITH(false)
  if (!fake::device_ok(i)) return CUDA_ERROR_INVALID_DEVICE;
  *d = i;
  return CUDA_SUCCESS;
}
API cuDeviceGetName(char* s, int n, CUdevice) {
  ENTER_WITH(false)
  snprintf(s, n, "FAKE (CPU emulation, not a GPU)");
  return CUDA_SUCCESS;
}
API cuDeviceGetUuid(CUuuid* id, CUdevice d) {
  ENTER_WITH(false)
  if (!fake::device_ok(d)) return CUDA_ERROR_INVALID_DEVICE;
  memset(id, 0xfa, sizeof *id);
  id->bytes[15] = (char)d;
  return CUDA_SUCCESS;
}
API cuDeviceGetUuid_v2(CUuuid* id, CUdevice d) { return cuDeviceGetUuid(id, d); }
API cuDeviceTotalMem_v2(size_t* n, CUdevice) {
  ENTER_WITH(false)
  *n = fake::memory();
  return CUDA_SUCCESS;
}
// Attributes from 9000 on count live objects, for leak tests.
API cuDeviceGetAttribute(int* v, CUdevice_attribute a, CUdevice d) {
  ENTER_WITH(false)
  if (!fake::device_ok(d)) return CUDA_ERROR_INVALID_DEVICE;
  auto& s = state();
  int cc = (int)fake::setting("VSR_EMU_CC", 86);
  switch ((int)a) {
    case 1: *v = 1024; break;            // threads of a block
    case 8: *v = 48 << 10; break;        // shared bytes of a block
    case 10: *v = 32; break;             // warp size
    case 13: *v = 1000000; break;        // clock, kHz
    case 14: *v = 512; break;            // alignment of textures, to which FFmpeg rounds its planes
    case 16: *v = 1; break;              // multiprocessors
    case 75: *v = cc / 10; break;        // compute capability
    case 76: *v = cc % 10; break;
    case 97: *v = 99 << 10; break;       // shared bytes of a block, on request
    case 9000: *v = (int)s.device.count(); break;
    case 9001: *v = (int)s.pinned.count(); break;
    case 9002: *v = (int)s.streams.size(); break;
    case 9003: *v = (int)s.events.size(); break;
    case 9004: *v = (int)(s.graphs.size() + s.execs.size()); break;
    case 9005: *v = (int)s.modules.size(); break;
    case 9006: *v = s.contexts; break;
    default: *v = 0;
  }
  return CUDA_SUCCESS;
}
API cuGetErrorString(CUresult r, const char** s) {
  static thread_local char text[64];
  snprintf(text, sizeof text, "error %d of the emulated driver", (int)r);
  *s = text;
  return CUDA_SUCCESS;
}

API cuDevicePrimaryCtxRetain(CUcontext* c, CUdevice d) {
  ENTER_WITH(false)
  if (!fake::device_ok(d)) return CUDA_ERROR_INVALID_DEVICE;
  fake::primary[d].device = d;
  *c = &fake::primary[d];
  state().contexts++;
  return CUDA_SUCCESS;
}
API cuDevicePrimaryCtxRelease_v2(CUdevice) {
  std::lock_guard<std::recursive_mutex> lock(state().mutex);
  if (state().contexts <= 0) return CUDA_ERROR_INVALID_CONTEXT;
  if (--state().contexts == 0) {  // a new context starts healthy, and without the work of the old one
    state().lost = CUDA_SUCCESS;
    state().null_stream.tasks.clear();
  }
  return CUDA_SUCCESS;
}
API cuCtxSetCurrent(CUcontext c) {
  ENTER_WITH(false)
  fake::current = c;
  return CUDA_SUCCESS;
}
API cuCtxGetCurrent(CUcontext* c) {
  ENTER_WITH(false)
  *c = fake::current;
  return CUDA_SUCCESS;
}
static thread_local std::vector<CUcontext> below;
API cuCtxPushCurrent_v2(CUcontext c) {
  ENTER_WITH(false)
  below.push_back(fake::current);
  fake::current = c;
  return CUDA_SUCCESS;
}
API cuCtxPopCurrent_v2(CUcontext* c) {
  ENTER_WITH(false)
  if (c) *c = fake::current;
  fake::current = below.empty() ? nullptr : below.back();
  if (!below.empty()) below.pop_back();
  return CUDA_SUCCESS;
}
API cuCtxGetDevice(CUdevice* d) {
  ENTER()
  *d = fake::current->device;
  return CUDA_SUCCESS;
}
API cuCtxSynchronize() {
  ENTER()
  return fake::drain_all();
}

API cuMemGetInfo_v2(size_t* free_bytes, size_t* total) {
  ENTER()
  *total = fake::memory();
  *free_bytes = *total - state().device.used();
  return CUDA_SUCCESS;
}
API cuMemAlloc_v2(CUdeviceptr* p, size_t n) {
  ENTER()
  // Captures are of one thread (CU_STREAM_CAPTURE_MODE_THREAD_LOCAL): others may allocate meanwhile.
  if (state().capturing.count(std::this_thread::get_id())) return (CUresult)900;  // CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED
  uint64_t at = 0;
  CUresult r = state().device.take(n, fake::memory(), at);
  *p = at;
  return r;
}
API cuMemFree_v2(CUdeviceptr p) {
  std::lock_guard<std::recursive_mutex> lock(state().mutex);
  if (!state().lost) fake::drain_all();
  return state().device.give(p) ? state().lost : CUDA_ERROR_INVALID_VALUE;
}
API cuMemHostAlloc(void** p, size_t n, unsigned int) {
  ENTER()
  uint64_t at = 0;
  CUresult r = state().pinned.take(n, fake::memory(), at);
  *p = (void*)at;
  return r;
}
API cuMemFreeHost(void* p) {
  std::lock_guard<std::recursive_mutex> lock(state().mutex);
  return state().pinned.give((uint64_t)p) ? CUDA_SUCCESS : CUDA_ERROR_INVALID_VALUE;
}

// upload reads pinned memory when the stream gets there, and pageable memory at once, as the driver's staging does.
static CUresult upload(CUdeviceptr d, const void* s, size_t n, CUstream stream) {
  if (!fake::bytes_ok(d, n)) return CUDA_ERROR_INVALID_VALUE;
  if (state().pinned.ok((uint64_t)s, n)) return put(stream, {[=] { return memcpy((void*)d, s, n), CUDA_SUCCESS; }, nullptr, 0});
  std::vector<uint8_t> copy((const uint8_t*)s, (const uint8_t*)s + n);
  return put(stream, {[=] { return memcpy((void*)d, copy.data(), n), CUDA_SUCCESS; }, nullptr, 0});
}
API cuMemcpyHtoD_v2(CUdeviceptr d, const void* s, size_t n) {
  ENTER()
  CUstream zero = &state().null_stream;
  if (CUresult r = fake::drain([=] { return zero->tasks.empty(); })) return r;
  if (CUresult r = upload(d, s, n, nullptr)) return r;
  if (n <= 64 << 10 && !state().pinned.ok((uint64_t)s, n)) return CUDA_SUCCESS;  // staged: it may return before the copy
  return fake::drain([=] { return zero->tasks.empty(); });
}
API cuMemcpyDtoH_v2(void* d, CUdeviceptr s, size_t n) {
  ENTER()
  if (!fake::bytes_ok(s, n)) return CUDA_ERROR_INVALID_VALUE;
  CUresult r = fake::drain([] { return state().null_stream.tasks.empty(); });  // other streams are not waited for
  if (!r) memcpy(d, (void*)s, n);
  return r;
}
API cuMemcpyHtoDAsync_v2(CUdeviceptr d, const void* s, size_t n, CUstream stream) {
  ENTER()
  return upload(d, s, n, stream);
}
API cuMemcpyDtoHAsync_v2(void* d, CUdeviceptr s, size_t n, CUstream stream) {
  ENTER()
  if (!fake::bytes_ok(s, n)) return CUDA_ERROR_INVALID_VALUE;
  return put(stream, {[=] { return memcpy(d, (void*)s, n), CUDA_SUCCESS; }, nullptr, 0});
}
API cuMemcpyDtoDAsync_v2(CUdeviceptr d, CUdeviceptr s, size_t n, CUstream stream) {
  ENTER()
  if (!fake::bytes_ok(d, n) || !fake::bytes_ok(s, n)) return CUDA_ERROR_INVALID_VALUE;
  return put(stream, {[=] { return memmove((void*)d, (void*)s, n), CUDA_SUCCESS; }, nullptr, 0});
}
API cuMemsetD8Async(CUdeviceptr d, unsigned char v, size_t n, CUstream stream) {
  ENTER()
  if (!fake::bytes_ok(d, n)) return CUDA_ERROR_INVALID_VALUE;
  return put(stream, {[=] { return memset((void*)d, v, n), CUDA_SUCCESS; }, nullptr, 0});
}
API cuMemsetD8_v2(CUdeviceptr d, unsigned char v, size_t n) {
  ENTER()
  return cuMemsetD8Async(d, v, n, nullptr);  // the host does not wait
}
// 2-D copies between host and device memory, for FFmpeg's hardware frames.
API cuMemcpy2DAsync_v2(const CUDA_MEMCPY2D* c, CUstream stream) {
  ENTER()
  if (c->srcMemoryType > CU_MEMORYTYPE_DEVICE || c->dstMemoryType > CU_MEMORYTYPE_DEVICE) return CUDA_ERROR_INVALID_VALUE;
  CUDA_MEMCPY2D m = *c;
  auto inside = [&](CUmemorytype type, CUdeviceptr p, size_t pitch, size_t x, size_t y) {
    if (!pitch) pitch = m.WidthInBytes;
    return type != CU_MEMORYTYPE_DEVICE || (m.WidthInBytes + x <= pitch && m.Height &&
                                            fake::bytes_ok(p + y * pitch + x, (m.Height - 1) * pitch + m.WidthInBytes));
  };
  if (!inside(m.srcMemoryType, m.srcDevice, m.srcPitch, m.srcXInBytes, m.srcY) ||
      !inside(m.dstMemoryType, m.dstDevice, m.dstPitch, m.dstXInBytes, m.dstY))
    return CUDA_ERROR_INVALID_VALUE;
  // As in upload: pageable memory is read at once.
  std::shared_ptr<std::vector<uint8_t>> staged;
  size_t last = (m.srcY + m.Height - 1) * (m.srcPitch ? m.srcPitch : m.WidthInBytes) + m.srcXInBytes + m.WidthInBytes;
  if (m.srcMemoryType == CU_MEMORYTYPE_HOST && m.Height && !state().pinned.ok((uint64_t)m.srcHost, last))
    staged = std::make_shared<std::vector<uint8_t>>((const uint8_t*)m.srcHost, (const uint8_t*)m.srcHost + last);
  return put(stream, {[m, staged] {
               auto s = m.srcMemoryType == CU_MEMORYTYPE_HOST ? (const uint8_t*)m.srcHost : (const uint8_t*)m.srcDevice;
               if (staged) s = staged->data();
               auto d = m.dstMemoryType == CU_MEMORYTYPE_HOST ? (uint8_t*)m.dstHost : (uint8_t*)m.dstDevice;
               size_t sp = m.srcPitch ? m.srcPitch : m.WidthInBytes, dp = m.dstPitch ? m.dstPitch : m.WidthInBytes;
               for (size_t y = 0; y < m.Height; y++)
                 memcpy(d + (m.dstY + y) * dp + m.dstXInBytes, s + (m.srcY + y) * sp + m.srcXInBytes, m.WidthInBytes);
               return CUDA_SUCCESS;
             }, nullptr, 0});
}

API cuStreamCreate(CUstream* s, unsigned int) {
  ENTER()
  *s = new CUstream_st;
  state().streams.insert(*s);
  return CUDA_SUCCESS;
}
API cuStreamCreateWithPriority(CUstream* s, unsigned int flags, int) { return cuStreamCreate(s, flags); }
API cuStreamDestroy_v2(CUstream s) {
  std::lock_guard<std::recursive_mutex> lock(state().mutex);
  if (!state().streams.count(s)) return CUDA_ERROR_INVALID_HANDLE;
  if (!state().lost) fake::drain([&] { return s->tasks.empty(); });
  state().streams.erase(s);
  delete s;
  return CUDA_SUCCESS;
}
API cuStreamSynchronize(CUstream s) {
  ENTER()
  if (s && s->capture) return (CUresult)900;
  if (!s) s = &state().null_stream;
  return fake::drain([&] { return s->tasks.empty(); });
}
API cuStreamWaitEvent(CUstream s, CUevent e, unsigned int) {
  ENTER()
  return put(s, {nullptr, e->moment, e->moment->wanted});
}
API cuEventCreate(CUevent* e, unsigned int) {
  ENTER()
  *e = new CUevent_st;
  state().events.insert(*e);
  return CUDA_SUCCESS;
}
API cuEventDestroy_v2(CUevent e) {
  std::lock_guard<std::recursive_mutex> lock(state().mutex);
  if (!state().events.erase(e)) return CUDA_ERROR_INVALID_HANDLE;
  delete e;
  return CUDA_SUCCESS;
}
API cuEventRecord(CUevent e, CUstream s) {
  ENTER()
  auto m = e->moment;
  uint64_t n = ++m->wanted;
  return put(s, {[m, n] {
               if (m->reached < n) m->reached = n;
               return CUDA_SUCCESS;
             }, nullptr, 0});
}
API cuEventQuery(CUevent e) {
  ENTER()
  return e->moment->reached >= e->moment->wanted ? CUDA_SUCCESS : CUDA_ERROR_NOT_READY;
}
API cuEventSynchronize(CUevent e) {
  ENTER()
  auto m = e->moment;
  return fake::drain([m] { return m->reached >= m->wanted; });
}
API cuEventElapsedTime(float* ms, CUevent, CUevent) {
  ENTER()
  *ms = 1;  // there is no time here
  return CUDA_SUCCESS;
}

API cuStreamBeginCapture_v2(CUstream s, CUstreamCaptureMode mode) {
  ENTER()
  if (!s || s->capture || mode != CU_STREAM_CAPTURE_MODE_THREAD_LOCAL) return CUDA_ERROR_INVALID_VALUE;  // no other mode is used
  s->capture = new CUgraph_st;
  state().graphs.insert(s->capture);
  s->capturer = std::this_thread::get_id();
  state().capturing.insert(s->capturer);
  return CUDA_SUCCESS;
}
API cuStreamEndCapture(CUstream s, CUgraph* g) {
  std::lock_guard<std::recursive_mutex> lock(state().mutex);
  CUresult r = enter(__func__, true);
  if (!s || !s->capture) return CUDA_ERROR_INVALID_VALUE;
  if (s->capturer != std::this_thread::get_id()) return (CUresult)908;  // CUDA_ERROR_STREAM_CAPTURE_WRONG_THREAD
  *g = s->capture;
  s->capture = nullptr;
  state().capturing.erase(state().capturing.find(s->capturer));
  if (!r) return CUDA_SUCCESS;
  state().graphs.erase(*g);  // a failure ends the capture all the same
  delete *g;
  *g = nullptr;
  return r;
}
API cuGraphInstantiateWithFlags(CUgraphExec* x, CUgraph g, unsigned long long) {
  ENTER()
  if (fake::setting("VSR_EMU_DRIVER", 12060) < 11040) return CUDA_ERROR_NOT_FOUND;
  *x = new CUgraphExec_st{g->tasks};
  state().execs.insert(*x);
  return CUDA_SUCCESS;
}
API cuGraphLaunch(CUgraphExec x, CUstream s) {
  ENTER()
  if (!state().execs.count(x)) return CUDA_ERROR_INVALID_HANDLE;
  for (const Task& t : x->tasks)
    if (CUresult r = put(s, t)) return r;
  return CUDA_SUCCESS;
}
API cuGraphDestroy(CUgraph g) {
  std::lock_guard<std::recursive_mutex> lock(state().mutex);
  if (!state().graphs.erase(g)) return CUDA_ERROR_INVALID_HANDLE;
  delete g;
  return CUDA_SUCCESS;
}
API cuGraphExecDestroy(CUgraphExec x) {
  std::lock_guard<std::recursive_mutex> lock(state().mutex);
  if (!state().execs.erase(x)) return CUDA_ERROR_INVALID_HANDLE;
  delete x;
  return CUDA_SUCCESS;
}
