// The vectors that every kernel is written with: VL float lanes, 16 (AVX-512), 8 (AVX2) or 4 (NEON).
//
// One C file per instruction set (avx2_amd64.c ...) defines ISA and one of LANES16, LANES8, LANES4, includes this header
// and then the kernels and end.h. All functions here are static; kernels that others call are named with FN(name), which appends the
// instruction set, and are reached through a table of function pointers.
//
// The instruction set is chosen with a pragma and not with compiler flags: so all of them live in one Go package, whose
// sources the go command watches. (It does not notice a change in a file that a package includes from another folder.)
#ifndef VSR_VEC_H
#define VSR_VEC_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>
#if defined(LANES4)
#include <arm_neon.h>
#else
#include <immintrin.h>
#endif

#define JOIN2(a, b) a##_##b
#define JOIN(a, b) JOIN2(a, b)
#define FN(name) JOIN(name, ISA)

#if defined(__clang__)
#define UNROLL _Pragma("clang loop unroll(full)")
#if defined(LANES16) && defined(BF16)
#pragma clang attribute push(__attribute__((target("avx512f,avx512bw,avx512vl,avx512dq,avx512bf16,fma,f16c"))), apply_to = function)
#elif defined(LANES16)
#pragma clang attribute push(__attribute__((target("avx512f,avx512bw,avx512vl,avx512dq,fma,f16c"))), apply_to = function)
#elif defined(LANES8)
#pragma clang attribute push(__attribute__((target("avx2,fma,f16c"))), apply_to = function)
#endif
#else
#define UNROLL _Pragma("GCC unroll 64")
#if defined(LANES16) && defined(BF16)
#pragma GCC target("avx512f,avx512bw,avx512vl,avx512dq,avx512bf16,fma,f16c,bmi2")
#elif defined(LANES16)
#pragma GCC target("avx512f,avx512bw,avx512vl,avx512dq,fma,f16c,bmi2")
#elif defined(LANES8)
#pragma GCC target("avx2,fma,f16c,bmi2")
#endif
#endif

#define INLINE static inline __attribute__((always_inline, unused))
#define KERNEL static __attribute__((noinline, unused))

#if defined(LANES16)
#define VL 16
typedef __m512 vf;
INLINE vf vload(const float *p) { return _mm512_loadu_ps(p); }
INLINE void vstore(float *p, vf v) { _mm512_storeu_ps(p, v); }
INLINE vf vload_n(const float *p, int n) { return _mm512_maskz_loadu_ps((__mmask16)((1u << n) - 1), p); } // n lanes, then zeros
INLINE void vstore_n(float *p, vf v, int n) { _mm512_mask_storeu_ps(p, (__mmask16)((1u << n) - 1), v); }
INLINE vf vset(float f) { return _mm512_set1_ps(f); }
INLINE vf vadd(vf a, vf b) { return _mm512_add_ps(a, b); }
INLINE vf vsub(vf a, vf b) { return _mm512_sub_ps(a, b); }
INLINE vf vmul(vf a, vf b) { return _mm512_mul_ps(a, b); }
INLINE vf vmax(vf a, vf b) { return _mm512_max_ps(a, b); }
INLINE vf vmin(vf a, vf b) { return _mm512_min_ps(a, b); }
INLINE vf vfma(vf a, vf b, vf c) { return _mm512_fmadd_ps(a, b, c); }   // a*b + c
INLINE vf vfnma(vf a, vf b, vf c) { return _mm512_fnmadd_ps(a, b, c); } // c - a*b
INLINE vf vpositive(vf t, vf a, vf b) { return _mm512_mask_blend_ps(_mm512_cmp_ps_mask(t, _mm512_setzero_ps(), _CMP_GT_OQ), b, a); } // t > 0 ? a : b
INLINE vf vload_half(const uint16_t *p) { return _mm512_cvtph_ps(_mm256_loadu_si256((const __m256i *)p)); }
INLINE void vstore_half(uint16_t *p, vf v) { _mm256_storeu_si256((__m256i *)p, _mm512_cvtps_ph(v, 0)); }
// Positive numbers within range, their fractions cut off.
INLINE void vstore_u8(uint8_t *p, vf v) { _mm_storeu_si128((__m128i *)p, _mm512_cvtepi32_epi8(_mm512_cvttps_epi32(v))); }
INLINE void vstore_u16(uint16_t *p, vf v) { _mm256_storeu_si256((__m256i *)p, _mm512_cvtepi32_epi16(_mm512_cvttps_epi32(v))); }
// Every second lane of a and then of b, from the first or from the second on.
INLINE vf veven(vf a, vf b) { return _mm512_permutex2var_ps(a, _mm512_setr_epi32(0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30), b); }
INLINE vf vodd(vf a, vf b) { return _mm512_permutex2var_ps(a, _mm512_setr_epi32(1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23, 25, 27, 29, 31), b); }
#ifdef BF16
INLINE void vstore_bf16(uint16_t *p, vf v) { _mm256_storeu_si256((__m256i *)p, (__m256i)_mm512_cvtneps_pbh(v)); }
INLINE void vstore2_bf16(uint16_t *p, vf a, vf b) { _mm512_storeu_si512(p, (__m512i)_mm512_cvtne2ps_pbh(b, a)); } // a, then b
// acc += a.b over pairs of bfloat16. In assembly because gcc 12 spills the accumulators of the intrinsic.
#define VDOT_BF16(acc, a, b) __asm__("vdpbf16ps %2, %1, %0" : "+v"(acc) : "v"(a), "v"(b))
#endif

