#define ISA avx512
#define LANES16
#include "ops.h"
#include "vec.h"
#include "peak.h"
#include "train.h"
#include "end.h"
