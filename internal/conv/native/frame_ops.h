// The frame kernels: layers over bands of rows of one picture. Each instruction set fills a table.
//
// A feature map holds rows of pixels of c channels, half or single precision. A row begins with FRAME_PAD pixels of zeros,
// then come w pixels, then zeros up to the pitch, which is (4*ceil(w/4) + 2*FRAME_PAD) pixels. Rows above and below the
// picture are not stored. A picture (RGB) row is three planes of single precision, each w rounded up to 16 long.
// Only a window of rows is in memory: mem is row lo.
#ifndef VSR_FRAME_OPS_H
#define VSR_FRAME_OPS_H

#include <stddef.h>
#include <stdint.h>

#define FRAME_PAD 2

struct frame_map {
    char *mem;
    ptrdiff_t pitch; // bytes
    int lo;
};

// dst = act(conv3x3(t) + bias) + add, where t is src or, with taps, LeakyReLU(depthwise(src)); add.mem may be NULL.
// With shuffle > 0, dst is an RGB picture enlarged that many times by PixelShuffle, and add an RGB picture that is enlarged
// by repetition. The output channels are then in the order row, colour, column of the enlarged pixel.
struct frame_conv {
    struct frame_map dst, src, add;
    const float *taps; // [9,C] or NULL
    const void *u;     // 36 transformed filters [C,K] in panels of frame_ops.panel(K) columns, single or, with bf16, pairs of bfloat16
    const float *bias; // [K]
    int h, w, c, k;    // c and k are multiples of 16
    int x0, x1;        // columns to compute, the first a multiple of 4, the end too unless it is w
    int lrelu, half, bf16, shuffle;
};

// dst = act(conv3x3(src - shift) + bias) for an RGB picture src of h x w, with stride 1 or 2.
struct frame_head {
    struct frame_map dst, src;
    const float *weight; // [27,K]: row, column, colour
    const float *bias;
    float shift[3];
    int h, w, k, stride, lrelu, half;
    int x0, x1; // columns of dst to compute
};

// dst = conv5x5(src), enlarged: see frame_conv.shuffle. kind[3*i+j] is the convolution for pixels of the first row (i = 0), of
// rows between (1) and of the last row (2), and of the first column, columns between and the last column.
struct frame_tail {
    struct frame_map dst, src, add;
    const void *weight[9]; // [25,C,K], single or pairs of bfloat16
    const float *bias[9];  // [K]
    int h, w, c, k, half, bf16, shuffle;
    int x0, x1; // columns of src whose enlarged pixels to compute
};

// A frame in planes. Chroma indices: a luma column 2i reads chroma i and, weighted, i-1; 2i+1 reads i and i+1.
struct frame_yuv {
    uint8_t *plane[3];
    ptrdiff_t stride[3];
    int w, h, cw, ch;
    int wide;             // samples of two bytes
    int gray, rgb;        // rgb: planes are G, B, R
    int sx, sy, px2, py2; // subsampling and siting, see sr/cpu
    float kr, kg, kb, rcr, bcb, gcb, gcr;
    float yoff, yscale, coff, cscale, top;
};

struct frame_ops {
    int (*panel)(int k);
    size_t (*conv_scratch)(int w, int c, int k);
    void (*conv)(const struct frame_conv *a, int y0, int y1, void *scratch);
    size_t (*head_scratch)(int w);
    void (*head)(const struct frame_head *a, int y0, int y1, void *scratch);
    size_t (*tail_scratch)(int w, int c, int k);
    void (*tail)(const struct frame_tail *a, int y0, int y1, void *scratch);
    void (*sums)(double *rows, const struct frame_map *m, int w, int c, int half, int y0, int y1);
    size_t (*yuv_scratch)(int w);
    void (*to_rgb)(const struct frame_yuv *f, const struct frame_map *dst, int y0, int y1, void *scratch);
    int (*from_rgb)(const struct frame_yuv *f, const struct frame_map *src, int k0, int k1, int x0, int x1, void *scratch);
};

#if defined(__x86_64__)
extern const struct frame_ops frame_ops_avx2, frame_ops_avx512, frame_ops_avx512bf16;
#elif defined(__aarch64__)
extern const struct frame_ops frame_ops_neon;
#endif

// Runs n additions that depend on each other, one cycle each on every CPU we know: measures the clock.
static inline long call_frame_clock(long n) {
    long a = 0;
    for (long i = 0; i < n; i += 8) {
        for (int j = 0; j < 8; j++) {
#if defined(__aarch64__)
            __asm__ volatile("add %0, %0, %1" : "+r"(a) : "r"(n));
#else
            __asm__ volatile("add %1, %0" : "+r"(a) : "r"(n));
#endif
        }
    }
    return a;
}

// What Go calls. Arguments go by value, so that no Go pointer lies in memory that C is given a pointer to.
static inline int call_frame_panel(const struct frame_ops *o, int k) { return o->panel(k); }
static inline size_t call_frame_conv_scratch(const struct frame_ops *o, int w, int c, int k) { return o->conv_scratch(w, c, k); }
static inline size_t call_frame_head_scratch(const struct frame_ops *o, int w) { return o->head_scratch(w); }
static inline size_t call_frame_tail_scratch(const struct frame_ops *o, int w, int c, int k) { return o->tail_scratch(w, c, k); }
static inline size_t call_frame_yuv_scratch(const struct frame_ops *o, int w) { return o->yuv_scratch(w); }
static inline void call_frame_conv(const struct frame_ops *o, struct frame_conv a, int y0, int y1, void *scratch) { o->conv(&a, y0, y1, scratch); }
static inline void call_frame_head(const struct frame_ops *o, struct frame_head a, int y0, int y1, void *scratch) { o->head(&a, y0, y1, scratch); }
static inline void call_frame_tail(const struct frame_ops *o, struct frame_tail a, int y0, int y1, void *scratch) { o->tail(&a, y0, y1, scratch); }
static inline void call_frame_sums(const struct frame_ops *o, double *rows, struct frame_map m, int w, int c, int half, int y0, int y1) {
    o->sums(rows, &m, w, c, half, y0, y1);
}
static inline void call_frame_to_rgb(const struct frame_ops *o, struct frame_yuv f, struct frame_map dst, int y0, int y1, void *scratch) {
    o->to_rgb(&f, &dst, y0, y1, scratch);
}
static inline int call_frame_from_rgb(const struct frame_ops *o, struct frame_yuv f, struct frame_map src, int k0, int k1, int x0, int x1, void *scratch) {
    return o->from_rgb(&f, &src, k0, k1, x0, x1, scratch);
}

#endif
