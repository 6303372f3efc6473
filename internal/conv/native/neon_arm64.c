#define ISA neon
#define LANES4
#include "ops.h"
#include "vec.h"
#include "peak.h"
#include "train.h"
#include "end.h"
