package graph

import (
	"math"

	"vsr/internal/conv"
	"vsr/sr/kdsr"
)

// The light kernels, plain Go on NHWC slices. The convolutions are in internal/conv.

// each splits [0,n) into one part for each worker and waits for all.
func each(ws *conv.Workers, n int, f func(lo, hi int)) {
	parts := min(ws.Len(), max(n, 1))
	ws.Run(parts, func(i int) { f(n*i/parts, n*(i+1)/parts) })
}

// shuffle is PixelShuffle(r) for src [B,h,w,c*r*r] to dst [B,rh,rw,c]; with back, dst and src change places.
func shuffle(ws *conv.Workers, dst, src []float32, b, h, w, c, r int, back bool) {
	n := r * c // consecutive in a row of the large image, and scattered in a pixel of the small one
	order := make([]int, r*n)
	for i := range r {
		for k := range n {
			order[i*n+k] = (k%c*r+i)*r + k/c
		}
	}
	each(ws, b*h, func(lo, hi int) {
		for row := lo; row < hi; row++ { // row = image*h + y: rows of all images are consecutive on both sides
			for i := range r {
				order := order[i*n:][:n]
				for x := range w {
					small, large := (row*w+x)*r*n, ((row*r+i)*w+x)*n
					if back {
						to, from := dst[small:][:r*n], src[large:][:len(order)]
						for k, s := range order {
							to[s] = from[k]
						}
						continue
					}
					to, from := dst[large:][:len(order)], src[small:][:r*n]
					for k, s := range order {
						to[k] = from[s]
					}
				}
			}
		}
	})
}

// concat joins a [n,ca] and b [n,cb] to dst [n,ca+cb].
func concat(ws *conv.Workers, dst, a, b []float32, ca, cb int) {
	each(ws, len(dst)/(ca+cb), func(lo, hi int) {
		for p := lo; p < hi; p++ {
			copy(dst[p*(ca+cb):], a[p*ca:(p+1)*ca])
			copy(dst[p*(ca+cb)+ca:], b[p*cb:(p+1)*cb])
		}
	})
}

// take is the part of concat's result that starts at channel from: dst [n,c] of src [n,total].
func take(ws *conv.Workers, dst, src []float32, c, total, from int) {
	each(ws, len(dst)/c, func(lo, hi int) {
		for p := lo; p < hi; p++ {
			copy(dst[p*c:(p+1)*c], src[p*total+from:])
		}
	})
}

// repeat enlarges src [B,h,w,c] to dst [B,rh,rw,c] by repetition.
func repeat(ws *conv.Workers, dst, src []float32, b, h, w, c, r int) {
	each(ws, b*h, func(lo, hi int) {
		for row := lo; row < hi; row++ {
			first := dst[row*r*r*w*c:][:r*w*c]
			for x := range w {
				px := src[(row*w+x)*c:][:c]
				for j := range r {
					copy(first[(x*r+j)*c:], px)
				}
			}
			for i := 1; i < r; i++ {
				copy(dst[(row*r+i)*r*w*c:], first)
			}
		}
	})
}

// repeatBack sums over the repetitions.
func repeatBack(ws *conv.Workers, dst, grad []float32, b, h, w, c, r int) {
	each(ws, b*h, func(lo, hi int) {
		clear(dst[lo*w*c : hi*w*c])
		for row := lo * r; row < hi*r; row++ {
			for x := range w * r {
				d, s := dst[((row/r)*w+x/r)*c:], grad[(row*w*r+x)*c:]
				for ch := range c {
					d[ch] += s[ch]
				}
			}
		}
	})
}

// mean averages src [B,n,c] to dst [B,c] in float64.
func mean(ws *conv.Workers, dst, src []float32, b, n, c int) {
	each(ws, b, func(lo, hi int) {
		sum := make([]float64, c)
		for i := lo; i < hi; i++ {
			clear(sum)
			for p := range n {
				for ch, v := range src[(i*n+p)*c:][:len(sum)] {
					sum[ch] += float64(v)
				}
			}
			for ch, s := range sum {
				dst[i*c+ch] = float32(s / float64(n))
			}
		}
	})
}

