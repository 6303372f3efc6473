// The dialect that all kernels are written in: index variables, shared memory, half precision, tensor cores, async copies.
//
// Compiled three ways: by clang -x cuda to PTX (no toolkit needed), by nvcc in principle (never tried), and by a host
// compiler with VSR_EMU for the emulator (emu/src/emu_dev.h gives the same names). It is the only file with inline PTX.
//
// Rules for kernel code, checked by tests where a machine can: shared memory only through SMEM, lds and sts; pointers only
// from kernel parameters; every parameter at most 8 bytes; fmaf written out; no local array indexed at run time.
#pragma once
#ifdef VSR_EMU
#include "emu_dev.h"
#else

typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long long u64;

#if defined(__clang__)
#define __global__ __attribute__((global))
#define __device__ __attribute__((device))
#define __shared__ __attribute__((shared))
#define __launch_bounds__(...) __attribute__((launch_bounds(__VA_ARGS__)))
#define __forceinline__ inline __attribute__((always_inline))
#include <__clang_cuda_builtin_vars.h>
#define __syncthreads() __nvvm_bar_sync(0)
#endif

#define DEV __device__ __forceinline__
#define KERNEL(threads) extern "C" __global__ void __launch_bounds__(threads)
// KERNEL_ROOMY gives the assembler leave to use 64 registers, which keeps it from spilling for more blocks at a time.
#define KERNEL_ROOMY extern "C" __global__ void __launch_bounds__(128, 8)
#define UNROLL _Pragma("unroll")

extern __shared__ __attribute__((aligned(16))) u8 vsr_shared[];
#define SMEM() vsr_shared

struct alignas(16) U4 {
  u32 x, y, z, w;
};

DEV u32 shared_address(const void* p) {
  u32 r;
  asm("{ .reg .u64 t; cvta.to.shared.u64 t, %1; cvt.u32.u64 %0, t; }" : "=r"(r) : "l"(p));
  return r;
}

DEV float fma32(float a, float b, float c) { return __builtin_fmaf(a, b, c); }

// Conversions between two packed halves and floats. Rounding is to nearest even.
DEV float half_lo(u32 v) {
  float f;
  asm("{ .reg .b16 l, h; mov.b32 {l, h}, %1; cvt.f32.f16 %0, l; }" : "=f"(f) : "r"(v));
  return f;
}
DEV float half_hi(u32 v) {
  float f;
  asm("{ .reg .b16 l, h; mov.b32 {l, h}, %1; cvt.f32.f16 %0, h; }" : "=f"(f) : "r"(v));
  return f;
}
DEV u32 pack_half(float lo, float hi) {
  u32 r;
  asm("{ .reg .b16 l, h; cvt.rn.f16.f32 l, %1; cvt.rn.f16.f32 h, %2; mov.b32 %0, {l, h}; }"
      : "=r"(r) : "f"(lo), "f"(hi));
  return r;
}

// ldmatrix_x4 loads a 16x16 matrix of halves as the A fragment of mma_16816. Lane l gives the address of row l%16, its
// left (l < 16) or right half of 8 columns; 16 bytes, aligned to 16. All 32 lanes take part.
DEV void ldmatrix_x4(u32 (&r)[4], const u8* p) {
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];"
               : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3]) : "r"(shared_address(p)) : "memory");
}

// mma_16816 adds A [16,16] times B [16,8] to d [16,8]. Fragment layouts are those of the PTX ISA for mma.m16n8k16 .f16.
DEV void mma_16816(float (&d)[4], const u32 (&a)[4], u32 b0, u32 b1) {
#if VSR_SM >= 80
  asm volatile("mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"
               : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
               : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
#else
  asm volatile("mma.sync.aligned.m16n8k8.row.col.f32.f16.f16.f32 {%0, %1, %2, %3}, {%4, %5}, {%6}, {%0, %1, %2, %3};"
               : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3]) : "r"(a[0]), "r"(a[1]), "r"(b0));
  asm volatile("mma.sync.aligned.m16n8k8.row.col.f32.f16.f16.f32 {%0, %1, %2, %3}, {%4, %5}, {%6}, {%0, %1, %2, %3};"
               : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3]) : "r"(a[2]), "r"(a[3]), "r"(b1));
#endif
}

// copy_async16 copies 16 bytes from global to shared memory, or writes zeros when !ok (src must still be a valid address).
// They are there after copy_wait in the same thread and a barrier for the others.
DEV void copy_async16(u8* dst, const u8* src, bool ok) {
#if VSR_SM >= 80
  u32 n = ok ? 16u : 0u;
  asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;"
               :: "r"(shared_address(dst)), "l"(src), "r"(n) : "memory");
#else
  u32 a = 0, b = 0, c = 0, d = 0;
  if (ok) asm volatile("ld.global.nc.v4.u32 {%0, %1, %2, %3}, [%4];" : "=r"(a), "=r"(b), "=r"(c), "=r"(d) : "l"(src));
  asm volatile("st.shared.v4.u32 [%0], {%1, %2, %3, %4};"
               :: "r"(shared_address(dst)), "r"(a), "r"(b), "r"(c), "r"(d) : "memory");
#endif
}
DEV void copy_wait() {
#if VSR_SM >= 80
  asm volatile("cp.async.wait_all;" ::: "memory");
#endif
}

// shuffle_xor returns the value that lane ^ mask gives. All 32 lanes take part.
DEV float shuffle_xor(float v, u32 mask) {
  float r;
  asm volatile("shfl.sync.bfly.b32 %0, %1, %2, 31, 0xffffffff;" : "=f"(r) : "f"(v), "r"(mask));
  return r;
}

// Loads and stores. ldg128 is for memory that no thread of the launch writes.
DEV U4 ldg128(const u8* p) {
  U4 r;
  asm volatile("ld.global.nc.v4.u32 {%0, %1, %2, %3}, [%4];" : "=r"(r.x), "=r"(r.y), "=r"(r.z), "=r"(r.w) : "l"(p));
  return r;
}
DEV void stg128(u8* p, U4 v) {
  asm volatile("st.global.v4.u32 [%0], {%1, %2, %3, %4};" :: "l"(p), "r"(v.x), "r"(v.y), "r"(v.z), "r"(v.w) : "memory");
}
DEV u32 ldg32(const u8* p) { return *(const u32*)p; }
DEV void stg32(u8* p, u32 v) { *(u32*)p = v; }
DEV void stg16(u8* p, u16 v) { *(u16*)p = v; }
DEV u32 lds32(const u8* p) { return *(const u32*)p; }
DEV void sts32(u8* p, u32 v) { *(u32*)p = v; }

#endif
