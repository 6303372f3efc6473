// The entries of the module. Their order and parameters are those of entries.go; every parameter is at most 8 bytes.
#include "block.h"
#include "color.h"
#include "conv.h"
#include "estimate.h"
#include "scene.h"
#include "tail.h"

#define BLOCK(C, COLUMNS)                                                                                              \
  KERNEL(128 * COLUMNS)                                                                                                \
  vsr_block_c##C(const u8* x, u8* y, const float* kernels, const u8* weights, const float* bias, int H, int W) {       \
    block<C, COLUMNS>(x, y, kernels, weights, bias, H, W);                                                             \
  }
BLOCK(16, 1)
BLOCK(32, 1)
BLOCK(64, 1)
BLOCK(128, 2)

#define CONV(N, ATTRIBUTES)                                                                                            \
  ATTRIBUTES                                                                                                           \
  vsr_conv3_n##N(const u8* x, u8* y, const u8* weights, const float* bias, const u8* add, int H, int W, int inputs,    \
                 int outputs, int flags) {                                                                             \
    conv3<N>(x, y, weights, bias, add, H, W, inputs, outputs, flags);                                                  \
  }
CONV(16, KERNEL_ROOMY)
CONV(32, KERNEL(128))
CONV(64, KERNEL(128))

KERNEL(128)
vsr_first_conv(const float* rgb, u8* y, const float* weights, const float* bias, const float* shift, int H, int W, int C,
               int stride, int flags) {
  first_conv(rgb, y, weights, bias, shift, H, W, C, stride, flags);
}

KERNEL(POOL_THREADS)
vsr_pool_partial(const u8* x, float* sums, int pixels, int C) { pool_partial(x, sums, pixels, C); }
KERNEL(POOL_THREADS)
vsr_pool_finish(const float* sums, float* mean, int blocks, int pixels, int C) {
  pool_finish(sums, mean, blocks, pixels, C);
}
KERNEL(128)
vsr_linear(const float* x, float* y, const float* weights, const float* bias, int inputs, int outputs, int flags) {
  linear(x, y, weights, bias, inputs, outputs, flags);
}

#define TAIL(K, S, N, ATTRIBUTES)                                                                                      \
  ATTRIBUTES                                                                                                           \
  vsr_tail##K##_s##S(const u8* x, u16* out, const u8* weights, const float* bias, const float* rgb, int H, int W,      \
                     int inputs, int flags) {                                                                          \
    tail<K, S, N>(x, out, weights, bias, rgb, H, W, inputs, flags);                                                    \
  }
TAIL(3, 2, 16, KERNEL_ROOMY)
TAIL(3, 3, 32, KERNEL(128))
TAIL(3, 4, 48, KERNEL(128))
TAIL(5, 2, 16, KERNEL_ROOMY)
TAIL(5, 3, 32, KERNEL(128))
TAIL(5, 4, 48, KERNEL(128))

#define RING(S)                                                                                                        \
  KERNEL(RING_THREADS)                                                                                                 \
  vsr_ring_s##S(const u8* x, u16* out, const float* weights, const float* bias, const int* sets, const float* rgb,     \
                int H, int W, int inputs, int flags) {                                                                 \
    tail_ring<S>(x, out, weights, bias, sets, rgb, H, W, inputs, flags);                                               \
  }
RING(2)
RING(3)
RING(4)

KERNEL(128)
vsr_rgb_in(const u8* frame, float* rgb, const Picture* picture) { rgb_in(frame, rgb, picture); }
KERNEL(128)
vsr_frame_out(const u16* rgb, u8* frame, const Picture* picture) { frame_out(rgb, frame, picture); }
KERNEL(GRID_THREADS)
vsr_scene_grid(const u8* frame, u32* sums, const Picture* picture) { scene_grid(frame, sums, picture); }
