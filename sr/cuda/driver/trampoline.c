//go:build nvidia

// Every driver function as a C function of the same name that forwards to the library opened at run time.
#define _GNU_SOURCE
#include "trampoline.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

static pthread_once_t once = PTHREAD_ONCE_INIT;
static char library[4096] = "libcuda.so.1";
static char status[4600];
static int usable; // the library is open and its cuInit said yes
static CUresult init_result = CUDA_ERROR_NO_DEVICE;

// One slot per function, filled by dlsym. A slot stays empty when the driver is too old or too new for a name.
static struct {
#define VSR_CU(name, params, args) CUresult(*name) params;
#include "cuda_functions.h"
} slot;

static void load(void) {
  void *h = dlopen(library, RTLD_NOW | RTLD_LOCAL);
  if (!h) {
    snprintf(status, sizeof status, "no NVIDIA driver: %s", dlerror());
    return;
  }
#define VSR_CU(name, params, args) *(void **)&slot.name = dlsym(h, #name);
#include "cuda_functions.h"
  if (!slot.cuInit) {
    snprintf(status, sizeof status, "%s is not a CUDA driver: it has no cuInit", library);
    return;
  }
  init_result = slot.cuInit(0);
  if (init_result != CUDA_SUCCESS) {
    const char *text = NULL;
    if (slot.cuGetErrorString) slot.cuGetErrorString(init_result, &text);
    snprintf(status, sizeof status, "the NVIDIA driver does not start: %s (CUDA error %d)",
             text ? text : "unknown error", (int)init_result);
    return;
  }
  usable = 1;
}

int vsr_cuda_library(const char *path) {
  if (status[0] || usable || strlen(path) >= sizeof library) return 0;
  strcpy(library, path);
  return 1;
}

const char *vsr_cuda_status(void) {
  pthread_once(&once, load);
  return status;
}

// cuInit succeeds without touching the driver, because gorgonia.org/cu ends the process if it fails at program start.
CUresult cuInit(unsigned int flags) {
  (void)flags;
  return CUDA_SUCCESS;
}

CUresult cuDeviceGetCount(int *count) {
  pthread_once(&once, load);
  *count = 0;
  return usable && slot.cuDeviceGetCount ? slot.cuDeviceGetCount(count) : CUDA_SUCCESS;
}

static CUresult absent(void) { return usable ? CUDA_ERROR_NOT_FOUND : init_result; }

#define VSR_CU_OWN(name, params, args)
#define VSR_CU(name, params, args)                                         \
  CUresult name params {                                                   \
    pthread_once(&once, load);                                             \
    return usable && slot.name ? slot.name args : absent();                \
  }
#include "cuda_functions.h"
