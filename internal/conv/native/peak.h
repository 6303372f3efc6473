// The multiply-add peak of one core: loops that do nothing else, on registers.
#include "vec.h"

#define PEAK_ACCUMULATORS 12 // more than latency times issue rate of any core we know (4 cycles x 2)

// Runs n rounds of fused multiply-adds and returns how many floating-point operations that was.
static double FN(peak_fp32)(long n, float zero) {
    vf acc[PEAK_ACCUMULATORS], x = vset(zero), y = vset(1 + zero);
    UNROLL
    for (int i = 0; i < PEAK_ACCUMULATORS; i++) acc[i] = vset((float)i);
    for (long r = 0; r < n; r++) {
        UNROLL
        for (int i = 0; i < PEAK_ACCUMULATORS; i++) acc[i] = vfma(x, y, acc[i]);
    }
    vf sum = acc[0];
    UNROLL
    for (int i = 1; i < PEAK_ACCUMULATORS; i++) sum = vadd(sum, acc[i]);
    float out[VL];
    vstore(out, sum);
    return (double)n * PEAK_ACCUMULATORS * VL * 2 + (double)(out[0] * zero); // out is used, so the loop stays
}

#ifdef BF16
static double FN(peak_bf16)(long n, float zero) {
    vf acc[PEAK_ACCUMULATORS], x = vset(zero), y = vset(zero);
    UNROLL
    for (int i = 0; i < PEAK_ACCUMULATORS; i++) acc[i] = vset((float)i);
    for (long r = 0; r < n; r++) {
        UNROLL
        for (int i = 0; i < PEAK_ACCUMULATORS; i++) VDOT_BF16(acc[i], x, y);
    }
    vf sum = acc[0];
    UNROLL
    for (int i = 1; i < PEAK_ACCUMULATORS; i++) sum = vadd(sum, acc[i]);
    float out[VL];
    vstore(out, sum);
    return (double)n * PEAK_ACCUMULATORS * VL * 4 + (double)(out[0] * zero);
}
#endif

const struct peak_ops FN(peak_ops) = {
    .fp32 = FN(peak_fp32),
#ifdef BF16
    .bf16 = FN(peak_bf16),
#endif
};
