#define ISA avx512
#define LANES16
#include "vec.h"
#include "frame.h"
#include "end.h"
