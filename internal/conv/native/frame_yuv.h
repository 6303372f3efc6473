// Planar YUV to RGB and back. The loops are plain C that compilers turn into vectors; sr/cpu has the specification.

// Scratch: six rows.
INLINE size_t frame_yuv_line(int w) { return (size_t)frame_round_up(w, 16) + 64; }
static size_t FN(frame_yuv_scratch)(int w) { return 10 * frame_yuv_line(w) * 4 + 64; }

INLINE int frame_clamp(int v, int hi) { return v < 0 ? 0 : v > hi ? hi : v; }

// n samples of a row as float.
INLINE void frame_samples(float *restrict to, const struct frame_yuv *f, int p, int y, int n) {
    const uint8_t *row = f->plane[p] + f->stride[p] * y;
    if (f->wide) {
        const uint16_t *q = (const uint16_t *)row;
        for (int i = 0; i < n; i++) to[i] = (float)q[i];
    } else {
        for (int i = 0; i < n; i++) to[i] = (float)row[i];
    }
}

// Chroma plane p at the luma positions of row y, in [-1/2,1/2].
INLINE void frame_chroma(float *restrict to, const struct frame_yuv *f, int p, int y, float *restrict line, float *restrict below) {
    int k = y, quarters = 0;
    if (f->sy) {
        int u = 2 * y - f->py2;
        k = u >> 2;
        quarters = u & 3;
    }
    line += 16; // room for the sample before the first
    frame_samples(line, f, p, frame_clamp(k, f->ch - 1), f->cw);
    if (quarters) {
        const float s = (float)quarters * 0.25f, r = 1 - s;
        frame_samples(below, f, p, frame_clamp(k + 1, f->ch - 1), f->cw);
        for (int i = 0; i < f->cw; i++) line[i] = line[i] * r + below[i] * s;
    }
    const float scale = 1 / f->cscale, off = f->coff;
    if (!f->sx) {
        for (int i = 0; i < f->w; i++) to[i] = (line[i] - off) * scale;
        return;
    }
    line[-1] = line[0];
    line[f->cw] = line[f->cw - 1];
    const float even = f->px2 ? 0.25f : 0, odd = f->px2 ? 0.25f : 0.5f;
    for (int i = 0; i < f->cw; i++) { // to holds an even number of samples
        float c = (line[i] - off) * scale;
        to[2 * i] = c + even * ((line[i - 1] - off) * scale - c);
        to[2 * i + 1] = c + odd * ((line[i + 1] - off) * scale - c);
    }
}

INLINE float frame_clamp01(float v) { return v > 0 ? (v < 1 ? v : 1) : 0; }

static void FN(frame_to_rgb)(const struct frame_yuv *f, const struct frame_map *dst, int y0, int y1, void *scratch) {
    const size_t line = frame_yuv_line(f->w), plane = frame_round_up(f->w, 16);
    float *luma = scratch, *cb = luma + line, *cr = cb + line, *t0 = cr + line, *t1 = t0 + line;
    const float scale = 1 / f->yscale, off = f->yoff;
    const int w = f->w;
    for (int y = y0; y < y1; y++) {
        float *restrict r = (float *)frame_row(dst, y), *restrict g = r + plane, *restrict b = g + plane;
        frame_samples(luma, f, 0, y, w);
        if (f->rgb) {
            frame_samples(cb, f, 1, y, w);
            frame_samples(cr, f, 2, y, w);
            for (int x = 0; x < w; x++) {
                r[x] = frame_clamp01((cr[x] - off) * scale);
                g[x] = frame_clamp01((luma[x] - off) * scale);
                b[x] = frame_clamp01((cb[x] - off) * scale);
            }
            continue;
        }
        if (f->gray) {
            for (int x = 0; x < w; x++) r[x] = g[x] = b[x] = frame_clamp01((luma[x] - off) * scale);
            continue;
        }
        frame_chroma(cb, f, 1, y, t0, t1);
        frame_chroma(cr, f, 2, y, t0, t1);
        for (int x = 0; x < w; x++) {
            float v = (luma[x] - off) * scale;
            r[x] = frame_clamp01(v + f->rcr * cr[x]);
            g[x] = frame_clamp01(v - f->gcb * cb[x] - f->gcr * cr[x]);
            b[x] = frame_clamp01(v + f->bcb * cb[x]);
        }
    }
}

