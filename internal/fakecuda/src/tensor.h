// Half precision and the tensor core's matrix product, shared by both engines.
#pragma once
#include <cstdint>
#include <cstdlib>
#include <cstring>

namespace emu {

#ifdef __F16C__
#include <immintrin.h>
inline float half_to_float(uint16_t h) { return _cvtsh_ss(h); }
inline uint16_t float_to_half(float f) { return (uint16_t)_cvtss_sh(f, 0); }
#else
inline float half_to_float(uint16_t h) {
  uint32_t sign = (uint32_t)(h & 0x8000) << 16, e = h >> 10 & 31, m = h & 1023, bits;
  if (e == 0) {
    float f = (float)m / (1 << 24);
    return sign ? -f : f;
  }
  bits = sign | (e == 31 ? 0x7f800000u | m << 13 : (e + 112) << 23 | m << 13);
  float f;
  memcpy(&f, &bits, 4);
  return f;
}
inline uint16_t float_to_half(float f) {
  uint32_t b;
  memcpy(&b, &f, 4);
  uint16_t sign = (uint16_t)(b >> 16 & 0x8000);
  uint32_t a = b & 0x7fffffff;
  if (a > 0x7f800000) return sign | 0x7e00;
  if (a >= 0x477ff000) return sign | 0x7c00;
  if (a < 0x38800000) {  // subnormal: units of 2^-24, ties to even
    float scaled;
    memcpy(&scaled, &a, 4);
    scaled *= 1 << 24;
    uint32_t n = (uint32_t)scaled;
    float rest = scaled - (float)n;
    return sign | (uint16_t)(n + (rest > 0.5f || (rest == 0.5f && (n & 1))));
  }
  a += 0xfff + (a >> 13 & 1);
  return sign | (uint16_t)((a >> 13) - (112 << 10));
}
#endif

// How a tensor core rounds inside a product is not documented. Results must stay inside tolerance in all of these.
enum Accumulate { SEQUENTIAL, REVERSED, TRUNCATING };

inline Accumulate accumulate_mode() {
  const char* m = getenv("VSR_EMU_MMA");
  return !m ? SEQUENTIAL : !strcmp(m, "reversed") ? REVERSED : !strcmp(m, "truncating") ? TRUNCATING : SEQUENTIAL;
}

inline float truncate_to_float(double v) {
  float f = (float)v;
  if (f != f || (v > 0 ? f <= v : f >= v)) return f;
  uint32_t b;
  memcpy(&b, &f, 4);
  b--;
  memcpy(&f, &b, 4);
  return f;
}

// matrix_product adds A [16][k] times B [k][8] to D [16][8]; k is 8 or 16.
inline void matrix_product(const float (*a)[16], const float (*b)[8], float (*d)[8], int k, Accumulate mode) {
  for (int m = 0; m < 16; m++) {
    if (mode == TRUNCATING) {
      double sum[8];
      for (int n = 0; n < 8; n++) sum[n] = d[m][n];
      for (int i = 0; i < k; i++)
        for (int n = 0; n < 8; n++) sum[n] += (double)a[m][i] * b[i][n];
      for (int n = 0; n < 8; n++) d[m][n] = truncate_to_float(sum[n]);
      continue;
    }
    for (int j = 0; j < k; j++) {
      int i = mode == REVERSED ? k - 1 - j : j;
      for (int n = 0; n < 8; n++) d[m][n] += a[m][i] * b[i][n];
    }
  }
}

}  // namespace emu
