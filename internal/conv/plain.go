package conv

// plain is the engine in plain Go: the specification of this package. It is written for reading, and sums in float64.
type plain struct{}

// forward computes one output row per part.
func (plain) forward(ws *Workers, y, x, w, b, add []float32, g General, slope float32) {
	oh, ow := g.OutH(), g.OutW()
	ws.Run(g.N*oh, func(row int) {
		n, oy := row/oh, row%oh
		for ox := range ow {
			at := (row*ow + ox) * g.Out
			for o := range g.Out {
				sum := 0.0
				if b != nil {
					sum = float64(b[o])
				}
				g.taps(oy, ox, func(iy, ix, tap int) {
					in := ((n*g.H+iy)*g.W + ix) * g.In
					for i, v := range x[in : in+g.In] {
						sum += float64(v) * float64(w[(o*g.In+i)*g.K*g.K+tap])
					}
				})
				if !(sum > 0) {
					sum *= float64(slope)
				}
				if add != nil {
					sum += float64(add[at+o])
				}
				y[at+o] = float32(sum)
			}
		}
	})
}

// taps calls f for every input pixel (iy, ix) under the kernel of output pixel (oy, ox), with the kernel's tap there.
func (g General) taps(oy, ox int, f func(iy, ix, tap int)) {
	for ky := range g.K {
		iy := oy*g.Stride + ky - g.Pad
		if iy < 0 || iy >= g.H {
			continue
		}
		for kx := range g.K {
			if ix := ox*g.Stride + kx - g.Pad; ix >= 0 && ix < g.W {
				f(iy, ix, ky*g.K+kx)
			}
		}
	}
}

// backwardData computes one sample per part: each output pixel spreads its gradient over the pixels it was made of.
func (plain) backwardData(ws *Workers, dx, dy, w []float32, g General) {
	oh, ow, size := g.OutH(), g.OutW(), g.H*g.W*g.In
	ws.Run(g.N, func(n int) {
		sum := make([]float64, size)
		for oy := range oh {
			for ox := range ow {
				at := ((n*oh+oy)*ow + ox) * g.Out
				g.taps(oy, ox, func(iy, ix, tap int) {
					to := sum[(iy*g.W+ix)*g.In:][:g.In]
					for o, d := range dy[at : at+g.Out] {
						for i := range to {
							to[i] += float64(d) * float64(w[(o*g.In+i)*g.K*g.K+tap])
						}
					}
				})
			}
		}
		for i, v := range sum {
			dx[n*size+i] = float32(v)
		}
	})
}

// backwardWeights computes the weights and the bias of one output channel per part.
func (plain) backwardWeights(ws *Workers, dw, db, x, dy []float32, g General) {
	oh, ow, taps := g.OutH(), g.OutW(), g.K*g.K
	ws.Run(g.Out, func(o int) {
		sum, bias := make([]float64, g.In*taps), 0.0
		for row := range g.N * oh {
			n, oy := row/oh, row%oh
			for ox := range ow {
				d := float64(dy[(row*ow+ox)*g.Out+o])
				bias += d
				g.taps(oy, ox, func(iy, ix, tap int) {
					in := ((n*g.H+iy)*g.W + ix) * g.In
					for i, v := range x[in : in+g.In] {
						sum[i*taps+tap] += d * float64(v)
					}
				})
			}
		}
		for i, v := range sum {
			dw[o*g.In*taps+i] = float32(v)
		}
		if db != nil {
			db[o] = float32(bias)
		}
	})
}

// depthwise computes one row per part.
func (plain) depthwise(ws *Workers, y, x, k []float32, s Shape, slope float32) {
	g, c := s.General(), s.In
	ws.Run(s.N*s.H, func(row int) {
		n, oy := row/s.H, row%s.H
		for ox := range s.W {
			for i := range c {
				sum := 0.0
				g.taps(oy, ox, func(iy, ix, tap int) {
					sum += float64(x[((n*s.H+iy)*s.W+ix)*c+i]) * float64(k[(n*c+i)*9+tap])
				})
				if !(sum > 0) {
					sum *= float64(slope)
				}
				y[(row*s.W+ox)*c+i] = float32(sum)
			}
		}
	})
}

// depthwiseData computes one row per part: tap t of the forward pass is tap 8-t of the backward one.
func (plain) depthwiseData(ws *Workers, dx, dy, k []float32, s Shape) {
	g, c := s.General(), s.In
	ws.Run(s.N*s.H, func(row int) {
		n, iy := row/s.H, row%s.H
		for ix := range s.W {
			for i := range c {
				sum := 0.0
				g.taps(iy, ix, func(oy, ox, tap int) {
					sum += float64(dy[((n*s.H+oy)*s.W+ox)*c+i]) * float64(k[(n*c+i)*9+8-tap])
				})
				dx[(row*s.W+ix)*c+i] = float32(sum)
			}
		}
	})
}

// depthwiseKernels computes one channel of one sample per part.
func (plain) depthwiseKernels(ws *Workers, dk, x, dy []float32, s Shape) {
	g, c := s.General(), s.In
	ws.Run(s.N*c, func(part int) {
		n, i := part/c, part%c
		var sum [9]float64
		for oy := range s.H {
			for ox := range s.W {
				d := float64(dy[((n*s.H+oy)*s.W+ox)*c+i])
				g.taps(oy, ox, func(iy, ix, tap int) {
					sum[tap] += d * float64(x[((n*s.H+iy)*s.W+ix)*c+i])
				})
			}
		}
		for t, v := range sum {
			dk[part*9+t] = float32(v)
		}
	})
}

func (p plain) block(ws *Workers, y, x, k, w, b []float32, s Shape) {
	t := make([]float32, len(x))
	p.depthwise(ws, t, x, k, s, Slope)
	p.forward(ws, y, t, w, b, x, s.General(), 1)
}

func (p plain) blockBackward(ws *Workers, dx, dk, dw, db, dy, x, k, w []float32, s Shape) {
	t, dz := make([]float32, len(x)), make([]float32, len(dy)) // dz is the gradient of depthwise(x, k), before the activation
	p.depthwise(ws, t, x, k, s, Slope)
	p.backwardWeights(ws, dw, db, t, dy, s.General())
	p.backwardData(ws, dz, dy, w, s.General())
	LReLUBackward(ws, dz, t, dz)
	p.depthwiseKernels(ws, dk, x, dz, s)
	p.depthwiseData(ws, dx, dz, k, s)
	for i, v := range dy {
		dx[i] += v
	}
}
