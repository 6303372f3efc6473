// 3x3 convolution of a band of rows by Winograd F(4x4,3x3) (Lavin and Gray, 2015), with the depthwise convolution of an
// IDR-DCRB fused into its input transform.
//
// Rows come in groups of four. For a block of tiles of a group: depthwise of the four new rows, the two rows before them
// come from a buffer; input transform into V, 36 products V x U into M, output transform, bias, residual, store.
// Every result is computed by the same operations in the same order whatever the blocks and bands are.

#if VL == 8
#define FRAME_TILES 6 // tiles of a block: accumulators of 2 vectors each, in 16 registers
#else
#define FRAME_TILES 8
#endif
#define FRAME_TILES3 (FRAME_TILES < 8 ? 4 : 8) // the same with 3 vectors each

// Vectors of columns that a product works on at once.
INLINE int frame_vectors(int k) {
    int n = k / VL;
    return n % 2 == 0 ? 2 : n % 3 == 0 ? 3 : 1;
}
static int FN(frame_panel)(int k) { return frame_vectors(k) * VL; }
INLINE int frame_block(int k) { return frame_vectors(k) == 3 ? FRAME_TILES3 : FRAME_TILES; }

// Scratch: two rows of depthwise results, a row of zeros, V and M, and what a block leaves to the next.
#define FRAME_CARRY 20 // values for each channel
INLINE size_t frame_line(int w, int c) { return ((size_t)(frame_round_up(w, 4) + 2 * FRAME_PAD) * c * 4 + 127) / 64 * 64; }
INLINE size_t frame_points(int c) { return 36 * 4 * (size_t)FRAME_TILES * c; }
static size_t FN(frame_conv_scratch)(int w, int c, int k) {
    return 3 * frame_line(w, c) + frame_points(c) + frame_points(k) + FRAME_CARRY * 4 * (size_t)c;
}

// B^T d of six values.
INLINE void frame_bt(vf d0, vf d1, vf d2, vf d3, vf d4, vf d5, vf *o) {
    vf four = vset(4), two = vset(2);
    vf a = vfnma(four, d2, d4), b = vfnma(four, d1, d3), c = vsub(d4, d2), e = vsub(d3, d1);
    o[0] = vfma(four, vsub(d0, d2), c);
    o[1] = vadd(a, b);
    o[2] = vsub(a, b);
    o[3] = vfma(two, e, c);
    o[4] = vfnma(two, e, c);
    o[5] = vfnma(four, e, vsub(d5, d3));
}

// A^T m of six values.
INLINE void frame_at(vf m0, vf m1, vf m2, vf m3, vf m4, vf m5, vf *o) {
    vf s = vadd(m1, m2), d = vsub(m1, m2), p = vadd(m3, m4), q = vsub(m3, m4);
    o[0] = vadd(m0, vadd(s, p));
    o[1] = vfma(vset(2), q, d);
    o[2] = vfma(vset(4), p, s);
    o[3] = vadd(m5, vfma(vset(8), q, d));
}

// What the input transform of a group reads. r are six rows of the map: those around the four new rows with taps, the rows
// of the tiles without. Pointers go to column -FRAME_PAD.
struct frame_group {
    const char *r[6];
    float *last[2];  // depthwise rows y-1 and y, in whose places rows y+3 and y+4 go
    int rows;        // of the new rows y+1.. are inside the picture
    int first;       // the block has none to its left; others go on with its last partial sums and columns,
    float *carry;    // which lie here
};

// One column of `rows` depthwise results, from the map column to the right of it and the partial sums of the two before.
#define FRAME_DEPTHWISE(rows, at, half, out) do { \
        vf v[rows + 2]; \
        UNROLL for (int i = 0; i < rows + 2; i++) v[i] = frame_load(g->r[i], at, half); \
        UNROLL for (int i = 0; i < rows; i++) { \
            vf ready = p0[i], soon = p1[i], later = vmul(v[i], tap[0]); \
            UNROLL for (int j = 0; j < 3; j++) { \
                ready = vfma(v[i + j], tap[3 * j + 2], ready); \
                soon = vfma(v[i + j], tap[3 * j + 1], soon); \
                if (j) later = vfma(v[i + j], tap[3 * j], later); \
            } \
            (out)[i] = frame_lrelu(ready); \
            p0[i] = soon; \
            p1[i] = later; \
        } \
    } while (0)

