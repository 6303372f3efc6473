// What the scene room looks at: sums of a few samples in each cell of a small grid. Package scene is the specification
// (Sums in thumb.go); whole numbers, so the result is the same bit by bit.
#pragma once
#include "color.h"

constexpr int GRID_W = 64, GRID_H = 36, GRID_TAPS = 4;
constexpr int GRID_THREADS = 128;
static_assert(GRID_W * GRID_H % GRID_THREADS == 0, "no thread without a cell");

// scene_grid: frame to sums [planes][GRID_H][GRID_W]. One thread a cell; blockIdx.y is the plane.
DEV void scene_grid(const u8* frame, u32* sums, const Picture* d) {
  int cell = blockIdx.x * GRID_THREADS + threadIdx.x, x = cell % GRID_W, y = cell / GRID_W, p = blockIdx.y;
  int w = p ? d->cw : d->W, h = p ? d->ch : d->H, step = p ? d->cstep : 1;  // mutant: scene-cb-and-cr-taken-for-one-plane
  u32 pitch = p ? d->pitchc : d->pitch0;
  const u8* plane = frame + (p == 0 ? 0 : p == 1 ? d->plane1 : d->plane2);  // mutant: scene-luma-for-all-planes
  u32 sum = 0;
#pragma unroll 1
  for (int j = 0; j < GRID_TAPS; j++) {  // mutant: scene-a-sample-too-few
    const u8* row = plane + (u64)((2 * (y * GRID_TAPS + j) + 1) * h / (2 * GRID_H * GRID_TAPS)) * pitch;  // mutant: scene-half-a-row-up
#pragma unroll 1
    for (int i = 0; i < GRID_TAPS; i++)
      sum += code(d, row, (2 * (x * GRID_TAPS + i) + 1) * w / (2 * GRID_W * GRID_TAPS) * step);
  }
  sums[p * (GRID_W * GRID_H) + cell] = sum;
}
