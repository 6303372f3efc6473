// The collapsed official tail: a direct 5x5 convolution to 16, 32 or 48 channels, then PixelShuffle.
// Pixels of the outermost ring have kernels of their own.

#if VL == 16
#define FRAME_TAIL_PIXELS 8
#else
#define FRAME_TAIL_PIXELS 4
#endif

// Scratch: five rows [c/16][pixel][16] as the products want them, single precision or bfloat16, slot y%5.
INLINE int frame_tail_wide(int w) { return frame_round_up(w, 4) + 2 * FRAME_PAD + FRAME_TAIL_PIXELS; }
INLINE size_t frame_tail_line(int w, int c) { return ((size_t)frame_tail_wide(w) * c * 4 + 127) / 64 * 64; }
static size_t FN(frame_tail_scratch)(int w, int c, int k) { return 5 * frame_tail_line(w, c) + 0 * (size_t)k; }

KERNEL void frame_tail_row(const struct frame_tail *a, int y, char *line) {
    const size_t size = frame_tail_line(a->w, a->c);
    if (y < 0 || y >= a->h) {
        memset(line, 0, size);
        return;
    }
    const char *row = frame_row(&a->src, y);
    const int n = frame_round_up(a->w, 4) + 2 * FRAME_PAD, wide = frame_tail_wide(a->w);
    memset(line, 0, size);
    for (int x = 0; x < n; x++) {
        for (int ch = 0; ch < a->c; ch += VL) {
            vf v = frame_load(row, (ptrdiff_t)x * a->c + ch, a->half);
            const ptrdiff_t to = ((ptrdiff_t)(ch / 16) * wide + x) * 16 + ch % 16;
#ifdef BF16
            if (a->bf16) {
                vstore_bf16((uint16_t *)line + to, v);
                continue;
            }
#endif
            vstore((float *)line + to, v);
        }
    }
}

// P pixels from x on, J vectors of channels from ch on, by convolution `kind`: out[P][k].
INLINE void frame_tail_product(const struct frame_tail *a, const char *const *r, int x, int ch, int kind, float *out, const int P, const int J, const int bf16) {
    const int c = a->c, k = a->k;
    vf acc[FRAME_TAIL_PIXELS][3];
    UNROLL for (int j = 0; j < J; j++) {
        vf b = vload(a->bias[kind] + ch + j * VL);
        UNROLL for (int p = 0; p < P; p++) acc[p][j] = b;
    }
    const int wide = frame_tail_wide(a->w);
    for (int tap = 0; tap < 25; tap++) {
        const ptrdiff_t at = (ptrdiff_t)(x + tap % 5) * 16; // column x + tap%5 - 2
#ifdef BF16
        if (bf16) {
            const uint16_t *v = (const uint16_t *)r[tap / 5] + at, *w = (const uint16_t *)a->weight[kind] + ((size_t)tap * c * k + 2 * ch);
            for (int cb = 0; cb < c; cb += 16, v += (wide - 1) * 16) {
                for (int i = 0; i < 16; i += 2, v += 2, w += 2 * k) {
                    vf f[3];
                    UNROLL for (int j = 0; j < J; j++) f[j] = vload((const float *)(w + j * 2 * VL));
                    UNROLL for (int p = 0; p < P; p++) {
                        float pair;
                        memcpy(&pair, v + p * 16, 4);
                        vf b = vset(pair);
                        UNROLL for (int j = 0; j < J; j++) VDOT_BF16(acc[p][j], b, f[j]);
                    }
                }
            }
            continue;
        }
#endif
        const float *v = (const float *)r[tap / 5] + at, *w = (const float *)a->weight[kind] + ((size_t)tap * c * k + ch);
        for (int cb = 0; cb < c; cb += 16, v += (wide - 1) * 16) {
            for (int i = 0; i < 16; i++, v++, w += k) {
                vf f[3];
                UNROLL for (int j = 0; j < J; j++) f[j] = vload(w + j * VL);
                UNROLL for (int p = 0; p < P; p++) {
                    vf b = vset(v[p * 16]);
                    UNROLL for (int j = 0; j < J; j++) acc[p][j] = vfma(b, f[j], acc[p][j]);
                }
            }
        }
    }
    UNROLL for (int p = 0; p < P; p++) UNROLL for (int j = 0; j < J; j++) vstore(out + (size_t)p * k + ch + j * VL, acc[p][j]);
    (void)bf16;
}

