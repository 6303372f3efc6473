package degrade

// Blur cross-correlates m with k, every channel alike, mirroring at the borders without repeating the last sample. It is the
// specification: one product per tap, no rounding in between. Recipes use reduce and fastBlur, which are tested against it.
func Blur(m Image, k Kernel) Image {
	out := NewImage(m.W, m.H)
	half := k.N / 2
	for y := range m.H {
		for x := range m.W {
			var r, g, b float64
			for ky := range k.N {
				row := m.Row(reflect101(y+ky-half, m.H))
				for kx := range k.N {
					w := k.W[ky*k.N+kx]
					p := reflect101(x+kx-half, m.W) * 3
					r += w * float64(row[p])
					g += w * float64(row[p+1])
					b += w * float64(row[p+2])
				}
			}
			o := (y*m.W + x) * 3
			out.Pix[o], out.Pix[o+1], out.Pix[o+2] = float32(r), float32(g), float32(b)
		}
	}
	return out
}

// blurTolerance bounds what the fast blur may leave out: a hundredth of an 8-bit step.
const blurTolerance = 0.01 / 255

// blurPlan is a kernel prepared for images of one size: either separable terms or, when too many would be needed, all taps.
type blurPlan struct {
	kernel Kernel
	terms  []term
	direct bool
}

// newBlurPlan decides how to apply k. A separable term costs 2N products a sample, the direct form N*N.
func newBlurPlan(k Kernel) blurPlan {
	k = k.trim(1e-7)
	p := blurPlan{kernel: k, terms: k.separate(blurTolerance)}
	p.direct = 2*len(p.terms) >= k.N
	return p
}

// trim drops outer rings of k whose weights are all below eps, down to one tap, and normalises again.
func (k Kernel) trim(eps float64) Kernel {
	for k.N > 1 && k.ring() < eps {
		n := k.N - 2
		w := make([]float64, 0, n*n)
		for y := 1; y <= n; y++ {
			w = append(w, k.W[y*k.N+1:y*k.N+1+n]...)
		}
		k = Kernel{N: n, W: w}
	}
	k.normalise()
	return k
}

// ring returns the largest magnitude on the outer ring.
func (k Kernel) ring() float64 {
	var top float64
	for i := range k.N {
		for _, p := range [4]int{i, (k.N-1)*k.N + i, i * k.N, i*k.N + k.N - 1} {
			top = max(top, k.W[p], -k.W[p])
		}
	}
	return top
}

// blur applies the plan at full size.
func (p blurPlan) blur(m Image) Image {
	if p.direct {
		return directBlur(m, p.kernel)
	}
	out := NewImage(m.W, m.H)
	for i, t := range p.terms {
		filterBoth(out, m, t, i > 0)
	}
	return out
}

// reduce blurs m and reduces it by s with the antialiased bicubic, in one linear map per side where the kernel allows.
func (p blurPlan) reduce(m Image, s int) (Image, error) {
	if p.direct {
		return Bicubic(directBlur(m, p.kernel), s)
	}
	out := NewImage(m.W/s, m.H/s)
	downV, downH := bicubicAxis(m.H, s), bicubicAxis(m.W, s)
	for i, t := range p.terms {
		applyAxes(out, m, downV.after(filterAxis(m.H, t.col)), downH.after(filterAxis(m.W, t.row)), i > 0)
	}
	return out, nil
}

// filterBoth adds (or stores) one separable term: down the columns, then along the rows, both as sums of shifted lines.
func filterBoth(dst, src Image, t term, add bool) {
	half := len(t.row) / 2
	padded := make([]float32, (src.W+2*half)*3)
	line := padded[half*3 : (half+src.W)*3]
	for y := range src.H {
		clear(line)
		for i, w := range t.col {
			axpy(float32(w), src.Row(reflect101(y+i-half, src.H)), line)
		}
		padLine(padded, src.W, half)
		row := dst.Row(y)
		if !add {
			clear(row)
		}
		for i, w := range t.row {
			axpy(float32(w), padded[i*3:i*3+len(row)], row)
		}
	}
}

// padLine mirrors the middle of padded, n pixels, into half pixels on both sides.
func padLine(padded []float32, n, half int) {
	for i := range half {
		l, r := reflect101(i-half, n)+half, reflect101(n+i, n)+half
		copy(padded[i*3:i*3+3], padded[l*3:l*3+3])
		copy(padded[(half+n+i)*3:(half+n+i)*3+3], padded[r*3:r*3+3])
	}
}

// directBlur is Blur with whole lines at a time, in float32.
func directBlur(m Image, k Kernel) Image {
	half := k.N / 2
	stride := (m.W + 2*half) * 3
	lines := make([]float32, stride*m.H)
	for y := range m.H {
		padded := lines[y*stride : (y+1)*stride]
		copy(padded[half*3:], m.Row(y))
		padLine(padded, m.W, half)
	}
	out := NewImage(m.W, m.H)
	for y := range m.H {
		row := out.Row(y)
		for ky := range k.N {
			padded := lines[reflect101(y+ky-half, m.H)*stride:]
			for kx := range k.N {
				axpy(float32(k.W[ky*k.N+kx]), padded[kx*3:kx*3+len(row)], row)
			}
		}
	}
	return out
}
