#define ISA avx512bf16
#define LANES16
#define BF16
#include "vec.h"
#include "frame.h"
#include "end.h"
