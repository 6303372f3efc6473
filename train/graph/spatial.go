package graph

import (
	g "gorgonia.org/gorgonia"

	"vsr/internal/conv"
)

// maxPool is the largest value of each side x side window, stride 2, without padding; windows that do not fit are left out.
// It keeps where each maximum was.
func (b *Graph) maxPool(name string, x *g.Node, side int) *g.Node {
	if b.err != nil {
		return nil
	}
	n, h, w, c := x.Shape()[0], x.Shape()[1], x.Shape()[2], x.Shape()[3]
	oh, ow := (h-side)/2+1, (w-side)/2+1
	at := make([]int32, n*oh*ow*c)
	return b.unary(name, x, []int{n, oh, ow, c},
		func(dst, src []float32) {
			each(b.ws, n*oh, func(lo, hi int) {
				for row := lo; row < hi; row++ {
					poolRow(dst, src, at, row, [4]int{h, w, c, side}, oh, ow)
				}
			})
		},
		func(dst, grad []float32) {
			clear(dst)
			for i, from := range at {
				dst[from] += grad[i]
			}
		})
}

func poolRow(dst, src []float32, at []int32, row int, in [4]int, oh, ow int) {
	h, w, c, side := in[0], in[1], in[2], in[3]
	img, oy := row/oh, row%oh
	for ox := range ow {
		for ch := range c {
			first := ((img*h+oy*2)*w+ox*2)*c + ch
			best := first
			for dy := range side {
				for dx := range side {
					if i := first + (dy*w+dx)*c; src[i] > src[best] {
						best = i
					}
				}
			}
			o := (row*ow+ox)*c + ch
			dst[o], at[o] = src[best], int32(best)
		}
	}
}

// bilinear enlarges twice with half-pixel centres, borders repeated (PyTorch's align_corners false).
func (b *Graph) bilinear(name string, x *g.Node) *g.Node {
	if b.err != nil {
		return nil
	}
	n, h, w, c := x.Shape()[0], x.Shape()[1], x.Shape()[2], x.Shape()[3]
	return b.unary(name, x, []int{n, 2 * h, 2 * w, c},
		func(dst, src []float32) { bilinear(b.ws, dst, src, n, h, w, c, false) },
		func(dst, grad []float32) { bilinear(b.ws, grad, dst, n, h, w, c, true) })
}

// bilinear fills large [n,2h,2w,c] from small [n,h,w,c], or with back adds up small from large.
func bilinear(ws *conv.Workers, large, small []float32, n, h, w, c int, back bool) {
	if back {
		clear(small)
	}
	each(ws, n, func(lo, hi int) {
		for img := lo; img < hi; img++ {
			for y := range 2 * h {
				y0, y1, fy := taps(y, h)
				for x := range 2 * w {
					x0, x1, fx := taps(x, w)
					l := large[((img*2*h+y)*2*w+x)*c:][:c]
					at := func(yy, xx int) []float32 { return small[((img*h+yy)*w+xx)*c:][:c] }
					a, b, d, e := at(y0, x0), at(y0, x1), at(y1, x0), at(y1, x1)
					wa, wb, wd, we := (1-fy)*(1-fx), (1-fy)*fx, fy*(1-fx), fy*fx
					if !back {
						for ch := range l {
							l[ch] = wa*a[ch] + wb*b[ch] + wd*d[ch] + we*e[ch]
						}
						continue
					}
					for ch, v := range l {
						a[ch] += wa * v
						b[ch] += wb * v
						d[ch] += wd * v
						e[ch] += we * v
					}
				}
			}
		}
	})
}

// taps returns the two source samples of output i and the weight of the second.
func taps(i, n int) (lo, hi int, f float32) {
	if i%2 == 0 {
		return max(i/2-1, 0), i / 2, 0.75
	}
	return i / 2, min(i/2+1, n-1), 0.25
}
