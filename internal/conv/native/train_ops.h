// The kernels of training, as C sees them; kernels.go says what Go makes of them. All work on one sample and one thread.
#ifndef VSR_TRAIN_OPS_H
#define VSR_TRAIN_OPS_H

#include <stddef.h>

// A convolution of x [h,w,in] to y [h,w,out], 3x3, stride 1, padding 1. bias, add and mask may be NULL.
// y = act(conv + bias), times mask_slope where mask <= 0, plus add. act has the given slope; 1 is none.
struct conv_args {
    float *y;
    const float *x, *u, *bias, *add, *mask; // u: the filters in the Winograd domain, or the taps [9][PAD16(in)]
    int h, w, in, out;
    float slope, mask_slope;
};

// The gradient of its filters: adds to du [36][PAD16(in)][PAD16(out)] and db [PAD16(out)].
struct grad_args {
    float *du, *db;
    const float *x, *dy;
    int h, w, in, out;
};

// A general convolution: input height, width and channels, output width, kernel, stride and padding.
struct shape_args { int h, w, in, ow, k, stride, pad; };

struct train_ops {
    void (*wino_filter)(float *u, const float *w, int in, int out, int in_step, int out_step, int flip, int from, int to);
    void (*wino_forward)(const struct conv_args *a, int row0, int row1, float *scratch, int tiles);
    void (*wino_weights)(const struct grad_args *a, int row0, int row1, float *scratch, int tiles);
    void (*wino_filter_gradient)(float *dw, const float *du, size_t distance, int chunks, int in, int out, int from, int to);
    void (*dw_taps)(float *k9, const float *k, int c, int flip);
    void (*dw_forward)(const struct conv_args *a, int row0, int row1, float *spare);
    void (*dw_weights)(float *dk9, const float *x, const float *dy, int h, int w, int c, int row0, int row1, float *zero);
    void (*columns)(float *cols, size_t lead, const float *x, struct shape_args s, int first, int count);
    void (*add_columns)(float *dx, const float *cols, size_t lead, struct shape_args s, int first, int count);
    void (*product)(float *c, size_t ldc, const float *a, size_t lda, const float *b, int rows, int k, int n);
    void (*product_transposed)(float *c, const float *a, size_t lda, const float *b, size_t ldb, int rows, int m, int n);
    void (*finish)(float *y, const float *m, size_t lead, const float *bias, const float *add, int rows, int out, float slope);
};

static inline void call_wino_filter(const struct train_ops *o, float *u, const float *w, int in, int out, int in_step,
                                    int out_step, int flip, int from, int to) {
    o->wino_filter(u, w, in, out, in_step, out_step, flip, from, to);
}

static inline void call_wino_forward(const struct train_ops *o, float *y, const float *x, const float *u, const float *bias,
                                     const float *add, const float *mask, int h, int w, int in, int out, float slope,
                                     float mask_slope, int row0, int row1, float *scratch, int tiles) {
    struct conv_args a = {y, x, u, bias, add, mask, h, w, in, out, slope, mask_slope};
    o->wino_forward(&a, row0, row1, scratch, tiles);
}

static inline void call_wino_weights(const struct train_ops *o, float *du, float *db, const float *x, const float *dy, int h,
                                     int w, int in, int out, int row0, int row1, float *scratch, int tiles) {
    struct grad_args a = {du, db, x, dy, h, w, in, out};
    o->wino_weights(&a, row0, row1, scratch, tiles);
}

static inline void call_wino_filter_gradient(const struct train_ops *o, float *dw, const float *du, size_t distance, int chunks,
                                             int in, int out, int from, int to) {
    o->wino_filter_gradient(dw, du, distance, chunks, in, out, from, to);
}

static inline void call_dw_taps(const struct train_ops *o, float *k9, const float *k, int c, int flip) {
    o->dw_taps(k9, k, c, flip);
}

static inline void call_dw_forward(const struct train_ops *o, float *y, const float *x, const float *k9, const float *add, int h,
                                   int w, int c, float slope, int row0, int row1, float *spare) {
    struct conv_args a = {y, x, k9, NULL, add, NULL, h, w, c, c, slope, 1};
    o->dw_forward(&a, row0, row1, spare);
}

static inline void call_dw_weights(const struct train_ops *o, float *dk9, const float *x, const float *dy, int h, int w, int c,
                                   int row0, int row1, float *zero) {
    o->dw_weights(dk9, x, dy, h, w, c, row0, row1, zero);
}

static inline void call_columns(const struct train_ops *o, float *cols, size_t lead, const float *x, struct shape_args s,
                                int first, int count) {
    o->columns(cols, lead, x, s, first, count);
}

static inline void call_add_columns(const struct train_ops *o, float *dx, const float *cols, size_t lead, struct shape_args s,
                                    int first, int count) {
    o->add_columns(dx, cols, lead, s, first, count);
}

static inline void call_product(const struct train_ops *o, float *c, size_t ldc, const float *a, size_t lda, const float *b,
                                int rows, int k, int n) {
    o->product(c, ldc, a, lda, b, rows, k, n);
}

static inline void call_product_transposed(const struct train_ops *o, float *c, const float *a, size_t lda, const float *b,
                                           size_t ldb, int rows, int m, int n) {
    o->product_transposed(c, a, lda, b, ldb, rows, m, n);
}

static inline void call_finish(const struct train_ops *o, float *y, const float *m, size_t lead, const float *bias,
                               const float *add, int rows, int out, float slope) {
    o->finish(y, m, lead, bias, add, rows, out, slope);
}

#endif