#define FRAME_TAIL(P, J, suffix, bf16) \
    KERNEL void frame_tail_##P##J##suffix(const struct frame_tail *a, const char *const *r, int x, int kind, float *out) { \
        for (int ch = 0; ch < a->k; ch += J * VL) frame_tail_product(a, r, x, ch, kind, out, P, J, bf16); \
    }
#define FRAME_TAILS(P, suffix, bf16) FRAME_TAIL(P, 1, suffix, bf16) FRAME_TAIL(P, 2, suffix, bf16) FRAME_TAIL(P, 3, suffix, bf16)
FRAME_TAILS(1, , 0)
#if VL == 16
FRAME_TAILS(8, , 0)
#else
FRAME_TAILS(4, , 0)
#endif
#ifdef BF16
FRAME_TAILS(1, _bf16, 1) FRAME_TAILS(8, _bf16, 1)
#endif
typedef void frame_tail_fn(const struct frame_tail *a, const char *const *r, int x, int kind, float *out);

INLINE frame_tail_fn *frame_choose_tail(int k, int bf16, int many) {
    const int n = k / VL, J = n % 3 == 0 ? 3 : n % 2 == 0 ? 2 : 1;
#if VL == 16
    static frame_tail_fn *const all[2][3] = {{frame_tail_11, frame_tail_12, frame_tail_13}, {frame_tail_81, frame_tail_82, frame_tail_83}};
#else
    static frame_tail_fn *const all[2][3] = {{frame_tail_11, frame_tail_12, frame_tail_13}, {frame_tail_41, frame_tail_42, frame_tail_43}};
#endif
#ifdef BF16
    static frame_tail_fn *const pairs[2][3] = {{frame_tail_11_bf16, frame_tail_12_bf16, frame_tail_13_bf16}, {frame_tail_81_bf16, frame_tail_82_bf16, frame_tail_83_bf16}};
    if (bf16) return pairs[many][J - 1];
#endif
    (void)bf16;
    return all[many][J - 1];
}

// Computes enlarged rows [y0*s,y1*s) from rows y0-2 to y1+2 of a->src.
static void FN(frame_tail)(const struct frame_tail *a, int y0, int y1, void *scratch) {
    const size_t size = frame_tail_line(a->w, a->c);
    frame_tail_fn *many = frame_choose_tail(a->k, a->bf16, 1), *one = frame_choose_tail(a->k, a->bf16, 0);
    float pixel[FRAME_TAIL_PIXELS * 64];
    int next = y0 - 2;
    for (int y = y0; y < y1; y++) {
        const char *r[5];
        for (; next <= y + 2; next++) frame_tail_row(a, next, (char *)scratch + (size_t)(next + 5) % 5 * size);
        for (int i = 0; i < 5; i++) r[i] = (char *)scratch + (size_t)(y + i + 3) % 5 * size;
        const int kind = y == 0 ? 0 : y == a->h - 1 ? 6 : 3;
        for (int x = a->x0; x < a->x1; x += FRAME_TAIL_PIXELS) {
            many(a, r, x, kind + 1, pixel);
            if (x == 0) one(a, r, 0, kind, pixel);
            if (a->w > 1 && a->w - 1 - x >= 0 && a->w - 1 - x < FRAME_TAIL_PIXELS) one(a, r, a->w - 1, kind + 2, pixel + (size_t)(a->w - 1 - x) * a->k);
            for (int p = 0; p < FRAME_TAIL_PIXELS && x + p < a->x1; p++)
                frame_put_pixel(&a->dst, &a->add, a->w, a->shuffle, y, x + p, pixel + (size_t)p * a->k);
        }
    }
}
