// The part that enlarges: one convolution C -> 3*s*s, PixelShuffle(s), plus the input enlarged by repetition if SKIP is set.
// K is 3 for the direct tail and 5 for the collapsed official one. In a 5x5 tail the outermost ring of pixels has kernels of
// its own (kdsr.LinearTail): tail leaves it out and tail_ring computes it.
#pragma once
#include "color.h"
#include "tile.h"

enum TailFlags { TAIL_SKIP = 1 };

// put_pixel writes output channel n of low-resolution pixel (x, y) of a W x H picture to out [3][sH,sW].
template <int S>
DEV void put_pixel(u16* out, const float* rgb, float v, int n, int x, int y, int H, int W, int flags) {
  int c = n / (S * S), i = n / S % S, j = n % S;  // mutant: shuffle-turned
  if (flags & TAIL_SKIP) v += rgb[((u64)c * H + y) * W + x];  // mutant: no-skip
  out[((u64)c * H * S + y * S + i) * (W * S) + x * S + j] = to_fixed(v);
}

// tail: x [H,W,inputs] half, rgb [3][H,W] the input picture, bias [N] with the mean colour in it. N is 3*S*S rounded up to a
// multiple of 16. Shared memory: 2 * conv_stage_bytes<K>().
template <int K, int S, int N>
DEV void tail(const u8* x, u16* out, const u8* weights, const float* bias, const float* rgb, int H, int W, int inputs,
              int flags) {
  int lane = threadIdx.x & 31, row0 = (threadIdx.x >> 5) * ROWS;
  int ox = blockIdx.x * TILE_W, oy = blockIdx.y * TILE_H;
  float acc[ROWS][N / 8][4];
  convolve<K, N>(acc, x, weights, inputs, N / 16, 0, oy, ox, H, W);
  UNROLL for (int r = 0; r < ROWS; r++) UNROLL for (int h = 0; h < 2; h++) {
    int gy = oy + row0 + r, gx = ox + (lane >> 2) + h * 8;
    bool mine = gx < W && gy < H;
    if (K == 5 && (gx == 0 || gy == 0 || gx == W - 1 || gy == H - 1)) mine = false;  // mutant: the-tail-writes-the-ring
    if (mine) {
      UNROLL for (int n = 0; n < N / 8; n++) UNROLL for (int e = 0; e < 2; e++) {
        int c = n * 8 + (lane & 3) * 2 + e;
        if (c < 3 * S * S) put_pixel<S>(out, rgb, acc[r][n][h * 2 + e] + bias[c], c, gx, gy, H, W, flags);  // mutant: the-last-channel-is-left-out
      }
    }
  }
}

constexpr int RING_THREADS = 64;

// tail_ring: one block a pixel of the outermost ring. sets: for each combination of edges (kdsr.Edges) the number of its kernel;
// weights [set][25][inputs][3*S*S] and bias [set][3*S*S] in single precision.
template <int S>
DEV void tail_ring(const u8* x, u16* out, const float* weights, const float* bias, const int* sets, const float* rgb, int H,
                   int W, int inputs, int flags) {
  constexpr int OUT = 3 * S * S;
  int p = blockIdx.x, n = threadIdx.x;
  int gx = p, gy = 0;  // top row, bottom row, then the pixels between at left and right
  if (p >= W) {
    p -= W;
    if (H > 1 && p < W) {
      gx = p, gy = H - 1;
    } else {
      if (H > 1) p -= W;
      gx = W > 1 && (p & 1) ? W - 1 : 0;
      gy = 1 + (W > 1 ? p >> 1 : p);  // mutant: ring-a-row-too-high
    }
  }
  if (n >= OUT) return;
  int set = sets[(gy == 0) + (gy == H - 1) * 2 + (gx == 0) * 4 + (gx == W - 1) * 8];  // mutant: ring-left-edge-unknown, ring-bottom-edge-unknown
  const float* w = weights + (u64)set * (25 * OUT) * inputs + n;
  float a = bias[set * OUT + n];
#pragma unroll 1
  for (int t = 0; t < 25; t++) {
    int y = gy + t / 5 - 2, xx = gx + t % 5 - 2;  // mutant: ring-a-tap-too-low
    if (y < 0 || y >= H || xx < 0 || xx >= W) continue;
    const u8* from = x + ((u64)y * W + xx) * inputs * 2;
#pragma unroll 1
    for (int c = 0; c < inputs; c += 2) {
      u32 v = ldg32(from + c * 2);
      a = fma32(half_lo(v), w[(u64)(t * inputs + c) * OUT], a);
      a = fma32(half_hi(v), w[(u64)(t * inputs + c + 1) * OUT], a);
    }
  }
  put_pixel<S>(out, rgb, a, n, gx, gy, H, W, flags);
}
