#define ISA avx2
#define LANES8
#include "ops.h"
#include "vec.h"
#include "peak.h"
#include "train.h"
#include "end.h"
