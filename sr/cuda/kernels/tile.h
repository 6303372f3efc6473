// The implicit GEMM that convolutions share. A thread block computes a tile of 16x8 output pixels; one m16 row of the tensor
// core is one image row of 16 pixels, so a tap of the kernel is an offset in shared memory.
#pragma once
#include "vsr_dev.h"

constexpr int TILE_W = 16, TILE_H = 8;
constexpr int GROUP = 16;              // channels staged at a time: the k of one mma
constexpr int PIXEL = GROUP * 2 + 16;  // bytes from pixel to pixel in shared memory: an odd multiple of 16, so that
                                       // ldmatrix and the depthwise stage have no bank conflicts
constexpr int ROW_WARPS = 4;           // warps along the tile's height
constexpr int ROWS = TILE_H / ROW_WARPS;

DEV float lrelu(float v) { return v > 0.f ? v : v * 0.1f; }

// stage starts copying one channel group of a tile with HALO pixels around it; zeros outside the frame.
// x is [H,W,channels] half; the tile's first output pixel is (oy, ox).
template <int HALO, int THREADS>
DEV void stage(u8* dst, const u8* x, int group, int channels, int oy, int ox, int H, int W) {
  constexpr int SW = TILE_W + 2 * HALO, SH = TILE_H + 2 * HALO;
  for (int i = threadIdx.x; i < SW * SH * 2; i += THREADS) {
    int half = i & 1, p = i >> 1, px = p % SW, py = p / SW;
    int gx = ox + px - HALO, gy = oy + py - HALO;
    bool ok = gx >= 0 && gx < W && gy >= 0 && gy < H;  // mutant: one-row-too-few
    u64 from = ok ? ((u64)gy * W + gx) * (channels * 2) + group * (GROUP * 2) + half * 16 : 0;
    copy_async16(dst + p * PIXEL + half * 16, x + from, ok);
  }
}

// gemm_group adds the K*K taps of one channel group to acc. tile has (K-1)/2 pixels around it and PITCH pixels a row.
// weights: fragments of this group, [tap][n16][lane][4 words]; first16 is the warp's first n16 block of n16s.
template <int K, int NT, int PITCH>
DEV void gemm_group(float (&acc)[ROWS][NT][4], const u8* tile, const u8* weights, int n16s, int first16, int row0) {
  int lane = threadIdx.x & 31;
  const u8* lane_at = tile + (lane & 15) * PIXEL + (lane >> 4) * 16;
#pragma unroll 1
  for (int ky = 0; ky < K; ky++) {
    UNROLL for (int kx = 0; kx < K; kx++) {
      u32 a[ROWS][4];
      UNROLL for (int r = 0; r < ROWS; r++) ldmatrix_x4(a[r], lane_at + ((row0 + r + ky) * PITCH + kx) * PIXEL);  // mutant: a-row-too-far
      const u8* w = weights + (((ky * K + kx) * n16s + first16) * 32 + lane) * 16;
      UNROLL for (int n = 0; n < NT; n += 2) {
        U4 b = ldg128(w + n / 2 * (32 * 16));
        UNROLL for (int r = 0; r < ROWS; r++) {
          mma_16816(acc[r][n], a[r], b.x, b.y);  // mutant: fragments-of-the-first-tile-swapped
          mma_16816(acc[r][n + 1], a[r], b.z, b.w);  // mutant: fragments-of-the-wrong-tile
        }
      }
    }
  }
}

template <int NT>
DEV void clear(float (&acc)[ROWS][NT][4]) {
  UNROLL for (int r = 0; r < ROWS; r++) UNROLL for (int n = 0; n < NT; n++) UNROLL for (int i = 0; i < 4; i++) acc[r][n][i] = 0.f;
}

// convolve runs a whole K x K convolution of a tile with N output channels from first16*16 on, double buffered.
// weights: [group][tap][n16][lane][4 words]. Needs 2 * conv_stage_bytes<K>() of shared memory and 128 threads.
template <int K>
constexpr int conv_stage_bytes() { return (TILE_W + K - 1) * (TILE_H + K - 1) * PIXEL; }

template <int K, int N>
DEV void convolve(float (&acc)[ROWS][N / 8][4], const u8* x, const u8* weights, int channels, int n16s, int first16, int oy,
                  int ox, int H, int W) {
  constexpr int HALO = (K - 1) / 2, BYTES = conv_stage_bytes<K>();
  u8* buffer = SMEM();
  int groups = channels / GROUP, row0 = (threadIdx.x >> 5) * ROWS;
  clear(acc);
  stage<HALO, 128>(buffer, x, 0, channels, oy, ox, H, W);
#pragma unroll 1
  for (int g = 0; g < groups; g++) {
    copy_wait();  // mutant: convolution-copy-wait
    __syncthreads();  // group g is here, and nobody reads the other buffer any more  // mutant: convolution-barrier
    if (g + 1 < groups) stage<HALO, 128>(buffer + ((g + 1) & 1) * BYTES, x, g + 1, channels, oy, ox, H, W);  // mutant: the-buffer-being-read-is-filled
    gemm_group<K, N / 8, TILE_W + 2 * HALO>(acc, buffer + (g & 1) * BYTES, weights + (u64)g * (K * K) * n16s * 512, n16s,
                                            first16, row0);
  }
}