// meanBack spreads grad [B,c] evenly over dst [B,n,c].
func meanBack(ws *conv.Workers, dst, grad []float32, b, n, c int) {
	each(ws, b, func(lo, hi int) {
		for i := lo; i < hi; i++ {
			all := dst[i*n*c:][:n*c]
			for ch, v := range grad[i*c:][:c] {
				all[ch] = v / float32(n)
			}
			for p := 1; p < n; p++ {
				copy(all[p*c:(p+1)*c], all)
			}
		}
	})
}

// shiftMean adds sign times the DIV2K mean to src [n,3].
func shiftMean(dst, src []float32, sign float32) {
	m := kdsr.Mean
	for i := 0; i+2 < len(src); i += 3 {
		dst[i], dst[i+1], dst[i+2] = src[i]+sign*m[0], src[i+1]+sign*m[1], src[i+2]+sign*m[2]
	}
}

// linear is dst [B,out] = leaky(x [B,in] * w^T [in,out] + bias); bias may be nil.
func linear(dst, x, w, bias []float32, b, in, out int, slope float32) {
	for i := range b {
		row := x[i*in:][:in]
		for o := range out {
			s := dot(row, w[o*in:][:in])
			if bias != nil {
				s += bias[o]
			}
			if s < 0 {
				s *= slope
			}
			dst[i*out+o] = s
		}
	}
}

func dot(a, b []float32) float32 {
	var s0, s1, s2, s3 float32
	n := len(a) &^ 3
	b = b[:len(a)]
	for i := 0; i < n; i += 4 {
		s0 += a[i] * b[i]
		s1 += a[i+1] * b[i+1]
		s2 += a[i+2] * b[i+2]
		s3 += a[i+3] * b[i+3]
	}
	for i := n; i < len(a); i++ {
		s0 += a[i] * b[i]
	}
	return s0 + s1 + s2 + s3
}

// linearBack computes dx, dw and dbias of linear from its result y and the gradient. dx, dw, dbias may be nil.
func linearBack(dx, dw, dbias, x, w, y, grad []float32, b, in, out int, slope float32) {
	clear(dx)
	clear(dw)
	clear(dbias)
	for i := range b {
		for o := range out {
			d := grad[i*out+o]
			if y[i*out+o] <= 0 {
				d *= slope
			}
			if d == 0 {
				continue
			}
			if dbias != nil {
				dbias[o] += d
			}
			if dw != nil {
				axpy(dw[o*in:][:in], x[i*in:][:in], d)
			}
			if dx != nil {
				axpy(dx[i*in:][:in], w[o*in:][:in], d)
			}
		}
	}
}

func axpy(dst, src []float32, a float32) {
	src = src[:len(dst)]
	for i := range dst {
		dst[i] += a * src[i]
	}
}

// gate is dst = grad where y is positive, else slope*grad: the gradient of LeakyReLU from its result. It selects without a
// branch: signs are as good as random, so a processor would guess wrong half of the time.
func gate(ws *conv.Workers, dst, y, grad []float32, slope float32) {
	factor := [2]float32{slope, 1}
	each(ws, len(dst), func(lo, hi int) {
		d, y, gr := dst[lo:hi], y[lo:hi], grad[lo:hi]
		y, gr = y[:len(d)], gr[:len(d)]
		for i := range d {
			positive := 0
			if math.Float32bits(y[i])-1 < 1<<31-1 { // neither a zero nor a sign bit
				positive = 1
			}
			d[i] = gr[i] * factor[positive]
		}
	})
}

// sum is dst = a + b.
func sum(ws *conv.Workers, dst, a, b []float32) {
	each(ws, len(dst), func(lo, hi int) {
		d, a, b := dst[lo:hi], a[lo:hi], b[lo:hi]
		for i := range d {
			d[i] = a[i] + b[i]
		}
	})
}

