// The depthwise 3x3 convolution with padding 1 and its gradients, one sample x [h,w,c] at a time, rows [row0,row1).
#include "vec.h"

#if VL == 8
#define DW_ROWS 2 // output rows at a time: as many as the registers hold
#else
#define DW_ROWS 4
#endif

// k9 [9][PAD16(c)] from k [9c], the tap t of channel i being element 9i+t.
static void FN(dw_taps)(float *k9, const float *k, int c, int flip) {
    int cp = PAD16(c);
    for (int t = 0; t < 9; t++)
        for (int i = 0; i < cp; i++) k9[t * cp + i] = i < c ? k[9 * i + (flip ? 8 - t : t)] : 0;
}

// The rows of an image around row y, those outside replaced by a row of zeros.
INLINE void dw_rows_around(const float **rows, int count, const float *x, const float *zero, int h, size_t row, int y) {
    for (int i = 0; i < count; i++) rows[i] = y + i >= 0 && y + i < h ? x + (size_t)(y + i) * row : zero;
}

// DW_ROWS output rows, VL channels (n of them real): slides along the rows, keeping the sums of two columns.
#define DW_SLIDE(NAME, LOAD, STORE)                                                                                         \
    INLINE void NAME(const struct conv_args *a, float *const *to, const float *const *add, const float *const *rows,        \
                     const float *k9, int n) {                                                                              \
        int cp = PAD16(a->in), c = a->in;                                                                                   \
        (void)n;                                                                                                            \
        vf k[9], left[DW_ROWS], mid[DW_ROWS], v[DW_ROWS + 2], slope = vset(a->slope);                                       \
        UNROLL                                                                                                              \
        for (int t = 0; t < 9; t++) k[t] = vload(k9 + t * cp);                                                              \
        UNROLL                                                                                                              \
        for (int i = 0; i < DW_ROWS + 2; i++) v[i] = LOAD(rows[i]);                                                         \
        UNROLL                                                                                                              \
        for (int r = 0; r < DW_ROWS; r++) {                                                                                 \
            left[r] = vfma(v[r + 2], k[7], vfma(v[r + 1], k[4], vmul(v[r], k[1])));                                         \
            mid[r] = vfma(v[r + 2], k[6], vfma(v[r + 1], k[3], vmul(v[r], k[0])));                                          \
        }                                                                                                                   \
        size_t at = 0;                                                                                                      \
        for (int x = 0; x < a->w; x++, at += c) {                                                                           \
            int last = x + 1 == a->w;                                                                                       \
            UNROLL                                                                                                          \
            for (int i = 0; i < DW_ROWS + 2; i++) v[i] = last ? vset(0) : LOAD(rows[i] + at + c);                           \
            UNROLL                                                                                                          \
            for (int r = 0; r < DW_ROWS; r++) {                                                                             \
                vf o = left[r], m = mid[r], f = vmul(v[r], k[0]);                                                           \
                o = vfma(v[r], k[2], o), m = vfma(v[r], k[1], m);                                                           \
                o = vfma(v[r + 1], k[5], o), m = vfma(v[r + 1], k[4], m), f = vfma(v[r + 1], k[3], f);                      \
                o = vfma(v[r + 2], k[8], o), m = vfma(v[r + 2], k[7], m), f = vfma(v[r + 2], k[6], f);                      \
                left[r] = m, mid[r] = f;                                                                                    \
                o = vmax(o, vmul(o, slope));                                                                                \
                if (add[r]) o = vadd(o, LOAD(add[r] + at));                                                                 \
                STORE(to[r] + at, o);                                                                                       \
            }                                                                                                               \
        }                                                                                                                   \
    }

#define LOAD_ALL(p) vload(p)
#define STORE_ALL(p, v) vstore(p, v)
#define LOAD_SOME(p) vload_n(p, n)
#define STORE_SOME(p, v) vstore_n(p, v, n)
DW_SLIDE(dw_slide, LOAD_ALL, STORE_ALL)
DW_SLIDE(dw_slide_some, LOAD_SOME, STORE_SOME)

