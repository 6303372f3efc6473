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
// Four pixels of one row, enlarged four times: the VL channels from ch on of each, which are VL/4 lines of 16 values.
INLINE void frame_put_lines(const struct frame_map *dst, const struct frame_map *add, int w, int y, int x, int ch, const vf *v) {
    const ptrdiff_t plane = frame_round_up(w * 4, 16), small = frame_round_up(w, 16);
#if VL == 16
    const __m512i spread = _mm512_set_epi32(3, 3, 3, 3, 2, 2, 2, 2, 1, 1, 1, 1, 0, 0, 0, 0);
    vf low0 = _mm512_shuffle_f32x4(v[0], v[1], 0x44), high0 = _mm512_shuffle_f32x4(v[0], v[1], 0xee);
    vf low1 = _mm512_shuffle_f32x4(v[2], v[3], 0x44), high1 = _mm512_shuffle_f32x4(v[2], v[3], 0xee);
    vf line[4] = {_mm512_shuffle_f32x4(low0, low1, 0x88), _mm512_shuffle_f32x4(low0, low1, 0xdd),
                  _mm512_shuffle_f32x4(high0, high1, 0x88), _mm512_shuffle_f32x4(high0, high1, 0xdd)};
#else
    const __m256i spread0 = _mm256_set_epi32(1, 1, 1, 1, 0, 0, 0, 0), spread1 = _mm256_set_epi32(3, 3, 3, 3, 2, 2, 2, 2);
    vf line[2][2] = {{_mm256_permute2f128_ps(v[0], v[1], 0x20), _mm256_permute2f128_ps(v[2], v[3], 0x20)},
                     {_mm256_permute2f128_ps(v[0], v[1], 0x31), _mm256_permute2f128_ps(v[2], v[3], 0x31)}};
#endif
    UNROLL for (int n = 0; n < VL / 4; n++) {
        const int i = (ch / 4 + n) / 3, c = (ch / 4 + n) % 3;
        float *out = (float *)frame_row(dst, y * 4 + i) + c * plane + x * 4;
        __m128 rgb = add->mem ? _mm_loadu_ps((const float *)frame_row(add, y) + c * small + x) : _mm_setzero_ps();
#if VL == 16
        vstore(out, vadd(line[n], _mm512_permutexvar_ps(spread, _mm512_castps128_ps512(rgb))));
#else
        vstore(out, vadd(line[n][0], _mm256_permutevar8x32_ps(_mm256_castps128_ps256(rgb), spread0)));
        vstore(out + 8, vadd(line[n][1], _mm256_permutevar8x32_ps(_mm256_castps128_ps256(rgb), spread1)));
#endif
    }
}
#define FRAME_LINES 1
#endif