#define FRAME_PAIR 32 // elements of V from one tile to the next

// Where V holds channel ch of tile t at its first point: V[18][c/16][tiles][2][16], two points beside each other, so that one
// store takes both and the products find all of a block at fixed distances.
INLINE ptrdiff_t frame_v(int t, int ch, int tiles) { return ((ptrdiff_t)(ch / 16) * tiles + t) * FRAME_PAIR + ch % 16; }

// Elements from the first point of V to point p.
INLINE ptrdiff_t frame_v_point(int p, int tiles, int c) { return (ptrdiff_t)(p / 2) * 2 * tiles * c + p % 2 * 16; }

// Where M holds it: M[36][k/panel][tiles][panel].
INLINE ptrdiff_t frame_m(int t, int ch, int tiles, int panel) { return (ptrdiff_t)(ch / panel * panel) * tiles + t * panel + ch % panel; }

// Elements from one point to the next, n channels.
INLINE ptrdiff_t frame_step(int tiles, int n) { return (ptrdiff_t)tiles * n; }

#include "frame_product.h"

// Input transform of tiles [t0,t0+tiles) of a group into V.
INLINE void frame_input_any(const struct frame_conv *a, const struct frame_group *g, int t0, int tiles, void *V, const int half, const int bf16, const int dw) {
    const int c = a->c, w = a->w;
    for (int ch = 0; ch < c; ch += VL) {
        vf tap[9], p0[4], p1[4], z[6][6];
        float *carry = g->carry + FRAME_CARRY * ch;
        const ptrdiff_t first = frame_v(0, ch, tiles);
        ptrdiff_t at = (ptrdiff_t)(4 * t0 - 2 + FRAME_PAD) * c + ch; // element of map column 4*t0-2
        if (dw) {
            vf none[4] __attribute__((unused));
            UNROLL for (int i = 0; i < 9; i++) tap[i] = vload(a->taps + i * c + ch);
            if (g->first) {
                UNROLL for (int i = 0; i < 4; i++) p0[i] = p1[i] = vset(0);
                FRAME_DEPTHWISE(4, at, half, none);
                FRAME_DEPTHWISE(4, at + c, half, none);
            }
            at += 2 * c;
        } else {
            at += c;
        }
        ptrdiff_t near = (ptrdiff_t)(4 * t0 - 1 + FRAME_PAD) * c + ch; // column 4*t0-1 in the rows of depthwise results
        int x = 4 * t0 - 1;
#define FRAME_COLUMN(q) do { \
            if (dw) { \
                vf o[4]; \
                FRAME_DEPTHWISE(4, at, half, o); \
                if (x < 0 || x >= w) { UNROLL for (int i = 0; i < 4; i++) o[i] = vset(0); } \
                else if (g->rows < 4) { UNROLL for (int i = 0; i < 4; i++) if (i >= g->rows) o[i] = vset(0); } \
                frame_bt(vload(g->last[0] + near), vload(g->last[1] + near), o[0], o[1], o[2], o[3], z[q]); \
                vstore(g->last[0] + near, o[2]); \
                vstore(g->last[1] + near, o[3]); \
                near += c; \
                x++; \
            } else { \
                frame_bt(frame_load(g->r[0], at, half), frame_load(g->r[1], at, half), frame_load(g->r[2], at, half), \
                         frame_load(g->r[3], at, half), frame_load(g->r[4], at, half), frame_load(g->r[5], at, half), z[q]); \
            } \
            at += c; \
        } while (0)
        if (dw && !g->first) {
            UNROLL for (int i = 0; i < 4; i++) p0[i] = vload(carry + i * VL), p1[i] = vload(carry + (4 + i) * VL);
            UNROLL for (int i = 0; i < 6; i++) z[0][i] = vload(carry + (8 + i) * VL), z[1][i] = vload(carry + (14 + i) * VL);
            at += 2 * c;
            near += 2 * c;
            x += 2;
        } else {
            FRAME_COLUMN(0);
            FRAME_COLUMN(1);
        }
        for (int t = 0; t < tiles; t++) {
            UNROLL for (int q = 2; q < 6; q++) FRAME_COLUMN(q);
            UNROLL for (int i = 0; i < 6; i++) {
                vf o[6];
                frame_bt(z[0][i], z[1][i], z[2][i], z[3][i], z[4][i], z[5][i], o);
                UNROLL for (int q = 0; q < 6; q += 2) {
                    ptrdiff_t to = first + frame_v_point(i * 6 + q, tiles, c) + t * FRAME_PAIR;
#ifdef BF16
                    if (bf16) vstore2_bf16((uint16_t *)V + to, o[q], o[q + 1]);
                    else
#endif
                    {
                        vstore((float *)V + to, o[q]);
                        vstore((float *)V + to + 16, o[q + 1]);
                    }
                }
            }
            UNROLL for (int i = 0; i < 6; i++) z[0][i] = z[4][i], z[1][i] = z[5][i];
        }
        if (dw) {
            UNROLL for (int i = 0; i < 4; i++) vstore(carry + i * VL, p0[i]), vstore(carry + (4 + i) * VL, p1[i]);
            UNROLL for (int i = 0; i < 6; i++) vstore(carry + (8 + i) * VL, z[0][i]), vstore(carry + (14 + i) * VL, z[1][i]);
        }
#undef FRAME_COLUMN
    }
    (void)bf16;
}

