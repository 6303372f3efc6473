// Between filters and the Winograd domain: U = G g G^T before a convolution, dg = G^T dU G after the gradient.
#include "vec.h"

// The two halves of the 6x3 matrix G that are not trivial; rows 0 and 5 are g0/4 and g2.
INLINE void wino_g(vf *o, vf g0, vf g1, vf g2) {
    vf s = vmul(vadd(g0, g2), vset(-1.0f / 6)), q = vfma(g2, vset(1.0f / 6), vmul(g0, vset(1.0f / 24)));
    o[0] = vmul(g0, vset(0.25f));
    o[1] = vfnma(g1, vset(1.0f / 6), s);
    o[2] = vfma(g1, vset(1.0f / 6), s);
    o[3] = vfma(g1, vset(1.0f / 12), q);
    o[4] = vfnma(g1, vset(1.0f / 12), q);
    o[5] = g2;
}

// o = G^T u for one column.
INLINE void wino_gt(vf *o, vf u0, vf u1, vf u2, vf u3, vf u4, vf u5) {
    vf s = vadd(u1, u2), d = vsub(u2, u1), p = vadd(u3, u4), q = vsub(u3, u4);
    o[0] = vfma(u0, vset(0.25f), vfma(p, vset(1.0f / 24), vmul(s, vset(-1.0f / 6))));
    o[1] = vfma(d, vset(1.0f / 6), vmul(q, vset(1.0f / 12)));
    o[2] = vadd(u5, vfma(p, vset(1.0f / 6), vmul(s, vset(-1.0f / 6))));
}

// Fills inputs [from,to) of u [36][in][PAD16(out)], in panels (gemm.h), from 3x3 filters: tap t of input i and output o is
// w[i*in_step + o*out_step + (flip ? 8-t : t)].
static void FN(wino_filter)(float *u, const float *w, int in, int out, int in_step, int out_step, int flip, int from, int to) {
    int kp = PAD16(out);
    for (int c = from; c < to; c++)
        for (int k = 0; k < kp; k += VL) {
            float tap[9][VL];
            memset(tap, 0, sizeof tap);
            for (int j = 0; j < VL && k + j < out; j++)
                for (int t = 0; t < 9; t++) tap[t][j] = w[(size_t)c * in_step + (size_t)(k + j) * out_step + (flip ? 8 - t : t)];
            vf s[6][3];
            for (int j = 0; j < 3; j++) {
                vf o[6];
                wino_g(o, vload(tap[j]), vload(tap[3 + j]), vload(tap[6 + j]));
                for (int i = 0; i < 6; i++) s[i][j] = o[i];
            }
            int panel = k & ~31, width = kp - panel < 32 ? 16 : 32;
            float *at = u + (size_t)panel * in + (size_t)c * width + (k - panel);
            for (int i = 0; i < 6; i++) {
                vf o[6];
                wino_g(o, s[i][0], s[i][1], s[i][2]);
                for (int j = 0; j < 6; j++) vstore(at + (size_t)(6 * i + j) * in * kp, o[j]);
            }
        }
}

// Fills inputs [from,to) of dw [out,in,3,3] from chunks partial sums, each du [36][PAD16(in)][PAD16(out)], distance apart;
// they are added in their order.
static void FN(wino_filter_gradient)(float *dw, const float *du, size_t distance, int chunks, int in, int out, int from, int to) {
    int cp = PAD16(in), kp = PAD16(out);
    for (int c = from; c < to; c++)
        for (int k = 0; k < out; k += VL) {
            vf u[36], s[3][6];
            for (int p = 0; p < 36; p++) {
                const float *at = du + ((size_t)p * cp + c) * kp + k;
                vf sum = vload(at);
                for (int i = 1; i < chunks; i++) sum = vadd(sum, vload(at + i * distance));
                u[p] = sum;
            }
            for (int j = 0; j < 6; j++) {
                vf o[3];
                wino_gt(o, u[j], u[6 + j], u[12 + j], u[18 + j], u[24 + j], u[30 + j]);
                for (int i = 0; i < 3; i++) s[i][j] = o[i];
            }
            float tap[9][VL];
            for (int i = 0; i < 3; i++) {
                vf o[3];
                wino_gt(o, s[i][0], s[i][1], s[i][2], s[i][3], s[i][4], s[i][5]);
                for (int j = 0; j < 3; j++) vstore(tap[3 * i + j], o[j]);
            }
            for (int j = 0; j < VL && k + j < out; j++)
                for (int t = 0; t < 9; t++) dw[((size_t)(k + j) * in + c) * 9 + t] = tap[t][j];
        }
}
