// Plain convolutions: body tail and estimator on the tensor cores, the first convolution of either in scalar arithmetic.
#pragma once
#include "tile.h"

enum ConvFlags { CONV_LRELU = 1, CONV_ADD = 2 };

// conv3: x [H,W,inputs] half to y [H,W,outputs] half, bias, then LReLU or plus add, by flags. inputs is a multiple of 16,
// outputs one of N; blockIdx.z selects N of them. Shared memory: 2 * conv_stage_bytes<3>().
template <int N>
DEV void conv3(const u8* x, u8* y, const u8* weights, const float* bias, const u8* add, int H, int W, int inputs, int outputs,
               int flags) {
  int lane = threadIdx.x & 31, row0 = (threadIdx.x >> 5) * ROWS, first = blockIdx.z * N;
  int ox = blockIdx.x * TILE_W, oy = blockIdx.y * TILE_H;
  float acc[ROWS][N / 8][4];
  convolve<3, N>(acc, x, weights, inputs, outputs / 16, first / 16, oy, ox, H, W);  // mutant: every-slice-has-the-first-one-s-weights
  UNROLL for (int r = 0; r < ROWS; r++) UNROLL for (int h = 0; h < 2; h++) {
    int gy = oy + row0 + r, gx = ox + (lane >> 2) + h * 8;
    if (gx < W && gy < H) {  // mutant: convolution-writes-below-the-frame
      int c0 = first + (lane & 3) * 2;
      u64 at = (((u64)gy * W + gx) * outputs + c0) * 2;
      UNROLL for (int n = 0; n < N / 8; n++) {
        float v0 = acc[r][n][h * 2] + bias[c0 + n * 8], v1 = acc[r][n][h * 2 + 1] + bias[c0 + n * 8 + 1];
        if (flags & CONV_LRELU) v0 = lrelu(v0), v1 = lrelu(v1);  // mutant: no-activation
        if (flags & CONV_ADD) {
          u32 in = ldg32(add + at + n * 16);
          v0 += half_lo(in), v1 += half_hi(in);
        }
        stg32(y + at + n * 16, pack_half(v0, v1));
      }
    }
  }
}

// first_conv: picture rgb [3][H,W] float to y [oh,ow,C] half with the given stride. weights [27][C] in the order of
// input channel, row, column; shift[c] is subtracted from the samples inside the frame (zero padding comes after it).
// A thread computes 16 channels of one pixel; blockIdx.y selects them.
DEV void first_conv(const float* rgb, u8* y, const float* weights, const float* bias, const float* shift, int H, int W, int C,
                    int stride, int flags) {
  int ow = (W + stride - 1) / stride, oh = (H + stride - 1) / stride;
  int p = blockIdx.x * 128 + threadIdx.x, c0 = blockIdx.y * 16;
  if (p >= ow * oh) return;
  int px = p % ow * stride, py = p / ow * stride;  // mutant: first-stride-forgotten
  float acc[16];
  UNROLL for (int c = 0; c < 16; c++) acc[c] = bias[c0 + c];
#pragma unroll 1
  for (int i = 0; i < 27; i++) {
    int gx = px + i % 3 - 1, gy = py + i / 3 % 3 - 1;  // mutant: first-rows-shifted
    if (gx < 0 || gx >= W || gy < 0 || gy >= H) continue;  // mutant: first-a-row-below-the-frame
    float v = rgb[((u64)(i / 9) * H + gy) * W + gx] - shift[i / 9];  // mutant: first-mean-color-forgotten
    const float* w = weights + i * C + c0;
    UNROLL for (int c = 0; c < 16; c++) acc[c] = fma32(v, w[c], acc[c]);
  }
  UNROLL for (int c = 0; c < 16; c++) if (flags & CONV_LRELU) acc[c] = lrelu(acc[c]);
  u8* to = y + ((u64)p * C + c0) * 2;
  stg128(to, U4{pack_half(acc[0], acc[1]), pack_half(acc[2], acc[3]), pack_half(acc[4], acc[5]), pack_half(acc[6], acc[7])});
  stg128(to + 16, U4{pack_half(acc[8], acc[9]), pack_half(acc[10], acc[11]), pack_half(acc[12], acc[13]), pack_half(acc[14], acc[15])});
}