// Depthwise results of rows y-1 and y, which a group finds when no group has come before it.
INLINE void frame_first_rows(const struct frame_conv *a, const struct frame_group *g, int y, const int half) {
    const int c = a->c, first = a->x0 - 1, end = frame_round_up(a->x1, 4);
    for (int ch = 0; ch < c; ch += VL) {
        vf tap[9], p0[2], p1[2], o[2];
        UNROLL for (int i = 0; i < 9; i++) tap[i] = vload(a->taps + i * c + ch);
        UNROLL for (int i = 0; i < 2; i++) p0[i] = p1[i] = vset(0);
        ptrdiff_t at = (ptrdiff_t)(first - 1 + FRAME_PAD) * c + ch, near = at + c;
        FRAME_DEPTHWISE(2, at, half, o);
        FRAME_DEPTHWISE(2, at + c, half, o);
        at += 2 * c;
        for (int x = first; x <= end; x++, at += c, near += c) {
            if (x < a->w) FRAME_DEPTHWISE(2, at, half, o);
            if (x < 0 || x >= a->w) o[0] = o[1] = vset(0);
            vstore(g->last[0] + near, y > 0 ? o[0] : vset(0));
            vstore(g->last[1] + near, o[1]);
        }
    }
}

// The 4x4 results of tile t in 16 channels or fewer: o[row][column].
INLINE void frame_tile(const float *M, int k, int panel, int tiles, int t, int ch, vf o[4][4]) {
    const float *m = M + frame_m(t, ch, tiles, panel);
    const ptrdiff_t step = frame_step(tiles, k);
    vf half[4][6];
    UNROLL for (int q = 0; q < 6; q++) {
        vf v[4];
        frame_at(vload(m + q * step), vload(m + (6 + q) * step), vload(m + (12 + q) * step), vload(m + (18 + q) * step),
                 vload(m + (24 + q) * step), vload(m + (30 + q) * step), v);
        UNROLL for (int i = 0; i < 4; i++) half[i][q] = v[i];
    }
    UNROLL for (int i = 0; i < 4; i++) frame_at(half[i][0], half[i][1], half[i][2], half[i][3], half[i][4], half[i][5], o[i]);
}

