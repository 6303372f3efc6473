// The frame kernels of one instruction set: included after vec.h.
#include "frame_ops.h"

// Row y of a map.
INLINE char *frame_row(const struct frame_map *m, int y) { return m->mem + (ptrdiff_t)(y - m->lo) * m->pitch; }

// Loads and stores VL values, element i of a row, at half or single precision.
INLINE vf frame_load(const char *row, ptrdiff_t i, const int half) {
    return half ? vload_half((const uint16_t *)row + i) : vload((const float *)row + i);
}
INLINE void frame_store(char *row, ptrdiff_t i, vf v, const int half) {
    if (half) vstore_half((uint16_t *)row + i, v);
    else vstore((float *)row + i, v);
}
INLINE vf frame_lrelu(vf v) { return vmax(v, vmul(v, vset(0.1f))); }
INLINE int frame_round_up(int n, int to) { return (n + to - 1) / to * to; }

// Writes the zeros beside the w pixels of a map row of c channels.
INLINE void frame_borders(char *row, int w, int c, int half) {
    size_t pixel = (size_t)c * (half ? 2 : 4);
    int wide = frame_round_up(w, 4) + 2 * FRAME_PAD;
    memset(row, 0, FRAME_PAD * pixel);
    memset(row + (FRAME_PAD + w) * pixel, 0, (wide - FRAME_PAD - w) * pixel);
}

#include "frame_shuffle.h"
#include "frame_winograd.h"
#include "frame_head.h"
#include "frame_tail.h"
#include "frame_yuv.h"

const struct frame_ops FN(frame_ops) = {
    .panel = FN(frame_panel),
    .conv_scratch = FN(frame_conv_scratch),
    .conv = FN(frame_conv),
    .head_scratch = FN(frame_head_scratch),
    .head = FN(frame_head),
    .tail_scratch = FN(frame_tail_scratch),
    .tail = FN(frame_tail),
    .sums = FN(frame_sums),
    .yuv_scratch = FN(frame_yuv_scratch),
    .to_rgb = FN(frame_to_rgb),
    .from_rgb = FN(frame_from_rgb),
};
