// The trampoline's own door. The driver's functions are those of cuda.h.
#ifndef VSR_TRAMPOLINE_H
#define VSR_TRAMPOLINE_H

#include <cuda.h>

// vsr_cuda_library names the file to open instead of libcuda.so.1. It works before the first driver call; 0 means too late.
int vsr_cuda_library(const char *path);

// vsr_cuda_status opens the driver if that has not happened and says why there is none. Empty: the driver is usable.
const char *vsr_cuda_status(void);

#endif
