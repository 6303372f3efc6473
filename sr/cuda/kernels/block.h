// IDR-DCRB, the residual block of KDSR (paper Fig. 2b), in one kernel: depthwise 3x3 with the scene's kernels, LReLU,
// convolution 3x3, plus the input.
#pragma once
#include "tile.h"

constexpr int MID_W = TILE_W + 2, MID_H = TILE_H + 2;    // depthwise output, 1 pixel around the tile
constexpr int WIDE_W = TILE_W + 4, WIDE_H = TILE_H + 4;  // block input, 2 pixels around the tile
constexpr int WIDE_BYTES = WIDE_W * WIDE_H * PIXEL, MID_BYTES = MID_W * MID_H * PIXEL;

// depthwise writes one channel group of the mid tile. kernels: [C][9]. Pixels outside the frame are zero, because the
// convolution that follows pads its own input.
template <int THREADS>
DEV void depthwise(u8* mid, const u8* wide, const float* kernels, int group, int oy, int ox, int H, int W) {
  static_assert(THREADS % (GROUP / 2) == 0, "a thread keeps its channels");
  int pair = threadIdx.x % (GROUP / 2), channel = group * GROUP + pair * 2;
  float k0[9], k1[9];
  UNROLL for (int t = 0; t < 9; t++) {
    k0[t] = kernels[channel * 9 + t];
    k1[t] = kernels[channel * 9 + 9 + t];
  }
#pragma unroll 1
  for (int p = threadIdx.x / (GROUP / 2); p < MID_W * MID_H; p += THREADS / (GROUP / 2)) {
    int px = p % MID_W, py = p / MID_W, gx = ox + px - 1, gy = oy + py - 1;
    float a0 = 0.f, a1 = 0.f;
    if (gx >= 0 && gx < W && gy >= 0 && gy < H) {  // mutant: middle-outside-the-frame-not-zero
      UNROLL for (int t = 0; t < 9; t++) {
        u32 v = lds32(wide + ((py + t / 3) * WIDE_W + px + t % 3) * PIXEL + pair * 4);  // mutant: depthwise-kernel-upside-down
        a0 = fma32(k0[t], half_lo(v), a0);
        a1 = fma32(k1[t], half_hi(v), a1);
      }
    }
    sts32(mid + p * PIXEL + pair * 4, pack_half(lrelu(a0), lrelu(a1)));
  }
}

// block: x, y [H,W,C] half, different memory; kernels [C][9]; weights [group][tap][n16][lane][4 words]; bias [C].
// COLUMNS warps share the output channels. Shared memory: 2 * WIDE_BYTES + MID_BYTES.
template <int C, int COLUMNS>
DEV void block(const u8* x, u8* y, const float* kernels, const u8* weights, const float* bias, int H, int W) {
  constexpr int THREADS = ROW_WARPS * COLUMNS * 32, NT = C / 8 / COLUMNS, GROUPS = C / GROUP;
  u8 *wide = SMEM(), *mid = wide + 2 * WIDE_BYTES;
  int lane = threadIdx.x & 31, warp = threadIdx.x >> 5, row0 = warp % ROW_WARPS * ROWS;
  int first16 = warp / ROW_WARPS * (NT / 2);  // mutant: warps-of-the-wrong-columns
  int ox = blockIdx.x * TILE_W, oy = blockIdx.y * TILE_H;
  float acc[ROWS][NT][4];
  clear(acc);
  stage<2, THREADS>(wide, x, 0, C, oy, ox, H, W);
#pragma unroll 1
  for (int g = 0; g < GROUPS; g++) {
    copy_wait();  // mutant: copy-wait
    __syncthreads();  // group g is here, and nobody reads mid or the other buffer any more  // mutant: barrier-after-the-copy
    if (g + 1 < GROUPS) stage<2, THREADS>(wide + ((g + 1) & 1) * WIDE_BYTES, x, g + 1, C, oy, ox, H, W);
    depthwise<THREADS>(mid, wide + (g & 1) * WIDE_BYTES, kernels, g, oy, ox, H, W);
    __syncthreads();  // mid is whole  // mutant: barrier-after-the-depthwise-stage
    gemm_group<3, NT, MID_W>(acc, mid, weights + g * (9 * (C / 16) * 512), C / 16, first16, row0);
  }
  UNROLL for (int r = 0; r < ROWS; r++) UNROLL for (int h = 0; h < 2; h++) {
    int gy = oy + row0 + r, gx = ox + (lane >> 2) + h * 8;
    if (gx < W && gy < H) {  // mutant: writes-below-the-frame
      u64 at = ((u64)gy * W + gx) * (C * 2) + (first16 * 16 + (lane & 3) * 2) * 2;
      UNROLL for (int n = 0; n < NT; n++) {
        const float* b = bias + first16 * 16 + n * 8 + (lane & 3) * 2;
        u32 in = ldg32(x + at + n * 16);
        stg32(y + at + n * 16, pack_half(acc[r][n][h * 2] + b[0] + half_lo(in), acc[r][n][h * 2 + 1] + b[1] + half_hi(in)));  // mutant: the-second-channel-s-bias
      }
    }
  }
}
