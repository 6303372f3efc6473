// The tables of functions that each instruction set fills, and the calls that Go makes through them.
#ifndef VSR_OPS_H
#define VSR_OPS_H

#include "train_ops.h"

struct peak_ops {
    double (*fp32)(long n, float zero);
    double (*bf16)(long n, float zero); // NULL where there are no bfloat16 dot products
};

#if defined(__x86_64__)
extern const struct peak_ops peak_ops_avx2, peak_ops_avx512, peak_ops_avx512bf16;
extern const struct train_ops train_ops_avx2, train_ops_avx512;
#elif defined(__aarch64__)
extern const struct peak_ops peak_ops_neon;
extern const struct train_ops train_ops_neon;
#endif

static inline double call_peak(const struct peak_ops *o, int bf16, long n) {
    if (bf16) return o->bf16 ? o->bf16(n, 0) : 0;
    return o->fp32(n, 0);
}

#endif