// Rounds VL values to samples, of which n go to element i of a row.
INLINE void frame_put(const struct frame_yuv *f, uint8_t *row, int i, vf v, int n) {
    uint16_t some[VL];
    v = vadd(vmin(v, vset(f->top)), vset(0.5f));
    if (f->wide) {
        if (n >= VL) {
            vstore_u16((uint16_t *)row + i, v);
            return;
        }
        vstore_u16(some, v);
        memcpy((uint16_t *)row + i, some, (size_t)n * 2);
    } else {
        if (n >= VL) {
            vstore_u8(row + i, v);
            return;
        }
        vstore_u8((uint8_t *)some, v);
        memcpy(row + i, some, (size_t)n);
    }
}

// v clamped to [0,1]; 0 for what is not a number.
INLINE vf frame_unit(const float *v) { return vmin(vmax(vload(v), vset(0)), vset(1)); }

// What is not a number or infinite in n lanes of three colours stays in the sum.
INLINE vf frame_finite(vf sum, vf r, vf g, vf b) { return vfma(vadd(vadd(r, g), b), vset(0), sum); }
INLINE vf frame_some(const float *v, int n) { return n >= VL ? vload(v) : vload_n(v, n); }

// Adds `weight` times the chroma of columns [x0,x1) of row y of the picture to cb and cr, or with `first` sets them, and writes
// the luma from column `from` on to a row of samples, unless that is NULL. Returns `sum` and what frame_finite finds in the latter.
INLINE vf frame_luma_chroma(vf sum, const struct frame_yuv *f, const struct frame_map *src, int y, int x0, int x1, int from, uint8_t *luma, float *cb, float *cr,
                              float weight, const int first, const int chroma) {
    const int plane = frame_round_up(f->w, 16);
    const float *r = (const float *)frame_row(src, y), *g = r + plane, *b = g + plane;
    const vf kr = vset(f->kr), kg = vset(f->kg), kb = vset(f->kb), ub = vset(weight / f->bcb), ur = vset(weight / f->rcr);
    const vf scale = vset(f->yscale), off = vset(f->yoff);
    for (int x = x0; x < x1; x += VL) {
        vf red = frame_unit(r + x), blue = frame_unit(b + x);
        vf l = vfma(kb, blue, vfma(kg, frame_unit(g + x), vmul(kr, red)));
        if (luma && x >= from) {
            frame_put(f, luma, x, vfma(scale, l, off), x1 - x);
            sum = frame_finite(sum, frame_some(r + x, x1 - x), frame_some(g + x, x1 - x), frame_some(b + x, x1 - x));
        }
        if (chroma) {
            vf u = vsub(blue, l), v = vsub(red, l);
            vstore(cb + x, first ? vmul(u, ub) : vfma(u, ub, vload(cb + x)));
            vstore(cr + x, first ? vmul(v, ur) : vfma(v, ur, vload(cr + x)));
        }
    }
    return sum;
}

