// The 3x3 convolution by Winograd's F(4x4,3x3): 4x4 outputs from a 6x6 input tile with 36 products per channel pair instead
// of 144 (Lavin and Gray, Fast Algorithms for Convolutional Neural Networks, CVPR 2016, section 4.1 and its matrices B, G, A).
//
// One sample at a time, NHWC. Tiles are numbered row by row; tiles at the right and lower edges may be partly outside.
// In the transformed domain, position p = 6i+j of tile t lies at p*stride + t*channels, where channels are padded to 16.
#include "vec.h"

#define PAD16(n) (((n) + 15) & ~15)
// The distance of two positions: 16 floats more than needed, so that the 36 do not fall into the same cache set.
#define POSITION(tiles, channels) ((size_t)(tiles) * (channels) + 16)

// Rows 0 to 2 of o = B^T d for one column, and rows 3 to 5: all six of six columns do not fit into the registers.
INLINE void wino_bt_upper(vf *o, vf d0, vf d1, vf d2, vf d3, vf d4) {
    vf four = vset(4), a = vfnma(four, d2, d4), b = vfnma(four, d1, d3);
    o[0] = vfma(four, d0, vfnma(vset(5), d2, d4));
    o[1] = vadd(a, b);
    o[2] = vsub(a, b);
}

INLINE void wino_bt_lower(vf *o, vf d1, vf d2, vf d3, vf d4, vf d5) {
    vf two = vset(2), c = vsub(d4, d2), e = vsub(d3, d1);
    o[0] = vfma(two, e, c);
    o[1] = vfnma(two, e, c);
    o[2] = vfma(vset(4), d1, vfnma(vset(5), d3, d5));
}

// o = A^T m for one column.
INLINE void wino_at(vf *o, vf m0, vf m1, vf m2, vf m3, vf m4, vf m5) {
    vf s = vadd(m1, m2), d = vsub(m1, m2), p = vadd(m3, m4), q = vsub(m3, m4);
    o[0] = vadd(m0, vadd(s, p));
    o[1] = vfma(vset(2), q, d);
    o[2] = vfma(vset(4), p, s);
    o[3] = vadd(m5, vfma(vset(8), q, d));
}

// o = A y for one column: the transpose of wino_at.
INLINE void wino_a(vf *o, vf y0, vf y1, vf y2, vf y3) {
    vf s = vadd(y0, y2), d = vadd(y1, y3), e = vfma(vset(4), y2, y0), f = vfma(vset(4), y3, y1);
    o[0] = y0;
    o[1] = vadd(s, d);
    o[2] = vsub(s, d);
    o[3] = vfma(vset(2), f, e);
    o[4] = vfnma(vset(2), f, e);
    o[5] = y3;
}

// V = B^T d B of one tile and VL channels; pixel (i,j) of d lies at d + i*row + j*col.
INLINE void wino_input(float *v, size_t stride, const float *d, size_t row, size_t col) {
    for (int half = 0; half < 2; half++, v += 18 * stride) {
        vf t[6][3];
        UNROLL
        for (int j = 0; j < 6; j++) {
            const float *q = d + j * col;
            vf d1 = vload(q + row), d2 = vload(q + 2 * row), d3 = vload(q + 3 * row), d4 = vload(q + 4 * row);
            if (half)
                wino_bt_lower(t[j], d1, d2, d3, d4, vload(q + 5 * row));
            else
                wino_bt_upper(t[j], vload(q), d1, d2, d3, d4);
        }
        UNROLL
        for (int i = 0; i < 3; i++) {
            vf o[6];
            wino_bt_upper(o, t[0][i], t[1][i], t[2][i], t[3][i], t[4][i]);
            wino_bt_lower(o + 3, t[1][i], t[2][i], t[3][i], t[4][i], t[5][i]);
            UNROLL
            for (int j = 0; j < 6; j++) vstore(v + (6 * i + j) * stride, o[j]);
        }
    }
}

