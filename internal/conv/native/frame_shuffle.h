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
