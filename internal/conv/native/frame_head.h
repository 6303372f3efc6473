// The first convolution, RGB picture to feature map, and the sums of the pooling.

#if VL == 8
#define FRAME_HEAD_PIXELS 6
#else
#define FRAME_HEAD_PIXELS 12
#endif

// Three shifted rows of three planes, with a pixel of zeros before and zeros behind.
INLINE size_t frame_head_plane(int w) { return (size_t)frame_round_up(w, 16) + 48 + 2 * FRAME_HEAD_PIXELS; }
static size_t FN(frame_head_scratch)(int w) { return 9 * frame_head_plane(w) * 4 + 64; }

// Writes row y, shifted, to the three planes of slot y%3.
KERNEL void frame_head_row(const struct frame_head *a, int y, float *lines) {
    const size_t plane = frame_head_plane(a->w);
    for (int c = 0; c < 3; c++) {
        float *to = lines + ((size_t)(y + 3) % 3 * 3 + c) * plane;
        if (y < 0 || y >= a->h) {
            memset(to, 0, plane * 4);
            continue;
        }
        const float *from = (const float *)frame_row(&a->src, y) + (size_t)c * frame_round_up(a->w, 16), shift = a->shift[c];
        to[0] = 0;
        for (int x = 0; x < a->w; x++) to[x + 1] = from[x] - shift;
        memset(to + 1 + a->w, 0, (plane - 1 - a->w) * 4);
    }
}

// n <= P output pixels from x on, in J vectors of channels from ch on.
INLINE void frame_head_pixels(const struct frame_head *a, const float *const *r, char *to, int x, int n, int ch, const int P, const int J) {
    vf acc[FRAME_HEAD_PIXELS][2]; // not [P][J]: arrays of variable size live in memory
    const int k = a->k;
    UNROLL for (int j = 0; j < J; j++) {
        vf b = vload(a->bias + ch + j * VL);
        UNROLL for (int p = 0; p < P; p++) acc[p][j] = b;
    }
    const float *w = a->weight + ch;
    for (int row = 0; row < 3; row++) {
        for (int tap = 0; tap < 9; tap++, w += k) { // column, colour
            vf f[2];
            UNROLL for (int j = 0; j < J; j++) f[j] = vload(w + j * VL);
            const float *v = r[row * 3 + tap % 3] + tap / 3 + x * a->stride;
            UNROLL for (int p = 0; p < P; p++) {
                vf b = vset(v[p * a->stride]);
                UNROLL for (int j = 0; j < J; j++) acc[p][j] = vfma(b, f[j], acc[p][j]);
            }
        }
    }
    UNROLL for (int p = 0; p < P; p++) {
        if (p >= n) continue;
        UNROLL for (int j = 0; j < J; j++)
            frame_store(to, (ptrdiff_t)(x + p + FRAME_PAD) * k + ch + j * VL, a->lrelu ? frame_lrelu(acc[p][j]) : acc[p][j], a->half);
    }
}

static void FN(frame_head)(const struct frame_head *a, int y0, int y1, void *scratch) {
    const int ow = (a->w + a->stride - 1) / a->stride, J = (a->k / VL) % 2 ? 1 : 2;
    const size_t plane = frame_head_plane(a->w);
    float *lines = scratch;
    int next = y0 * a->stride - 1; // first row that is not in lines
    for (int y = y0; y < y1; y++) {
        const float *r[9];
        for (; next <= y * a->stride + 1; next++) frame_head_row(a, next, lines);
        for (int i = 0; i < 3; i++)
            for (int c = 0; c < 3; c++) r[i * 3 + c] = lines + ((size_t)(y * a->stride + i + 2) % 3 * 3 + c) * plane;
        char *to = frame_row(&a->dst, y);
        for (int x = a->x0; x < a->x1; x += FRAME_HEAD_PIXELS) {
            int n = a->x1 - x < FRAME_HEAD_PIXELS ? a->x1 - x : FRAME_HEAD_PIXELS;
            for (int ch = 0; ch < a->k; ch += J * VL) {
                if (J == 2) frame_head_pixels(a, r, to, x, n, ch, FRAME_HEAD_PIXELS, 2);
                else frame_head_pixels(a, r, to, x, n, ch, FRAME_HEAD_PIXELS, 1);
            }
        }
        frame_borders(to, ow, a->k, a->half);
    }
}

// rows[y*c+i] = sum over row y of channel i.
static void FN(frame_sums)(double *rows, const struct frame_map *m, int w, int c, int half, int y0, int y1) {
    for (int y = y0; y < y1; y++) {
        const char *row = frame_row(m, y);
        double *to = rows + (size_t)y * c;
        for (int ch = 0; ch < c; ch += VL) {
            double sum[VL] = {0};
            for (int x = 0; x < w; x++) {
                float v[VL];
                vstore(v, frame_load(row, (ptrdiff_t)(x + FRAME_PAD) * c + ch, half));
                for (int i = 0; i < VL; i++) sum[i] += v[i];
            }
            memcpy(to + ch, sum, sizeof sum);
        }
    }
}
