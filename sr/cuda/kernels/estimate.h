// The estimator's pooling and linear layers. Sums have a fixed order: the same input gives the same bits.
#pragma once
#include "tile.h"

constexpr int POOL_THREADS = 128;

// pool_partial: x [pixels][C] half to sums [blocks][C]: block b adds its share of the pixels.
DEV void pool_partial(const u8* x, float* sums, int pixels, int C) {
  int share = (pixels + gridDim.x - 1) / gridDim.x, from = blockIdx.x * share;
  int to = from + share < pixels ? from + share : pixels;
  for (int pair = threadIdx.x; pair < C / 2; pair += POOL_THREADS) {
    float a0 = 0.f, a1 = 0.f;
#pragma unroll 1
    for (int p = from; p < to; p++) {  // mutant: pool-a-pixel-too-few
      u32 v = ldg32(x + ((u64)p * C + pair * 2) * 2);
      a0 += half_lo(v), a1 += half_hi(v);
    }
    sums[blockIdx.x * C + pair * 2] = a0;
    sums[blockIdx.x * C + pair * 2 + 1] = a1;
  }
}

// pool_finish: sums [blocks][C] to mean [C].
DEV void pool_finish(const float* sums, float* mean, int blocks, int pixels, int C) {
  int c = blockIdx.x * POOL_THREADS + threadIdx.x;
  if (c >= C) return;
  float a = 0.f;
#pragma unroll 1
  for (int b = 0; b < blocks; b++) a += sums[b * C + c];  // mutant: pool-a-block-too-few
  mean[c] = a / (float)pixels;  // mutant: pool-sum-instead-of-mean
}

enum LinearFlags { LINEAR_LRELU = 1, LINEAR_BIAS = 2 };

// linear: x [inputs] to y [outputs] with weights [outputs][inputs]. One warp a row, 4 rows a block.
DEV void linear(const float* x, float* y, const float* weights, const float* bias, int inputs, int outputs, int flags) {
  int lane = threadIdx.x & 31, row = blockIdx.x * 4 + (threadIdx.x >> 5);
  float a = 0.f;
  if (row < outputs) {
#pragma unroll 1
    for (int i = lane; i < inputs; i += 32) a = fma32(weights[(u64)row * inputs + i], x[i], a);  // mutant: linear-lanes-overlap
  }
  UNROLL for (u32 m = 16; m; m >>= 1) a += shuffle_xor(a, m);  // mutant: linear-a-lane-leaves-before-the-shuffle
  if (row < outputs && lane == 0) {
    if (flags & LINEAR_BIAS) a += bias[row];  // mutant: linear-no-bias
    y[row] = flags & LINEAR_LRELU ? lrelu(a) : a;  // mutant: linear-no-activation
  }
}
