// Planar YUV to RGB and back. The loops are plain C that compilers turn into vectors; sr/cpu has the specification.

// Scratch: six rows.
INLINE size_t frame_yuv_line(int w) { return (size_t)frame_round_up(w, 16) + 32; }
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

// Rounds n samples to the nearest level.
INLINE void frame_put(const struct frame_yuv *f, int p, int y, const float *restrict v, int n) {
    uint8_t *row = f->plane[p] + f->stride[p] * y;
    if (f->wide) {
        uint16_t *restrict to = (uint16_t *)row;
        for (int i = 0; i < n; i++) to[i] = (uint16_t)(int)((v[i] < f->top ? v[i] : f->top) + 0.5f);
    } else {
        const float top = f->top;
        for (int i = 0; i < n; i++) row[i] = (uint8_t)(int)((v[i] < top ? v[i] : top) + 0.5f);
    }
}

// v clamped to [0,1]; 0 for what is not a number.
INLINE vf frame_unit(const float *v) { return vmin(vmax(vload(v), vset(0)), vset(1)); }

// Luma of row y, as samples, and unless cb is NULL the chroma at every pixel, in [-1/2,1/2]. Writes up to w rounded up to 16.
INLINE void frame_luma_chroma(const struct frame_yuv *f, const struct frame_map *src, int y, float *luma, float *cb, float *cr) {
    const int n = frame_round_up(f->w, 16);
    const float *r = (const float *)frame_row(src, y), *g = r + n, *b = g + n;
    const vf kr = vset(f->kr), kg = vset(f->kg), kb = vset(f->kb), ub = vset(1 / f->bcb), ur = vset(1 / f->rcr);
    const vf scale = vset(f->yscale), off = vset(f->yoff);
    for (int x = 0; x < n; x += VL) {
        vf red = frame_unit(r + x), blue = frame_unit(b + x);
        vf l = vfma(kb, blue, vfma(kg, frame_unit(g + x), vmul(kr, red)));
        vstore(luma + x, vfma(scale, l, off));
        if (cb) {
            vstore(cb + x, vmul(vsub(blue, l), ub));
            vstore(cr + x, vmul(vsub(red, l), ur));
        }
    }
}

// Horizontal filter: w full-size values, v[-1] and v[w] being writable, to cw.
INLINE void frame_shrink(const struct frame_yuv *f, float *restrict to, float *v) {
    if (!f->sx) {
        memcpy(to, v, (size_t)f->w * 4);
        return;
    }
    v[-1] = v[0];
    v[f->w] = v[f->w + 1] = v[f->w - 1];
    if (f->px2) {
        for (int i = 0; i < f->cw; i++) to[i] = 0.5f * v[2 * i] + 0.5f * v[2 * i + 1];
    } else {
        for (int i = 0; i < f->cw; i++) to[i] = 0.25f * v[2 * i - 1] + 0.5f * v[2 * i] + 0.25f * v[2 * i + 1];
    }
}

static void FN(frame_from_rgb)(const struct frame_yuv *f, const struct frame_map *src, int k0, int k1, void *scratch) {
    const size_t line = frame_yuv_line(f->w), plane = frame_round_up(f->w, 16);
    float *luma = scratch, *cb = luma + line + 16, *cr = cb + line, *t = cr + line, *sb = t + line, *sr = sb + line;
    for (int k = k0; k < k1; k++) {
        const int first = k << f->sy, last = (k + 1) << f->sy;
        if (f->rgb) {
            static const int order[3] = {1, 2, 0}; // plane 0 is green, 1 blue, 2 red
            for (int p = 0; p < 3; p++) {
                const float *v = (const float *)frame_row(src, k) + (size_t)order[p] * plane;
                for (int x = 0; x < f->w; x++) luma[x] = f->yoff + f->yscale * frame_clamp01(v[x]);
                frame_put(f, p, k, luma, f->w);
            }
            continue;
        }
        if (f->gray) {
            frame_luma_chroma(f, src, k, luma, NULL, NULL);
            frame_put(f, 0, k, luma, f->w);
            continue;
        }
        int from = first, n = 1;
        float weight[3] = {1, 0, 0};
        if (f->sy && f->py2 == 1) n = 2, weight[0] = weight[1] = 0.5f;
        if (f->sy && f->py2 != 1) n = 3, weight[0] = weight[2] = 0.25f, weight[1] = 0.5f, from = first - (f->py2 == 0);
        for (int i = 0; i < n; i++) {
            const int y = frame_clamp(from + i, f->h - 1), mine = from + i == y && y >= first && y < last;
            frame_luma_chroma(f, src, y, luma, cb, cr);
            if (mine) frame_put(f, 0, y, luma, f->w);
            const float s = weight[i];
            frame_shrink(f, t, cb);
            for (int x = 0; x < f->cw; x++) sb[x] = (i ? sb[x] : 0) + s * t[x];
            frame_shrink(f, t, cr);
            for (int x = 0; x < f->cw; x++) sr[x] = (i ? sr[x] : 0) + s * t[x];
        }
        for (int x = 0; x < f->cw; x++) sb[x] = f->coff + f->cscale * sb[x], sr[x] = f->coff + f->cscale * sr[x];
        frame_put(f, 1, k, sb, f->cw);
        frame_put(f, 2, k, sr, f->cw);
    }
}
