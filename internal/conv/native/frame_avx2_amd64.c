#define ISA avx2
#define LANES8
#include "vec.h"
#include "frame.h"
#include "end.h"
