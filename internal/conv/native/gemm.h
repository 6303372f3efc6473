// Matrix products on registers: a few rows by 16 or 32 columns.
#include "vec.h"

// A matrix B of k rows and n columns (n a multiple of 16) is kept as panels of 32 columns, the last one 16 or 32 wide:
// panel q starts at k*32*q, and its rows follow each other.

// GEMM_NN defines C[r][j] = sum over i < k of A[r][i] B[i][j] for R rows and J vectors of columns.
#define GEMM_NN(R, J)                                                                                                       \
    INLINE void gemm_nn_##R##x##J(float *c, size_t ldc, const float *a, size_t lda, const float *b, size_t ldb, int k) {    \
        vf acc[R][J];                                                                                                       \
        UNROLL                                                                                                              \
        for (int r = 0; r < R; r++) {                                                                                       \
            UNROLL                                                                                                          \
            for (int j = 0; j < J; j++) acc[r][j] = vset(0);                                                                \
        }                                                                                                                   \
        for (int i = 0; i < k; i++, b += ldb) {                                                                             \
            vf row[J];                                                                                                      \
            UNROLL                                                                                                          \
            for (int j = 0; j < J; j++) row[j] = vload(b + j * VL);                                                         \
            UNROLL                                                                                                          \
            for (int r = 0; r < R; r++) {                                                                                   \
                vf s = vset(a[r * lda + i]);                                                                                \
                UNROLL                                                                                                      \
                for (int j = 0; j < J; j++) acc[r][j] = vfma(s, row[j], acc[r][j]);                                         \
            }                                                                                                               \
        }                                                                                                                   \
        UNROLL                                                                                                              \
        for (int r = 0; r < R; r++) {                                                                                       \
            UNROLL                                                                                                          \
            for (int j = 0; j < J; j++) vstore(c + r * ldc + j * VL, acc[r][j]);                                            \
        }                                                                                                                   \
    }

// GEMM_TN defines C[i][j] += sum over t < n of A[t][i] B[t][j] for R rows i and J vectors of columns.
#define GEMM_TN(R, J)                                                                                                       \
    INLINE void gemm_tn_##R##x##J(float *c, size_t ldc, const float *a, size_t lda, const float *b, size_t ldb, int n) {    \
        vf acc[R][J];                                                                                                       \
        UNROLL                                                                                                              \
        for (int r = 0; r < R; r++) {                                                                                       \
            UNROLL                                                                                                          \
            for (int j = 0; j < J; j++) acc[r][j] = vload(c + r * ldc + j * VL);                                            \
        }                                                                                                                   \
        for (int t = 0; t < n; t++, a += lda, b += ldb) {                                                                   \
            vf row[J];                                                                                                      \
            UNROLL                                                                                                          \
            for (int j = 0; j < J; j++) row[j] = vload(b + j * VL);                                                         \
            UNROLL                                                                                                          \
            for (int r = 0; r < R; r++) {                                                                                   \
                vf s = vset(a[r]);                                                                                          \
                UNROLL                                                                                                      \
                for (int j = 0; j < J; j++) acc[r][j] = vfma(s, row[j], acc[r][j]);                                         \
            }                                                                                                               \
        }                                                                                                                   \
        UNROLL                                                                                                              \
        for (int r = 0; r < R; r++) {                                                                                       \
            UNROLL                                                                                                          \
            for (int j = 0; j < J; j++) vstore(c + r * ldc + j * VL, acc[r][j]);                                            \
        }                                                                                                                   \
    }

#if VL == 16
#define WIDE 32 // columns of the main kernel
GEMM_NN(8, 2) GEMM_NN(4, 2) GEMM_NN(1, 2)
GEMM_NN(8, 1) GEMM_NN(4, 1) GEMM_NN(1, 1)
GEMM_TN(8, 2) GEMM_TN(8, 1)
#define NN_WIDE(R) gemm_nn_##R##x2
#define NN_16(R) gemm_nn_##R##x1
#define NN_MAIN_WIDE NN_WIDE(8)
#define NN_MAIN_16 NN_16(8)
#define TN_ROWS 8
#define TN_WIDE gemm_tn_8x2
#define TN_16 gemm_tn_8x1
#elif VL == 8
#define WIDE 16
GEMM_NN(6, 2) GEMM_NN(4, 2) GEMM_NN(1, 2)
GEMM_TN(4, 2)
#define NN_WIDE(R) gemm_nn_##R##x2
#define NN_16(R) gemm_nn_##R##x2
#define NN_MAIN_WIDE NN_WIDE(6)
#define NN_MAIN_16 NN_16(6)
#define TN_ROWS 4
#define TN_WIDE gemm_tn_4x2
#define TN_16 gemm_tn_4x2
#else
#define WIDE 16
GEMM_NN(4, 4) GEMM_NN(1, 4)
GEMM_TN(4, 4)
#define NN_WIDE(R) gemm_nn_##R##x4
#define NN_16(R) gemm_nn_##R##x4
#define NN_MAIN_WIDE NN_WIDE(4)
#define NN_MAIN_16 NN_16(4)
#define TN_ROWS 4
#define TN_WIDE gemm_tn_4x4
#define TN_16 gemm_tn_4x4
#endif

#define NN_PANEL(MAIN, FOUR, ONE)                                                                                           \
    int r = 0;                                                                                                              \
    for (; r + ROWS <= rows; r += ROWS) MAIN(c + r * ldc, ldc, a + r * lda, lda, b, ldb, k);                                \
    for (; r + 4 <= rows; r += 4) FOUR(c + r * ldc, ldc, a + r * lda, lda, b, ldb, k);                                      \
    for (; r < rows; r++) ONE(c + r * ldc, ldc, a + r * lda, lda, b, ldb, k);

KERNEL void nn_panel_wide(float *c, size_t ldc, const float *a, size_t lda, const float *b, size_t ldb, int rows, int k) {
    NN_PANEL(NN_MAIN_WIDE, NN_WIDE(4), NN_WIDE(1))
}

KERNEL void nn_panel_16(float *c, size_t ldc, const float *a, size_t lda, const float *b, size_t ldb, int rows, int k) {
    NN_PANEL(NN_MAIN_16, NN_16(4), NN_16(1))
}

// C = A B for C [rows,n], A [rows,k], B [k,n] in panels. n is a multiple of 16; a row of C is computed the same way
// whatever the number of rows is.
INLINE void gemm_nn(float *c, size_t ldc, const float *a, size_t lda, const float *b, int rows, int k, int n) {
    for (int j = 0; j < n; j += 32) {
        const float *panel = b + (size_t)j * k;
        int width = n - j < 32 ? 16 : 32, i = 0;
        for (; i + WIDE <= width; i += WIDE) nn_panel_wide(c + j + i, ldc, a, lda, panel + i, width, rows, k);
        if (i < width) nn_panel_16(c + j + i, ldc, a, lda, panel + i, width, rows, k);
    }
}

// C += A^T B for C [m,n], A [rows,m], B [rows,n], all row by row. m and n are multiples of 16.
KERNEL void gemm_tn(float *c, size_t ldc, const float *a, size_t lda, const float *b, size_t ldb, int rows, int m, int n) {
    int j = 0;
    for (; j + WIDE <= n; j += WIDE)
        for (int i = 0; i < m; i += TN_ROWS) TN_WIDE(c + i * ldc + j, ldc, a + i, lda, b + j, ldb, rows);
    for (; j < n; j += 16)
        for (int i = 0; i < m; i += TN_ROWS) TN_16(c + i * ldc + j, ldc, a + i, lda, b + j, ldb, rows);
}