// W = A y A^T of one tile and VL channels; returns the sum of y.
INLINE vf wino_gradient(float *w, size_t stride, const float *y, size_t row, size_t col) {
    vf t[6][4], sum = vset(0);
    UNROLL
    for (int j = 0; j < 4; j++) {
        const float *q = y + j * col;
        vf a = vload(q), b = vload(q + row), c = vload(q + 2 * row), d = vload(q + 3 * row), o[6];
        sum = vadd(sum, vadd(vadd(a, b), vadd(c, d)));
        wino_a(o, a, b, c, d);
        UNROLL
        for (int i = 0; i < 6; i++) t[i][j] = o[i];
    }
    UNROLL
    for (int i = 0; i < 6; i++) {
        vf o[6];
        wino_a(o, t[i][0], t[i][1], t[i][2], t[i][3]);
        UNROLL
        for (int j = 0; j < 6; j++) vstore(w + (6 * i + j) * stride, o[j]);
    }
    return sum;
}

// Copies a size x size square of n channels whose corner is at (y,x) of the sample, zero where it is outside.
KERNEL void wino_gather(float *to, int size, const float *from, int h, int w, int c, int y, int x, int n) {
    int left = x < 0 ? -x : 0, right = w - x < size ? w - x : size; // columns [left,right) are inside
    for (int i = 0; i < size; i++, to += size * VL) {
        if (y + i < 0 || y + i >= h || n <= 0) {
            memset(to, 0, size * VL * sizeof *to);
            continue;
        }
        const float *q = from + ((ptrdiff_t)(y + i) * w + x) * c;
        int j = 0;
        for (; j < left; j++) vstore(to + j * VL, vset(0));
        if (n == VL)
            for (; j < right; j++) vstore(to + j * VL, vload(q + (ptrdiff_t)j * c));
        else
            for (; j < right; j++) vstore(to + j * VL, vload_n(q + (ptrdiff_t)j * c, n));
        for (; j < size; j++) vstore(to + j * VL, vset(0));
    }
}

// The transformed input of tiles [first,first+count) of a sample x [h,w,c].
KERNEL void wino_inputs(float *v, size_t stride, const float *x, int h, int w, int c, int first, int count) {
    int across = (w + 3) / 4, cp = PAD16(c);
    size_t row = (size_t)w * c;
    for (int t = 0; t < count; t++) {
        int y0 = (first + t) / across * 4 - 1, x0 = (first + t) % across * 4 - 1;
        int inside = y0 >= 0 && x0 >= 0 && y0 + 6 <= h && x0 + 6 <= w;
        for (int g = 0; g < cp; g += VL) {
            int n = c - g < VL ? c - g : VL;
            float *to = v + (size_t)t * cp + g;
            if (inside && n == VL) {
                wino_input(to, stride, x + y0 * row + (size_t)x0 * c + g, row, c);
                continue;
            }
            float d[36 * VL];
            wino_gather(d, 6, x + g, h, w, c, y0, x0, n);
            wino_input(to, stride, d, 6 * VL, VL);
        }
    }
}

// The transformed gradient of tiles [first,first+count) of dy [h,w,k]; adds the sums over pixels to db [PAD16(k)].
KERNEL void wino_gradients(float *v, size_t stride, float *db, const float *dy, int h, int w, int k, int first, int count) {
    int across = (w + 3) / 4, kp = PAD16(k);
    size_t row = (size_t)w * k;
    for (int t = 0; t < count; t++) {
        int y0 = (first + t) / across * 4, x0 = (first + t) % across * 4;
        int inside = y0 + 4 <= h && x0 + 4 <= w;
        for (int g = 0; g < kp; g += VL) {
            int n = k - g < VL ? k - g : VL;
            float *to = v + (size_t)t * kp + g;
            vf sum;
            if (inside && n == VL) {
                sum = wino_gradient(to, stride, dy + y0 * row + (size_t)x0 * k + g, row, k);
            } else {
                float d[16 * VL];
                wino_gather(d, 4, dy + g, h, w, k, y0, x0, n);
                sum = wino_gradient(to, stride, d, 4 * VL, VL);
            }
            vstore(db + g, vadd(vload(db + g), sum));
        }
    }
}

