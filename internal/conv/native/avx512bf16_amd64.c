// Training stays in float32, so its kernels are those of avx512.
#define ISA avx512bf16
#define LANES16
#define BF16
#include "ops.h"
#include "vec.h"
#include "peak.h"
#include "end.h"