// Output transform of a block into the map, for the group of rows from y.
INLINE void frame_output_any(const struct frame_conv *a, const float *M, int y, int t0, int tiles, const int half, const int add, const int act) {
    const int k = a->k, rows = a->h - y < 4 ? a->h - y : 4, panel = frame_vectors(k) * VL;
    char *to[4];
    const char *plus[4];
    for (int i = 0; i < rows; i++) {
        to[i] = frame_row(&a->dst, y + i);
        plus[i] = add ? frame_row(&a->add, y + i) : NULL;
    }
    for (int t = 0; t < tiles; t++) {
        const int x = 4 * (t0 + t), columns = a->w - x < 4 ? a->w - x : 4;
        for (int ch = 0; ch < k; ch += VL) {
            vf o[4][4];
            frame_tile(M, k, panel, tiles, t, ch, o);
            const ptrdiff_t at = (ptrdiff_t)(x + FRAME_PAD) * k + ch;
            if (rows == 4 && columns == 4) {
                UNROLL for (int i = 0; i < 4; i++) UNROLL for (int q = 0; q < 4; q++) {
                    vf v = act ? frame_lrelu(o[i][q]) : o[i][q];
                    if (add) v = vadd(v, frame_load(plus[i], at + q * k, half));
                    frame_store(to[i], at + q * k, v, half);
                }
                continue;
            }
            UNROLL for (int i = 0; i < 4; i++) UNROLL for (int q = 0; q < 4; q++) {
                if (i >= rows || q >= columns) continue;
                vf v = act ? frame_lrelu(o[i][q]) : o[i][q];
                if (add) v = vadd(v, frame_load(plus[i], at + q * k, half));
                frame_store(to[i], at + q * k, v, half);
            }
        }
    }
}

#ifdef FRAME_LINES
// Output transform of tile t, whose four columns from x on are inside the picture, into the one that is four times larger.
INLINE void frame_output_lines(const struct frame_conv *a, const float *M, int y, int x, int tiles, int t, int rows) {
    struct frame_lines to[4];
    for (int i = 0; i < rows; i++) frame_find_lines(to + i, &a->dst, &a->add, a->w, y + i, x);
    UNROLL for (int ch = 0; ch < 48; ch += VL) {
        vf o[4][4];
        frame_tile(M, 48, frame_vectors(48) * VL, tiles, t, ch, o);
        UNROLL for (int i = 0; i < 4; i++) if (i < rows) frame_put_lines(to + i, ch, o[i]);
    }
}
#endif

// Output transform of a block into the enlarged picture.
KERNEL void frame_output_shuffle(const struct frame_conv *a, const float *M, int y, int t0, int tiles) {
    const int k = a->k, rows = a->h - y < 4 ? a->h - y : 4, panel = frame_vectors(k) * VL;
    float pixel[4][4][64];
    for (int t = 0; t < tiles; t++) {
        const int x = 4 * (t0 + t), columns = a->w - x < 4 ? a->w - x : 4;
#ifdef FRAME_LINES
        if (a->shuffle == 4 && columns == 4) {
            frame_output_lines(a, M, y, x, tiles, t, rows);
            continue;
        }
#endif
        for (int ch = 0; ch < k; ch += VL) {
            vf o[4][4];
            frame_tile(M, k, panel, tiles, t, ch, o);
            UNROLL for (int i = 0; i < 4; i++) UNROLL for (int q = 0; q < 4; q++) vstore(pixel[i][q] + ch, o[i][q]);
        }
        for (int i = 0; i < rows; i++) {
            for (int q = 0; q < columns; q++) {
                if (a->shuffle == 4) frame_put_pixel(&a->dst, &a->add, a->w, 4, y + i, x + q, pixel[i][q]);
                else if (a->shuffle == 3) frame_put_pixel(&a->dst, &a->add, a->w, 3, y + i, x + q, pixel[i][q]);
                else frame_put_pixel(&a->dst, &a->add, a->w, 2, y + i, x + q, pixel[i][q]);
            }
        }
    }
}

#define FRAME_INPUT(half, bf16, dw) \
    KERNEL void frame_input_##half##bf16##dw(const struct frame_conv *a, const struct frame_group *g, int t0, int tiles, void *V) { \
        frame_input_any(a, g, t0, tiles, V, half, bf16, dw); \
    }