// One output pixel, channels [g,g+n): act(v + bias), then times the derivative of the activation whose output is mask, plus add.
INLINE void wino_store(const struct conv_args *a, size_t at, int g, vf v, int n) {
    if (a->bias) v = vadd(v, n == VL ? vload(a->bias + g) : vload_n(a->bias + g, n));
    if (a->slope != 1) v = vmax(v, vmul(v, vset(a->slope)));
    if (a->mask) v = vpositive(n == VL ? vload(a->mask + at) : vload_n(a->mask + at, n), v, vmul(v, vset(a->mask_slope)));
    if (a->add) v = vadd(v, n == VL ? vload(a->add + at) : vload_n(a->add + at, n));
    if (n == VL)
        vstore(a->y + at, v);
    else
        vstore_n(a->y + at, v, n);
}

// The outputs of tiles [first,first+count).
KERNEL void wino_outputs(const struct conv_args *a, const float *m, size_t stride, int first, int count) {
    int across = (a->w + 3) / 4, kp = PAD16(a->out);
    for (int t = 0; t < count; t++) {
        int y0 = (first + t) / across * 4, x0 = (first + t) % across * 4;
        int high = a->h - y0 < 4 ? a->h - y0 : 4, wide = a->w - x0 < 4 ? a->w - x0 : 4;
        for (int g = 0; g < a->out; g += VL) {
            const float *q = m + (size_t)t * kp + g;
            vf s[4][6], o[4][4];
            UNROLL
            for (int j = 0; j < 6; j++) {
                vf c[4];
                wino_at(c, vload(q + j * stride), vload(q + (6 + j) * stride), vload(q + (12 + j) * stride),
                        vload(q + (18 + j) * stride), vload(q + (24 + j) * stride), vload(q + (30 + j) * stride));
                UNROLL
                for (int i = 0; i < 4; i++) s[i][j] = c[i];
            }
            UNROLL
            for (int i = 0; i < 4; i++) wino_at(o[i], s[i][0], s[i][1], s[i][2], s[i][3], s[i][4], s[i][5]);
            size_t at = ((size_t)y0 * a->w + x0) * a->out + g, row = (size_t)a->w * a->out;
            if (high == 4 && wide == 4 && g + VL <= a->out) {
                UNROLL
                for (int i = 0; i < 4; i++) {
                    UNROLL
                    for (int j = 0; j < 4; j++) wino_store(a, at + i * row + (size_t)j * a->out, g, o[i][j], VL);
                }
                continue;
            }
            for (int i = 0; i < high; i++)
                for (int j = 0; j < wide; j++)
                    wino_store(a, at + i * row + (size_t)j * a->out, g, o[i][j], a->out - g < VL ? a->out - g : VL);
        }
    }
}

static void FN(wino_forward)(const struct conv_args *a, int row0, int row1, float *scratch, int tiles) {
    int across = (a->w + 3) / 4, cp = PAD16(a->in), kp = PAD16(a->out);
    size_t vs = POSITION(tiles, cp), ms = POSITION(tiles, kp);
    float *v = scratch, *m = scratch + 36 * vs;
    for (int first = row0 * across, end = row1 * across; first < end; first += tiles) {
        int count = end - first < tiles ? end - first : tiles;
        wino_inputs(v, vs, a->x, a->h, a->w, a->in, first, count);
        for (int p = 0; p < 36; p++)
            gemm_nn(m + p * ms, kp, v + p * vs, cp, a->u + (size_t)p * a->in * kp, count, a->in, kp);
        wino_outputs(a, m, ms, first, count);
    }
}

static void FN(wino_weights)(const struct grad_args *a, int row0, int row1, float *scratch, int tiles) {
    int across = (a->w + 3) / 4, cp = PAD16(a->in), kp = PAD16(a->out);
    size_t vs = POSITION(tiles, cp), ws = POSITION(tiles, kp);
    float *v = scratch, *w = scratch + 36 * vs;
    for (int first = row0 * across, end = row1 * across; first < end; first += tiles) {
        int count = end - first < tiles ? end - first : tiles;
        wino_inputs(v, vs, a->x, a->h, a->w, a->in, first, count);
        wino_gradients(w, ws, a->db, a->dy, a->h, a->w, a->out, first, count);
        for (int p = 0; p < 36; p++)
            gemm_tn(a->du + (size_t)p * cp * kp, kp, v + p * vs, cp, w + p * ws, kp, count, cp, kp);
    }
}
