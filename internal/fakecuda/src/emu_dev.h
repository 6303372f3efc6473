// The kernel dialect of vsr_dev.h for the host. Loads and stores are ordinary ones, so the sanitizers see them; what happens
// between threads is in fiber.cpp, which is compiled without sanitizers.
#pragma once
#include <cmath>
#include <cstdint>
#include <cstring>
#include "fiber.h"
#include "tensor.h"

typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef unsigned long long u64;

#define DEV static inline
#define KERNEL(threads) extern "C" void
#define KERNEL_ROOMY extern "C" void
#define UNROLL
#define threadIdx (emu::self().index)
#define blockIdx (emu::self().block->index)
#define gridDim (emu::self().block->grid)
#define __syncthreads() emu::barrier(__LINE__)
#define SMEM() (emu::self().block->shared)

struct alignas(16) U4 {
  u32 x, y, z, w;
};

DEV float fma32(float a, float b, float c) { return fmaf(a, b, c); }
DEV float half_lo(u32 v) { return emu::half_to_float((u16)v); }
DEV float half_hi(u32 v) { return emu::half_to_float((u16)(v >> 16)); }
DEV u32 pack_half(float lo, float hi) { return emu::float_to_half(lo) | (u32)emu::float_to_half(hi) << 16; }

DEV void check_aligned(const void* p, size_t n) {
  if ((uintptr_t)p % n) emu::fail("misaligned access");
}
DEV void check_shared(const u8* p, size_t n) {
  check_aligned(p, n);
  const emu::Block* b = emu::self().block;
  if (p < b->shared || p + n > b->shared + b->shared_bytes) emu::fail("access outside the launch's shared memory");
}

DEV U4 ldg128(const u8* p) {
  check_aligned(p, 16);
  return *(const U4*)p;
}
DEV void stg128(u8* p, U4 v) {
  check_aligned(p, 16);
  *(U4*)p = v;
}
DEV u32 ldg32(const u8* p) {
  check_aligned(p, 4);
  return *(const u32*)p;
}
DEV void stg32(u8* p, u32 v) {
  check_aligned(p, 4);
  *(u32*)p = v;
}
DEV void stg16(u8* p, u16 v) {
  check_aligned(p, 2);
  *(u16*)p = v;
}
DEV u32 lds32(const u8* p) {
  check_shared(p, 4);
  return *(const u32*)p;
}
DEV void sts32(u8* p, u32 v) {
  check_shared(p, 4);
  *(u32*)p = v;
}

DEV void ldmatrix_x4(u32 (&r)[4], const u8* p) {
  check_shared(p, 16);
  alignas(16) u8 row[16];
  *(U4*)row = *(const U4*)p;
  emu::warp_ldmatrix(r, row);
}
DEV void mma_16816(float (&d)[4], const u32 (&a)[4], u32 b0, u32 b1) { emu::warp_mma(d, a, b0, b1); }
DEV float shuffle_xor(float v, u32 mask) { return emu::warp_shuffle_xor(v, mask); }

DEV void copy_async16(u8* dst, const u8* src, bool ok) {
  check_shared(dst, 16);
  check_aligned(src, 16);
  emu::copy_async(dst, src, ok);
}
static void copy_async_store(u8* dst, const u8* src, bool ok) {
  U4 v = {0, 0, 0, 0};
  if (ok) v = *(const U4*)src;
  *(U4*)dst = v;
}
DEV void copy_wait() { emu::copy_wait(copy_async_store); }
