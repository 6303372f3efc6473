// The last include of a file that includes vec.h: ends its instruction set.
#if defined(__clang__) && !defined(LANES4)
#pragma clang attribute pop
#endif