#elif defined(LANES8)
#define VL 8
typedef __m256 vf;
INLINE __m256i vlanes(int n) { return _mm256_cmpgt_epi32(_mm256_set1_epi32(n), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7)); }
INLINE vf vload(const float *p) { return _mm256_loadu_ps(p); }
INLINE void vstore(float *p, vf v) { _mm256_storeu_ps(p, v); }
INLINE vf vload_n(const float *p, int n) { return _mm256_maskload_ps(p, vlanes(n)); }
INLINE void vstore_n(float *p, vf v, int n) { _mm256_maskstore_ps(p, vlanes(n), v); }
INLINE vf vset(float f) { return _mm256_set1_ps(f); }
INLINE vf vadd(vf a, vf b) { return _mm256_add_ps(a, b); }
INLINE vf vsub(vf a, vf b) { return _mm256_sub_ps(a, b); }
INLINE vf vmul(vf a, vf b) { return _mm256_mul_ps(a, b); }
INLINE vf vmax(vf a, vf b) { return _mm256_max_ps(a, b); }
INLINE vf vmin(vf a, vf b) { return _mm256_min_ps(a, b); }
INLINE vf vfma(vf a, vf b, vf c) { return _mm256_fmadd_ps(a, b, c); }
INLINE vf vfnma(vf a, vf b, vf c) { return _mm256_fnmadd_ps(a, b, c); }
INLINE vf vpositive(vf t, vf a, vf b) { return _mm256_blendv_ps(b, a, _mm256_cmp_ps(t, _mm256_setzero_ps(), _CMP_GT_OQ)); }
INLINE vf vload_half(const uint16_t *p) { return _mm256_cvtph_ps(_mm_loadu_si128((const __m128i *)p)); }
INLINE void vstore_half(uint16_t *p, vf v) { _mm_storeu_si128((__m128i *)p, _mm256_cvtps_ph(v, 0)); }
INLINE __m128i vwords(vf v) {
    __m256i i = _mm256_cvttps_epi32(v);
    return _mm_packus_epi32(_mm256_castsi256_si128(i), _mm256_extracti128_si256(i, 1));
}
INLINE void vstore_u8(uint8_t *p, vf v) { _mm_storel_epi64((__m128i *)p, _mm_packus_epi16(vwords(v), vwords(v))); }
INLINE void vstore_u16(uint16_t *p, vf v) { _mm_storeu_si128((__m128i *)p, vwords(v)); }
INLINE vf vpairs(vf v) { return _mm256_castpd_ps(_mm256_permute4x64_pd(_mm256_castps_pd(v), 0xd8)); }
INLINE vf veven(vf a, vf b) { return vpairs(_mm256_shuffle_ps(a, b, 0x88)); }
INLINE vf vodd(vf a, vf b) { return vpairs(_mm256_shuffle_ps(a, b, 0xdd)); }

#elif defined(LANES4)
#define VL 4
typedef float32x4_t vf;
INLINE vf vload(const float *p) { return vld1q_f32(p); }
INLINE void vstore(float *p, vf v) { vst1q_f32(p, v); }
INLINE vf vload_n(const float *p, int n) {
    float b[4] = {0, 0, 0, 0};
    for (int i = 0; i < n; i++) b[i] = p[i];
    return vld1q_f32(b);
}
INLINE void vstore_n(float *p, vf v, int n) {
    float b[4];
    vst1q_f32(b, v);
    for (int i = 0; i < n; i++) p[i] = b[i];
}
INLINE vf vset(float f) { return vdupq_n_f32(f); }
INLINE vf vadd(vf a, vf b) { return vaddq_f32(a, b); }
INLINE vf vsub(vf a, vf b) { return vsubq_f32(a, b); }
INLINE vf vmul(vf a, vf b) { return vmulq_f32(a, b); }
INLINE vf vmax(vf a, vf b) { return vmaxnmq_f32(a, b); } // as on x86: b if a is not a number
INLINE vf vmin(vf a, vf b) { return vminq_f32(a, b); }
INLINE vf vfma(vf a, vf b, vf c) { return vfmaq_f32(c, a, b); }
INLINE vf vfnma(vf a, vf b, vf c) { return vfmsq_f32(c, a, b); }
INLINE vf vpositive(vf t, vf a, vf b) { return vbslq_f32(vcgtq_f32(t, vdupq_n_f32(0)), a, b); }
INLINE vf vload_half(const uint16_t *p) { return vcvt_f32_f16(vreinterpret_f16_u16(vld1_u16(p))); }
INLINE void vstore_half(uint16_t *p, vf v) { vst1_u16(p, vreinterpret_u16_f16(vcvt_f16_f32(v))); }
INLINE void vstore_u8(uint8_t *p, vf v) {
    uint16x4_t h = vmovn_u32(vcvtq_u32_f32(v));
    uint32_t four = vget_lane_u32(vreinterpret_u32_u8(vmovn_u16(vcombine_u16(h, h))), 0);
    memcpy(p, &four, 4);
}
INLINE void vstore_u16(uint16_t *p, vf v) { vst1_u16(p, vmovn_u32(vcvtq_u32_f32(v))); }
INLINE vf veven(vf a, vf b) { return vuzp1q_f32(a, b); }
INLINE vf vodd(vf a, vf b) { return vuzp2q_f32(a, b); }
#endif

// How many rows the GEMM keeps in registers, by 32 columns (16 lanes) or 16: as many as gcc does not spill.
#if VL == 16
#define ROWS 8
#elif VL == 8
#define ROWS 6
#else
#define ROWS 4
#endif

#endif
