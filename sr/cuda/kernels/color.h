// Planar YUV (or GBR, or gray), or NV12 and its deeper kin, to RGB in [0,1] and back. The arithmetic is that of sr/cpu's plain_yuv.go, which is the
// specification; color.go fills Picture from a media.Format.
#pragma once
#include "vsr_dev.h"

enum PictureMode { MODE_YUV = 0, MODE_GRAY = 1, MODE_GBR = 2 };

// Picture describes the samples of one frame buffer. Fields are 4 bytes each, in the order of pictureWords in color.go.
struct Picture {
  int W, H, cw, ch;           // luma and chroma size in samples
  int sx, sy, px2, py2;       // log2 of the subsampling; siting: 0 on the first luma sample, 1 between, 2 on the second
  int bytes, mode;            // 1 or 2 bytes a sample; PictureMode
  int cstep, lift;            // from chroma sample to chroma sample: 2 when Cb and Cr take turns; bits that samples are shifted up
  u32 pitch0, pitchc;         // bytes from row to row, luma and chroma
  u32 plane1, plane2;         // bytes from luma to the other planes
  float kr, kg, kb;           // luma weights
  float rcr, bcb, gcb, gcr;   // R = Y + rcr Cr, B = Y + bcb Cb, G = Y - gcb Cb - gcr Cr
  float yoff, yscale, coff, cscale, top;
};

DEV int clamp_int(int v, int hi) { return v < 0 ? 0 : v > hi ? hi : v; }
DEV float clamp01(float v) { return !(v > 0.f) ? 0.f : v > 1.f ? 1.f : v; }  // not a number gives 0

DEV u32 code(const Picture* d, const u8* row, int x) {
  return d->bytes == 1 ? row[x] : (u32)((const u16*)row)[x] >> d->lift;  // mutant: head-deep-samples-not-shifted
}
DEV float sample(const Picture* d, const u8* row, int x) { return (float)code(d, row, x); }
DEV void put_sample(const Picture* d, u8* row, int x, float v) {
  u32 n = (u32)((v < 0.f ? 0.f : v > d->top ? d->top : v) + 0.5f);
  if (d->bytes == 1) row[x] = (u8)n;
  else ((u16*)row)[x] = (u16)(n << d->lift);  // mutant: tail-deep-samples-not-shifted
}

// chroma interpolates plane at luma position (x, y).
DEV float chroma(const Picture* d, const u8* plane, int x, int y) {
  int ux = d->sx ? 2 * x - d->px2 : 4 * x, uy = d->sy ? 2 * y - d->py2 : 4 * y;  // in quarters of a chroma sample
  int x0 = clamp_int(ux >> 2, d->cw - 1), x1 = clamp_int((ux >> 2) + 1, d->cw - 1);  // mutant: head-chroma-not-interpolated-across
  const u8* r0 = plane + (u64)clamp_int(uy >> 2, d->ch - 1) * d->pitchc;
  const u8* r1 = plane + (u64)clamp_int((uy >> 2) + 1, d->ch - 1) * d->pitchc;
  float wx = (float)(ux & 3) * 0.25f, wy = (float)(uy & 3) * 0.25f;  // mutant: head-chroma-not-interpolated-down
  float a = sample(d, r0, x0 * d->cstep) * (1.f - wx) + sample(d, r0, x1 * d->cstep) * wx;  // mutant: head-cb-and-cr-taken-for-one-plane
  float b = sample(d, r1, x0 * d->cstep) * (1.f - wx) + sample(d, r1, x1 * d->cstep) * wx;
  return (a * (1.f - wy) + b * wy - d->coff) / d->cscale;
}