FRAME_INPUT(0, 0, 0) FRAME_INPUT(0, 0, 1) FRAME_INPUT(1, 0, 0) FRAME_INPUT(1, 0, 1)
#ifdef BF16
FRAME_INPUT(1, 1, 0) FRAME_INPUT(1, 1, 1)
#endif
#define FRAME_OUTPUT(half, add, act) \
    KERNEL void frame_output_##half##add##act(const struct frame_conv *a, const float *M, int y, int t0, int tiles) { \
        frame_output_any(a, M, y, t0, tiles, half, add, act); \
    }
FRAME_OUTPUT(0, 0, 0) FRAME_OUTPUT(0, 0, 1) FRAME_OUTPUT(0, 1, 0) FRAME_OUTPUT(1, 0, 0) FRAME_OUTPUT(1, 0, 1) FRAME_OUTPUT(1, 1, 0)

typedef void frame_input_fn(const struct frame_conv *a, const struct frame_group *g, int t0, int tiles, void *V);
typedef void frame_output_fn(const struct frame_conv *a, const float *M, int y, int t0, int tiles);

INLINE frame_input_fn *frame_choose_input(const struct frame_conv *a) {
#ifdef BF16
    if (a->bf16) return a->taps ? frame_input_111 : frame_input_110;
#endif
    if (a->half) return a->taps ? frame_input_101 : frame_input_100;
    return a->taps ? frame_input_001 : frame_input_000;
}

INLINE frame_output_fn *frame_choose_output(const struct frame_conv *a) {
    if (a->shuffle) return frame_output_shuffle;
    if (a->half) return a->add.mem ? frame_output_110 : a->lrelu ? frame_output_101 : frame_output_100;
    return a->add.mem ? frame_output_010 : a->lrelu ? frame_output_001 : frame_output_000;
}

// Computes columns [x0,x1) of rows [y0,y1) of a->dst; y0 is a multiple of 4, and y1 too unless it is h.
static void FN(frame_conv)(const struct frame_conv *a, int y0, int y1, void *scratch) {
    const int first = a->x0 / 4, tiles = (a->x1 + 3) / 4 - first, J = frame_vectors(a->k), most = frame_block(a->k);
    const size_t line = frame_line(a->w, a->c);
    const int blocks = (tiles + most - 1) / most;
    char *s = scratch, *zero = s + 2 * line;
    struct frame_group g;
    void *V = zero + line;
    float *M = (float *)(zero + line + frame_points(a->c));
    frame_input_fn *input = frame_choose_input(a);
    frame_output_fn *output = frame_choose_output(a);
    frame_product_fn *const *product = frame_products[J - 1];
#ifdef BF16
    if (a->bf16) product = frame_products_bf16[J - 1];
#endif
    g.carry = M + frame_points(a->k) / 4;
    if (y0 < 2 || y1 + 3 > a->h) memset(zero, 0, line);
#define FRAME_ROW(q) ((q) < 0 || (q) >= a->h ? zero : frame_row(&a->src, q))
    if (a->taps) {
        g.last[0] = (float *)s;
        g.last[1] = (float *)(s + line);
        for (int i = 0; i < 4; i++) g.r[i] = FRAME_ROW(y0 - 2 + i);
        if (a->half) frame_first_rows(a, &g, y0, 1);
        else frame_first_rows(a, &g, y0, 0);
    }
    for (int y = y0; y < y1; y += 4) {
        for (int i = 0; i < 6; i++) g.r[i] = FRAME_ROW(y - 1 + i + (a->taps ? 1 : 0));
        g.rows = a->h - 1 - y;
        for (int b = 0; b < blocks; b++) {
            const int t0 = tiles * b / blocks, n = tiles * (b + 1) / blocks - t0;
            g.first = b == 0;
            input(a, &g, first + t0, n, V);
            product[n - 1](V, a->u, a->bias, M, a->c, a->k);
            output(a, M, y, first + t0, n);
        }
        if (!a->shuffle)
            for (int i = y; i < y + 4 && i < a->h; i++) frame_borders(frame_row(&a->dst, i), a->w, a->k, a->half);
    }
#undef FRAME_ROW
}