// Chroma samples [c0,c1) of row k of plane p from v at full width, of which v[-2..-1] and the 2*VL behind the last are writable.
INLINE void frame_put_chroma(const struct frame_yuv *f, int p, int k, int c0, int c1, float *v) {
    uint8_t *row = f->plane[p] + f->stride[p] * k;
    const vf off = vset(f->coff), scale = vset(f->cscale);
    if (f->sx && c0 == 0) v[-1] = v[0];
    if (f->sx && c1 == f->cw) v[f->w] = v[f->w + 1] = v[f->w - 1];
    for (int i = c0; i < c1; i += VL) {
        vf c;
        if (!f->sx) {
            c = vload(v + i);
        } else {
            vf a = vload(v + 2 * i), b = vload(v + 2 * i + VL), even = veven(a, b), odd = vodd(a, b);
            if (f->px2) c = vmul(vset(0.5f), vadd(even, odd));
            else c = vfma(vset(0.5f), even, vmul(vset(0.25f), vadd(vodd(vload(v + 2 * i - 2), vload(v + 2 * i + VL - 2)), odd)));
        }
        frame_put(f, row, i, vfma(scale, c, off), c1 - i);
    }
}

// A row of RGB samples, columns [x0,x1).
INLINE vf frame_put_rgb(vf sum, const struct frame_yuv *f, const struct frame_map *src, int y, int x0, int x1) {
    static const int order[3] = {1, 2, 0}; // plane 0 is green, 1 blue, 2 red
    for (int p = 0; p < 3; p++) {
        const float *v = (const float *)frame_row(src, y) + (size_t)order[p] * frame_round_up(f->w, 16);
        for (int x = x0; x < x1; x += VL) {
            frame_put(f, f->plane[p] + f->stride[p] * y, x, vfma(vset(f->yscale), frame_unit(v + x), vset(f->yoff)), x1 - x);
            sum = vfma(frame_some(v + x, x1 - x), vset(0), sum);
        }
    }
    return sum;
}

// Writes columns [x0,x1) of chroma rows [k0,k1) and of the luma rows that go with them. x0 is a multiple of 16 and x1 too unless
// it is w. The 16 columns to the left of x0 are read as well. Returns whether all numbers were finite.
static int FN(frame_from_rgb)(const struct frame_yuv *f, const struct frame_map *src, int k0, int k1, int x0, int x1, void *scratch) {
    const size_t line = frame_yuv_line(f->w);
    float *cb = (float *)scratch + 16, *cr = cb + line;
    const int left = x0 ? x0 - 16 : 0, c0 = x0 >> f->sx, c1 = x1 == f->w ? f->cw : x1 >> f->sx;
    vf sum = vset(0);
    for (int k = k0; k < k1; k++) {
        const int y0 = k << f->sy, end = (k + 1) << f->sy;
        if (f->rgb) {
            sum = frame_put_rgb(sum, f, src, k, x0, x1);
            continue;
        }
        if (f->gray) {
            sum = frame_luma_chroma(sum, f, src, k, x0, x1, x0, f->plane[0] + f->stride[0] * k, NULL, NULL, 0, 0, 0);
            continue;
        }
        int from = y0, n = 1;
        float weight[3] = {1, 0, 0};
        if (f->sy && f->py2 == 1) n = 2, weight[0] = weight[1] = 0.5f;
        if (f->sy && f->py2 != 1) n = 3, weight[0] = weight[2] = 0.25f, weight[1] = 0.5f, from = y0 - (f->py2 == 0);
        for (int i = 0; i < n; i++) {
            const int y = frame_clamp(from + i, f->h - 1), mine = from + i == y && y >= y0 && y < end;
            uint8_t *luma = mine ? f->plane[0] + f->stride[0] * y : NULL;
            if (i == 0) sum = frame_luma_chroma(sum, f, src, y, left, x1, x0, luma, cb, cr, weight[0], 1, 1);
            else sum = frame_luma_chroma(sum, f, src, y, left, x1, x0, luma, cb, cr, weight[i], 0, 1);
        }
        frame_put_chroma(f, 1, k, c0, c1, cb);
        frame_put_chroma(f, 2, k, c0, c1, cr);
    }
    float lanes[VL], all = 0;
    vstore(lanes, sum);
    for (int i = 0; i < VL; i++) all += lanes[i];
    return all == 0;
}