// rgb_in: frame to rgb [3][H,W] float in [0,1]. One thread a pixel.
DEV void rgb_in(const u8* frame, float* rgb, const Picture* d) {
  int W = d->W, H = d->H, p = blockIdx.x * 128 + threadIdx.x;
  if (p >= W * H) return;
  int x = p % W, y = p / W;
  float v = (sample(d, frame + (u64)y * d->pitch0, x) - d->yoff) / d->yscale;
  float r = v, g = v, b = v;
  if (d->mode == MODE_GBR) {
    b = (sample(d, frame + d->plane1 + (u64)y * d->pitchc, x) - d->yoff) / d->yscale;
    r = (sample(d, frame + d->plane2 + (u64)y * d->pitchc, x) - d->yoff) / d->yscale;
  } else if (d->mode == MODE_YUV) {
    float cb = chroma(d, frame + d->plane1, x, y), cr = chroma(d, frame + d->plane2, x, y);
    r = v + d->rcr * cr;
    g = v - d->gcb * cb - d->gcr * cr;
    b = v + d->bcb * cb;
  }
  u64 plane = (u64)W * H;
  rgb[p] = clamp01(r);
  rgb[plane + p] = clamp01(g);
  rgb[2 * plane + p] = clamp01(b);
}

// The enlarged picture is kept as 16-bit fixed point, 65535 for 1: out [3][H,W].
DEV u16 to_fixed(float v) { return (u16)(u32)(clamp01(v) * 65535.f + 0.5f); }
DEV float from_fixed(u32 v) { return (float)v * (1.f / 65535.f); }

// frame_out: rgb [3][H,W] fixed point to the planes of a frame. One thread a chroma sample and the luma samples with it.
DEV void frame_out(const u16* rgb, u8* frame, const Picture* d) {
  int W = d->W, H = d->H, p = blockIdx.x * 128 + threadIdx.x;
  if (p >= d->cw * d->ch) return;
  int i = p % d->cw, k = p / d->cw;
  u64 plane = (u64)W * H;
#pragma unroll 1
  for (int y = k << d->sy; y < (k + 1) << d->sy && y < H; y++) {
#pragma unroll 1
    for (int x = i << d->sx; x < (i + 1) << d->sx && x < W; x++) {
      const u16* at = rgb + (u64)y * W + x;
      float r = from_fixed(at[0]), g = from_fixed(at[plane]), b = from_fixed(at[2 * plane]);
      float v = d->mode == MODE_GBR ? g : d->kr * r + d->kg * g + d->kb * b;
      put_sample(d, frame + (u64)y * d->pitch0, x, d->yoff + d->yscale * v);
      if (d->mode == MODE_GBR) {
        put_sample(d, frame + d->plane1 + (u64)y * d->pitchc, x, d->yoff + d->yscale * b);
        put_sample(d, frame + d->plane2 + (u64)y * d->pitchc, x, d->yoff + d->yscale * r);
      }
    }
  }
  if (d->mode != MODE_YUV) return;
  // 3 taps (1/4, 1/2, 1/4) around a sample that sits on a luma sample, 2 taps (1/2, 1/2) between two, 1 without subsampling.
  int x0 = d->sx ? 2 * i - (d->px2 == 0) : i, nx = d->sx ? (d->px2 == 1 ? 2 : 3) : 1;  // mutant: tail-siting
  int y0 = d->sy ? 2 * k - (d->py2 == 0) : k, ny = d->sy ? (d->py2 == 1 ? 2 : 3) : 1;
  float cb = 0.f, cr = 0.f;
#pragma unroll 1
  for (int dy = 0; dy < ny; dy++) {
    float wy = ny == 1 ? 1.f : ny == 2 || dy == 1 ? 0.5f : 0.25f;
#pragma unroll 1
    for (int dx = 0; dx < nx; dx++) {
      float w = wy * (nx == 1 ? 1.f : nx == 2 || dx == 1 ? 0.5f : 0.25f);
      const u16* at = rgb + (u64)clamp_int(y0 + dy, H - 1) * W + clamp_int(x0 + dx, W - 1);  // mutant: tail-chroma-beyond-the-last-row
      float r = from_fixed(at[0]), g = from_fixed(at[plane]), b = from_fixed(at[2 * plane]);
      float l = d->kr * r + d->kg * g + d->kb * b;
      cb += w * (b - l) / d->bcb;
      cr += w * (r - l) / d->rcr;
    }
  }
  put_sample(d, frame + d->plane1 + (u64)k * d->pitchc, i * d->cstep, d->coff + d->cscale * cb);  // mutant: tail-cb-and-cr-put-in-one-plane
  put_sample(d, frame + d->plane2 + (u64)k * d->pitchc, i * d->cstep, d->coff + d->cscale * cr);
}
