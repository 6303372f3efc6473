// The products of the frame kernels, one function for each number of tiles of a block and of vectors of columns: with both
// constant the compiler keeps all sums in registers. Included by frame_winograd.h.

// M = V U[36][c,k] + bias in the one place where the output transform spreads it evenly.
INLINE void frame_product(const void *Vv, const void *Uv, const float *bias, float *M, int c, int k, const int T, const int J, const int bf16) {
    for (int p = 0; p < 36; p++) {
        for (int kb = 0; kb < k; kb += J * VL) {
            vf acc[FRAME_TILES][3]; // not [T][J]: arrays of variable size live in memory
            UNROLL for (int j = 0; j < J; j++) {
                vf b = p == 7 ? vload(bias + kb + j * VL) : vset(0);
                UNROLL for (int t = 0; t < T; t++) acc[t][j] = b;
            }
#ifdef BF16
            if (bf16) {
                const uint16_t *v = (const uint16_t *)Vv + frame_v_point(p, T, c), *u = (const uint16_t *)Uv + ((size_t)p * k + kb) * c;
                for (int cb = 0; cb < c; cb += 16, v += T * FRAME_PAIR - 16) {
                    for (int i = 0; i < 16; i += 2, v += 2, u += J * 2 * VL) {
                        vf f[3];
                        UNROLL for (int j = 0; j < J; j++) f[j] = vload((const float *)(u + j * 2 * VL));
                        UNROLL for (int t = 0; t < T; t++) {
                            float pair;
                            memcpy(&pair, v + t * FRAME_PAIR, 4);
                            vf b = vset(pair);
                            UNROLL for (int j = 0; j < J; j++) VDOT_BF16(acc[t][j], b, f[j]);
                        }
                    }
                }
            } else
#endif
            {
                const float *v = (const float *)Vv + frame_v_point(p, T, c), *u = (const float *)Uv + ((size_t)p * k + kb) * c;
                for (int cb = 0; cb < c; cb += 16, v += T * FRAME_PAIR - 16) {
                    for (int i = 0; i < 16; i++, v++, u += J * VL) {
                        vf f[3];
                        UNROLL for (int j = 0; j < J; j++) f[j] = vload(u + j * VL);
                        UNROLL for (int t = 0; t < T; t++) {
                            vf b = vset(v[t * FRAME_PAIR]);
                            UNROLL for (int j = 0; j < J; j++) acc[t][j] = vfma(b, f[j], acc[t][j]);
                        }
                    }
                }
            }
            float *m = M + p * frame_step(T, k) + (ptrdiff_t)kb * T;
            UNROLL for (int t = 0; t < T; t++) UNROLL for (int j = 0; j < J; j++) vstore(m + (t * J + j) * VL, acc[t][j]);
        }
    }
    (void)bf16;
}

#define FRAME_PRODUCT(T, J, suffix, bf16) \
    KERNEL void frame_product_##T##_##J##suffix(const void *V, const void *U, const float *bias, float *M, int c, int k) { \
        frame_product(V, U, bias, M, c, k, T, J, bf16); \
    }
#define FRAME_SMALL(X) X(1) X(2) X(3) X(4)
#if VL == 8
#define FRAME_MIDDLE(X) X(5) X(6)
#define FRAME_FEW(X)
#else
#define FRAME_MIDDLE(X) X(5) X(6) X(7) X(8)
#define FRAME_FEW(X) X(5) X(6) X(7) X(8)
#endif
#define FRAME_BOTH(T) FRAME_PRODUCT(T, 1, , 0) FRAME_PRODUCT(T, 2, , 0)
#define FRAME_THREE(T) FRAME_PRODUCT(T, 3, , 0)
FRAME_SMALL(FRAME_BOTH) FRAME_MIDDLE(FRAME_BOTH)
FRAME_SMALL(FRAME_THREE) FRAME_FEW(FRAME_THREE)
#ifdef BF16
#define FRAME_BOTH_BF16(T) FRAME_PRODUCT(T, 1, _bf16, 1) FRAME_PRODUCT(T, 2, _bf16, 1)
#define FRAME_THREE_BF16(T) FRAME_PRODUCT(T, 3, _bf16, 1)
FRAME_SMALL(FRAME_BOTH_BF16) FRAME_MIDDLE(FRAME_BOTH_BF16)
FRAME_SMALL(FRAME_THREE_BF16) FRAME_FEW(FRAME_THREE_BF16)
#endif

typedef void frame_product_fn(const void *V, const void *U, const float *bias, float *M, int c, int k);

#define FRAME_ENTRY1(T) frame_product_##T##_1,
#define FRAME_ENTRY2(T) frame_product_##T##_2,
#define FRAME_ENTRY3(T) frame_product_##T##_3,
static frame_product_fn *const frame_products[3][FRAME_TILES] = {
    {FRAME_SMALL(FRAME_ENTRY1) FRAME_MIDDLE(FRAME_ENTRY1)},
    {FRAME_SMALL(FRAME_ENTRY2) FRAME_MIDDLE(FRAME_ENTRY2)},
    {FRAME_SMALL(FRAME_ENTRY3) FRAME_FEW(FRAME_ENTRY3)},
};
#ifdef BF16
#define FRAME_ENTRY1B(T) frame_product_##T##_1_bf16,
#define FRAME_ENTRY2B(T) frame_product_##T##_2_bf16,
#define FRAME_ENTRY3B(T) frame_product_##T##_3_bf16,
static frame_product_fn *const frame_products_bf16[3][FRAME_TILES] = {
    {FRAME_SMALL(FRAME_ENTRY1B) FRAME_MIDDLE(FRAME_ENTRY1B)},
    {FRAME_SMALL(FRAME_ENTRY2B) FRAME_MIDDLE(FRAME_ENTRY2B)},
    {FRAME_SMALL(FRAME_ENTRY3B) FRAME_FEW(FRAME_ENTRY3B)},
};
#endif
