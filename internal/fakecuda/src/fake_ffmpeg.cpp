// What FFmpeg's CUDA code (libavutil/hwcontext_cuda.c) wants of the driver beyond what the engine uses. Its loader refuses a library
// that lacks one of its names, so those that it does not call for plain frames are here and say that they are not supported.
#include <cstdio>

#include "fake.h"

using fake::enter;
using fake::state;

#define API extern "C" __attribute__((visibility("default"))) CUresult
#define ENTER_WITH(context)                                   \
  std::lock_guard<std::recursive_mutex> lock(state().mutex); \
  if (CUresult r_ = enter(__func__, context)) return r_;
#define ENTER() ENTER_WITH(true)

API cuDeviceComputeCapability(int* major, int* minor, CUdevice d) {
  CUresult r = cuDeviceGetAttribute(major, (CUdevice_attribute)75, d);
  return r ? r : cuDeviceGetAttribute(minor, (CUdevice_attribute)76, d);
}
API cuDevicePrimaryCtxGetState(CUdevice, unsigned int* flags, int* active) {
  ENTER_WITH(false)
  *flags = state().context_flags, *active = state().contexts > 0;
  return CUDA_SUCCESS;
}
#undef cuDevicePrimaryCtxSetFlags
#undef cuDevicePrimaryCtxRelease
#undef cuDevicePrimaryCtxReset
API cuDevicePrimaryCtxSetFlags_v2(CUdevice, unsigned int flags) {
  ENTER_WITH(false)
  state().context_flags = flags;
  return CUDA_SUCCESS;
}
API cuDevicePrimaryCtxSetFlags(CUdevice d, unsigned int flags) { return cuDevicePrimaryCtxSetFlags_v2(d, flags); }
API cuDevicePrimaryCtxRelease(CUdevice d) { return cuDevicePrimaryCtxRelease_v2(d); }
API cuGetErrorName(CUresult r, const char** s) { return cuGetErrorString(r, s); }
API cuStreamQuery(CUstream s) {
  ENTER()
  if (!s) s = &state().null_stream;
  return s->tasks.empty() ? CUDA_SUCCESS : CUDA_ERROR_NOT_READY;
}
API cuMemcpy2D_v2(const CUDA_MEMCPY2D* c) {
  ENTER()
  CUresult r = cuMemcpy2DAsync_v2(c, nullptr);
  return r ? r : cuStreamSynchronize(nullptr);
}

extern "C" __attribute__((visibility("hidden"), used)) CUresult vsr_emu_not_supported() {
  fake::message("a call that is not emulated");
  return (CUresult)801;  // CUDA_ERROR_NOT_SUPPORTED
}
#define MISSING(name) __asm__(".globl " #name "\n.type " #name ", @function\n" #name ":\n jmp vsr_emu_not_supported\n")
MISSING(cuArray3DCreate_v2);
MISSING(cuArrayCreate_v2);
MISSING(cuArrayDestroy);
MISSING(cuCtxCreate_v2);
MISSING(cuCtxDestroy_v2);
MISSING(cuCtxSetLimit);
MISSING(cuDestroyExternalMemory);
MISSING(cuDestroyExternalSemaphore);
MISSING(cuDeviceGetByPCIBusId);
MISSING(cuDeviceGetLuid);
MISSING(cuDeviceGetPCIBusId);
MISSING(cuDevicePrimaryCtxReset);
MISSING(cuEGLStreamConsumerDisconnect);
MISSING(cuEGLStreamProducerConnect);
MISSING(cuEGLStreamProducerDisconnect);
MISSING(cuEGLStreamProducerPresentFrame);
MISSING(cuEGLStreamProducerReturnFrame);
MISSING(cuExternalMemoryGetMappedBuffer);
MISSING(cuExternalMemoryGetMappedMipmappedArray);
MISSING(cuGLGetDevices_v2);
MISSING(cuGraphicsGLRegisterImage);
MISSING(cuGraphicsMapResources);
MISSING(cuGraphicsResourceGetMappedPointer_v2);
MISSING(cuGraphicsSubResourceGetMappedArray);
MISSING(cuGraphicsUnmapResources);
MISSING(cuGraphicsUnregisterResource);
MISSING(cuImportExternalMemory);
MISSING(cuImportExternalSemaphore);
MISSING(cuLinkAddData);
MISSING(cuLinkComplete);
MISSING(cuLinkCreate);
MISSING(cuLinkDestroy);
MISSING(cuMemAllocManaged);
MISSING(cuMemAllocPitch_v2);
MISSING(cuMemcpy);
MISSING(cuMemcpyAsync);
MISSING(cuMemcpyDtoD_v2);
MISSING(cuMipmappedArrayDestroy);
MISSING(cuMipmappedArrayGetLevel);
MISSING(cuModuleGetGlobal);
MISSING(cuSignalExternalSemaphoresAsync);
MISSING(cuStreamAddCallback);
MISSING(cuTexObjectCreate);
MISSING(cuTexObjectDestroy);
MISSING(cuWaitExternalSemaphoresAsync);
