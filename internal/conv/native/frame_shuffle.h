// PixelShuffle of output pixels into an enlarged RGB picture, plus the picture skip.

// Writes pixel x of row y: v holds 3*s*s values in the order row, colour, column.
INLINE void frame_put_pixel(const struct frame_map *dst, const struct frame_map *add, int w, int s, int y, int x, const float *v) {
    ptrdiff_t plane = frame_round_up(w * s, 16), small = frame_round_up(w, 16);
    const float *rgb = add->mem ? (const float *)frame_row(add, y) + x : NULL;
    for (int i = 0; i < s; i++) {
        float *out = (float *)frame_row(dst, y * s + i) + x * s;
        for (int c = 0; c < 3; c++) {
            float skip = rgb ? rgb[c * small] : 0;
            for (int j = 0; j < s; j++) out[c * plane + j] = v[(i * 3 + c) * s + j] + skip;
        }
    }
}

#if defined(__x86_64__)
#define FRAME_LINES 1

// Where four pixels of a row go, enlarged four times, and what the picture skip adds to a line of each colour.
struct frame_lines {
    float *out; // the first of the four rows
    ptrdiff_t row, plane; // floats from one to the next
    float skip[3][16];
};

INLINE void frame_find_lines(struct frame_lines *to, const struct frame_map *dst, const struct frame_map *add, int w, int y, int x) {
    to->out = (float *)frame_row(dst, y * 4) + x * 4;
    to->row = dst->pitch / (ptrdiff_t)sizeof(float);
    to->plane = frame_round_up(w * 4, 16);
    const float *rgb = add->mem ? (const float *)frame_row(add, y) + x : NULL;
    for (int c = 0; c < 3; c++) {
        __m128 p = rgb ? _mm_loadu_ps(rgb + c * (ptrdiff_t)frame_round_up(w, 16)) : _mm_setzero_ps();
        _mm_storeu_ps(to->skip[c], _mm_shuffle_ps(p, p, 0x00));
        _mm_storeu_ps(to->skip[c] + 4, _mm_shuffle_ps(p, p, 0x55));
        _mm_storeu_ps(to->skip[c] + 8, _mm_shuffle_ps(p, p, 0xaa));
        _mm_storeu_ps(to->skip[c] + 12, _mm_shuffle_ps(p, p, 0xff));
    }
}

// The VL channels from ch on of each of the four pixels, which are VL/4 lines of 16 values. ch is a constant.
INLINE void frame_put_lines(const struct frame_lines *to, const int ch, const vf *v) {
#if VL == 16
    vf low0 = _mm512_shuffle_f32x4(v[0], v[1], 0x44), high0 = _mm512_shuffle_f32x4(v[0], v[1], 0xee);
    vf low1 = _mm512_shuffle_f32x4(v[2], v[3], 0x44), high1 = _mm512_shuffle_f32x4(v[2], v[3], 0xee);
    vf line[4][1] = {{_mm512_shuffle_f32x4(low0, low1, 0x88)}, {_mm512_shuffle_f32x4(low0, low1, 0xdd)},
                     {_mm512_shuffle_f32x4(high0, high1, 0x88)}, {_mm512_shuffle_f32x4(high0, high1, 0xdd)}};
#else
    vf line[2][2] = {{_mm256_permute2f128_ps(v[0], v[1], 0x20), _mm256_permute2f128_ps(v[2], v[3], 0x20)},
                     {_mm256_permute2f128_ps(v[0], v[1], 0x31), _mm256_permute2f128_ps(v[2], v[3], 0x31)}};
#endif
    UNROLL for (int n = 0; n < VL / 4; n++) {
        const int i = (ch / 4 + n) / 3, c = (ch / 4 + n) % 3;
        float *out = to->out + i * to->row + c * to->plane;
        UNROLL for (int j = 0; j < 16 / VL; j++) vstore(out + j * VL, vadd(line[n][j], vload(to->skip[c] + j * VL)));
    }
}
#endif
