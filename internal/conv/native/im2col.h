// The general convolution of one sample as a matrix product: a row of columns holds the K*K*In inputs of one output pixel.
#include "vec.h"

// Fills columns [count][lead] for output pixels [first,first+count), in the order ky, kx, channel.
static void FN(columns)(float *cols, size_t lead, const float *x, struct shape_args s, int first, int count) {
    for (int p = first; p < first + count; p++, cols += lead) {
        int y0 = p / s.ow * s.stride - s.pad, x0 = p % s.ow * s.stride - s.pad;
        int from = x0 < 0 ? -x0 : 0, to = x0 + s.k > s.w ? s.w - x0 : s.k; // the taps of a row that are inside
        float *c = cols;
        for (int i = 0; i < s.k; i++, c += s.k * s.in) {
            if (y0 + i < 0 || y0 + i >= s.h) {
                memset(c, 0, (size_t)s.k * s.in * sizeof *c);
                continue;
            }
            const float *q = x + (((ptrdiff_t)(y0 + i)) * s.w + x0) * s.in;
            for (int j = 0; j < from * s.in; j++) c[j] = 0;
            for (int j = from * s.in; j < to * s.in; j++) c[j] = q[j];
            for (int j = to * s.in; j < s.k * s.in; j++) c[j] = 0;
        }
    }
}

// The reverse: adds columns to the pixels of dx that they came from.
static void FN(add_columns)(float *dx, const float *cols, size_t lead, struct shape_args s, int first, int count) {
    for (int p = first; p < first + count; p++, cols += lead) {
        int y0 = p / s.ow * s.stride - s.pad, x0 = p % s.ow * s.stride - s.pad;
        int from = x0 < 0 ? -x0 : 0, to = x0 + s.k > s.w ? s.w - x0 : s.k;
        for (int i = 0; i < s.k; i++) {
            if (y0 + i < 0 || y0 + i >= s.h) continue;
            float *q = dx + (((ptrdiff_t)(y0 + i)) * s.w + x0) * s.in;
            const float *c = cols + (size_t)i * s.k * s.in;
            for (int j = from * s.in; j < to * s.in; j++) q[j] += c[j];
        }
    }
}

// C [rows,n] = A [rows,k] B [k,n], B in panels (gemm.h), n a multiple of 16.
static void FN(product)(float *c, size_t ldc, const float *a, size_t lda, const float *b, int rows, int k, int n) {
    gemm_nn(c, ldc, a, lda, b, rows, k, n);
}

// C [m,n] += A^T B for A [rows,m] and B [rows,n]; m and n multiples of 16.
static void FN(product_transposed)(float *c, const float *a, size_t lda, const float *b, size_t ldb, int rows, int m, int n) {
    gemm_tn(c, n, a, lda, b, ldb, rows, m, n);
}

// y [rows,out] = act(m [rows,lead] + bias) + add.
static void FN(finish)(float *y, const float *m, size_t lead, const float *bias, const float *add, int rows, int out, float slope) {
    for (int r = 0; r < rows; r++)
        for (int g = 0; g < out; g += VL) {
            int n = out - g < VL ? out - g : VL;
            size_t at = (size_t)r * out + g;
            vf v = vload(m + r * lead + g);
            if (bias) v = vadd(v, vload_n(bias + g, n));
            v = vmax(v, vmul(v, vset(slope)));
            if (add) v = vadd(v, vload_n(add + at, n));
            vstore_n(y + at, v, n);
        }
}
