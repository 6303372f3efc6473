#define ISA neon
#define LANES4
#include "vec.h"
#include "frame.h"
#include "end.h"
