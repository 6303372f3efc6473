// Package rows resamples rows of 8-bit samples in C: vectorized, and with the same samples as the Go code of package sr, which says what it does.
package rows

/*
// -std=c11 and not gnu11: no multiply-add is fused, so that samples are the same on every machine as in the Go code.
#cgo CFLAGS: -std=c11 -O3 -Wall -Wextra
#include <stddef.h>
#include <stdint.h>

#ifdef __clang__
#pragma STDC FP_CONTRACT OFF
#endif
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__) && defined(__GLIBC__)
#define CLONES __attribute__((target_clones("avx512f", "avx2", "default")))
#else
#define CLONES
#endif

#define SUM(taps, w, v) float acc = (w)[0] * (v)[0]; for (int k = 1; k < (taps); k++) acc += (w)[k] * (v)[k]

// resample is one row of 8-bit samples, resampled horizontally. out[n]; raw[wide]; in[wide] is scratch; output i is the sum of taps inputs
// from start[i] on, weighted by weight[i*taps...]. From lo to hi the weights repeat with the period, and start goes on by one a period.
#define RESAMPLE(name, TAPS) \
CLONES static void name(float *restrict out, int n, const uint8_t *restrict raw, int wide, float *restrict in, const int64_t *restrict start, \
		const float *restrict weight, int taps, int period, int lo, int hi) { \
	(void)taps; \
	for (int i = 0; i < wide; i++) in[i] = raw[i]; \
	for (int i = 0; i < lo; i++) { SUM(TAPS, weight + i * TAPS, in + start[i]); out[i] = acc; } \
	int m = period ? (hi - lo) / period : 0; \
	if (period == 2) { \
		const float *a = weight + lo * TAPS, *b = a + TAPS, *u = in + start[lo], *v = in + start[lo + 1]; \
		for (int j = 0; j < m; j++) { \
			float s = a[0] * u[j], t = b[0] * v[j]; \
			for (int k = 1; k < TAPS; k++) { s += a[k] * u[j + k]; t += b[k] * v[j + k]; } \
			out[lo + 2 * j] = s; out[lo + 2 * j + 1] = t; \
		} \
	} else for (int p = 0; p < period; p++) { \
		const float *a = weight + (lo + p) * TAPS, *u = in + start[lo + p]; \
		for (int j = 0; j < m; j++) { SUM(TAPS, a, u + j); out[lo + p + period * j] = acc; } \
	} \
	for (int i = lo + m * period; i < n; i++) { SUM(TAPS, weight + i * TAPS, in + start[i]); out[i] = acc; } \
}
RESAMPLE(resample4, 4)
RESAMPLE(resample6, 6)
RESAMPLE(resampleN, taps)

static void resample(float *out, int n, const uint8_t *raw, int wide, float *in, const int64_t *start, const float *weight, int taps, int period, int lo, int hi) {
	if (taps == 4) resample4(out, n, raw, wide, in, start, weight, taps, period, lo, hi);
	else if (taps == 6) resample6(out, n, raw, wide, in, start, weight, taps, period, lo, hi);
	else resampleN(out, n, raw, wide, in, start, weight, taps, period, lo, hi);
}

// blend8 is one row of samples: the weighted sum of taps rows of the ring, rounded. Sums are formed as in blend of resample.go: four rows at a time.
CLONES static void blend8(uint8_t *restrict out, const float *restrict ring, const int64_t *restrict slot, const float *restrict w, int taps, int n) {
	if (taps == 6) {
		const float *a = ring + slot[0] * n, *b = ring + slot[1] * n, *c = ring + slot[2] * n, *d = ring + slot[3] * n, *e = ring + slot[4] * n, *f = ring + slot[5] * n;
		for (int x = 0; x < n; x++) {
			float s = w[0] * a[x] + w[1] * b[x] + w[2] * c[x] + w[3] * d[x];
			s += w[4] * e[x];
			s += w[5] * f[x];
			int32_t q = (int32_t)(s + 0.5f);
			out[x] = (uint8_t)(q < 0 ? 0 : q > 255 ? 255 : q);
		}
		return;
	}
	for (int x = 0; x < n; x++) {
		float s = 0;
		int k = 0;
		for (; k + 4 <= taps; k += 4) {
			float t = w[k] * ring[slot[k] * n + x] + w[k + 1] * ring[slot[k + 1] * n + x] + w[k + 2] * ring[slot[k + 2] * n + x] + w[k + 3] * ring[slot[k + 3] * n + x];
			s = k ? s + t : t;
		}
		for (; k < taps; k++) s = k ? s + w[k] * ring[slot[k] * n + x] : w[k] * ring[slot[k] * n + x];
		int32_t q = (int32_t)(s + 0.5f);
		out[x] = (uint8_t)(q < 0 ? 0 : q > 255 ? 255 : q);
	}
}

#cgo noescape resample
#cgo nocallback resample
#cgo noescape blend8
#cgo nocallback blend8
*/
import "C"

import "unsafe"

// Axis is a resampling along a row: output i is the sum of Taps inputs from Start[i] on, weighted by Weight[i*Taps:]. From Lo to Hi the weights
// repeat every Period outputs, while the inputs go on by one; Period 0 means nowhere.
type Axis struct {
	Taps           int
	Start          []int64
	Weight         []float32
	Period, Lo, Hi int
}

// Resample writes raw, resampled, to out. in is scratch as long as raw; out is as long as a.Start.
func Resample(out []float32, raw []byte, in []float32, a *Axis) {
	_, _ = in[:len(raw)], out[:len(a.Start)]
	C.resample((*C.float)(&out[0]), C.int(len(a.Start)), (*C.uint8_t)(unsafe.SliceData(raw)), C.int(len(raw)), (*C.float)(&in[0]),
		(*C.int64_t)(&a.Start[0]), (*C.float)(&a.Weight[0]), C.int(a.Taps), C.int(a.Period), C.int(a.Lo), C.int(a.Hi))
}

// Blend writes the weighted sum of rows, rounded to 8 bits, to out. ring holds rows as long as out, slot the number of each row in it.
func Blend(out []byte, ring []float32, slot []int64, weight []float32) {
	_ = weight[:len(slot)]
	C.blend8((*C.uint8_t)(unsafe.SliceData(out)), (*C.float)(&ring[0]), (*C.int64_t)(&slot[0]), (*C.float)(&weight[0]), C.int(len(slot)), C.int(len(out)))
}