// l1 is the mean absolute difference.
func l1(ws *conv.Workers, a, b []float32) float32 { return meanOf(ws, a, b, math.Abs) }

// l2 is the mean squared difference.
func l2(ws *conv.Workers, a, b []float32) float32 {
	return meanOf(ws, a, b, func(d float64) float64 { return d * d })
}

// meanOf is the mean of f(a-b). Partial sums are in a fixed order, so the result does not depend on the threads.
func meanOf(ws *conv.Workers, a, b []float32, f func(float64) float64) float32 {
	const chunk = 1 << 14
	parts := make([]float64, (len(a)+chunk-1)/chunk)
	each(ws, len(parts), func(lo, hi int) {
		for k := lo; k < hi; k++ {
			end := min((k+1)*chunk, len(a))
			var s float64
			for i := k * chunk; i < end; i++ {
				s += f(float64(a[i] - b[i]))
			}
			parts[k] = s
		}
	})
	var s float64
	for _, p := range parts {
		s += p
	}
	return float32(s / float64(len(a)))
}

// l1Back is the gradient of scale*l1 towards a.
func l1Back(ws *conv.Workers, dst, a, b []float32, scale float32) {
	s := scale / float32(len(a))
	each(ws, len(dst), func(lo, hi int) {
		d, a, b := dst[lo:hi], a[lo:hi], b[lo:hi]
		for i := range d {
			// The sign without a branch: it is as good as random, so a processor would guess wrong half of the time.
			diff := a[i] - b[i]
			bits := math.Float32bits(s) ^ math.Float32bits(diff)&(1<<31)
			if diff == 0 {
				bits = 0
			}
			d[i] = math.Float32frombits(bits)
		}
	})
}

// l2Back is the gradient of scale*l2 towards a.
func l2Back(ws *conv.Workers, dst, a, b []float32, scale float32) {
	s := 2 * scale / float32(len(a))
	each(ws, len(dst), func(lo, hi int) {
		d, a, b := dst[lo:hi], a[lo:hi], b[lo:hi]
		for i := range d {
			d[i] = s * (a[i] - b[i])
		}
	})
}

// softmax writes softmax(x/temperature) of one row.
func softmax(dst []float64, x []float32, temperature float64) {
	top := math.Inf(-1)
	for _, v := range x {
		top = max(top, float64(v)/temperature)
	}
	var s float64
	for i, v := range x {
		dst[i] = math.Exp(float64(v)/temperature - top)
		s += dst[i]
	}
	for i := range dst[:len(x)] {
		dst[i] /= s
	}
}

// kl is sum over a row of p*(log p - log q), p and q the softmax of teacher and student at the temperature, averaged over
// the rows ("batchmean", docs/kdsr.md 2.3); diff, if not nil, gets (q-p)/(T*B), its gradient towards the student.
func kl(diff, student, teacher []float32, b int, temperature float64) float32 {
	n := len(student) / b
	p, q := make([]float64, n), make([]float64, n)
	var total float64
	for i := range b {
		softmax(q, student[i*n:][:n], temperature)
		softmax(p, teacher[i*n:][:n], temperature)
		for k := range n {
			if p[k] > 0 {
				total += p[k] * (math.Log(p[k]) - math.Log(max(q[k], 1e-300)))
			}
			if diff != nil {
				diff[i*n+k] = float32((q[k] - p[k]) / (temperature * float64(b)))
			}
		}
	}
	return float32(total / float64(b))
}

// bce is the mean of binary cross entropy with logits against one target (0 or 1).
func bce(x []float32, target float64) float32 {
	var s float64
	for _, v := range x {
		z := float64(v)
		s += max(z, 0) - z*target + math.Log1p(math.Exp(-math.Abs(z)))
	}
	return float32(s / float64(len(x)))
}

// bceBack is its gradient.
func bceBack(dst, x []float32, target, scale float64) {
	for i, v := range x {
		dst[i] = float32(scale / float64(len(x)) * (1/(1+math.Exp(-float64(v))) - target))
	}
}