// y = act(depthwise(x, k9)) + add. spare holds two rows of w*c floats.
static void FN(dw_forward)(const struct conv_args *a, int row0, int row1, float *spare) {
    size_t row = (size_t)a->w * a->in;
    if (!row) return;
    float *zero = spare, *waste = spare + row; // rows outside the image are read from zero and written to waste
    memset(zero, 0, row * sizeof *zero);
    for (int y = row0; y < row1; y += DW_ROWS) {
        const float *rows[DW_ROWS + 2], *add[DW_ROWS];
        float *to[DW_ROWS];
        dw_rows_around(rows, DW_ROWS + 2, a->x, zero, a->h, row, y - 1);
        for (int r = 0; r < DW_ROWS; r++) {
            to[r] = y + r < row1 ? a->y + (y + r) * row : waste;
            add[r] = !a->add ? NULL : y + r < row1 ? a->add + (y + r) * row : zero;
        }
        for (int g = 0; g < a->in; g += VL) {
            int n = a->in - g < VL ? a->in - g : VL;
            if (n == VL)
                dw_slide(a, to, add, rows, a->u + g, n);
            else
                dw_slide_some(a, to, add, rows, a->u + g, n);
            for (int i = 0; i < DW_ROWS + 2; i++) rows[i] += n;
            for (int r = 0; r < DW_ROWS; r++) to[r] += n, add[r] += add[r] ? n : 0;
        }
    }
}

// Adds the products of one row of dy and the three rows of x around it to the nine sums.
#define DW_PRODUCTS(NAME, LOAD)                                                                                             \
    INLINE void NAME(float *dk9, const float *const *rows, const float *dy, int w, int c, int n) {                          \
        int cp = PAD16(c);                                                                                                  \
        (void)n;                                                                                                            \
        vf s[9];                                                                                                            \
        UNROLL                                                                                                              \
        for (int t = 0; t < 9; t++) s[t] = vload(dk9 + t * cp);                                                             \
        for (int x = 0; x < w; x++) {                                                                                       \
            size_t at = (size_t)x * c;                                                                                      \
            vf d = LOAD(dy + at);                                                                                           \
            UNROLL                                                                                                          \
            for (int i = 0; i < 3; i++) s[3 * i + 1] = vfma(d, LOAD(rows[i] + at), s[3 * i + 1]);                           \
            if (x > 0) {                                                                                                    \
                UNROLL                                                                                                      \
                for (int i = 0; i < 3; i++) s[3 * i] = vfma(d, LOAD(rows[i] + at - c), s[3 * i]);                           \
            }                                                                                                               \
            if (x + 1 < w) {                                                                                                \
                UNROLL                                                                                                      \
                for (int i = 0; i < 3; i++) s[3 * i + 2] = vfma(d, LOAD(rows[i] + at + c), s[3 * i + 2]);                   \
            }                                                                                                               \
        }                                                                                                                   \
        UNROLL                                                                                                              \
        for (int t = 0; t < 9; t++) vstore(dk9 + t * cp, s[t]);                                                             \
    }

DW_PRODUCTS(dw_products, LOAD_ALL)
DW_PRODUCTS(dw_products_some, LOAD_SOME)

// Adds the gradient of the taps that rows [row0,row1) of dy bring to dk9 [9][PAD16(c)]. zero holds a row of w*c zeros.
static void FN(dw_weights)(float *dk9, const float *x, const float *dy, int h, int w, int c, int row0, int row1, float *zero) {
    size_t row = (size_t)w * c;
    memset(zero, 0, row * sizeof *zero);
    for (int y = row0; y < row1; y++) {
        const float *rows[3];
        dw_rows_around(rows, 3, x, zero, h, row, y - 1);
        for (int g = 0; g < c; g += VL) {
            int n = c - g < VL ? c - g : VL;
            if (n == VL)
                dw_products(dk9 + g, rows, dy + y * row + g, w, c, n);
            else
                dw_products_some(dk9 + g, rows, dy + y * row + g, w, c, n);
            for (int i = 0; i < 3; i++) rows[i] += n;
        }
    }
}
