package kdsr

import (
	"fmt"
	"math"
	"slices"
)

// Array is a dense tensor of the reference interpreter, row-major: [B,C,H,W] or [B,C].
type Array struct {
	Shape Shape
	Data  []float64
}

// NewArray returns zeros.
func NewArray(shape ...int) *Array {
	return &Array{Shape: shape, Data: make([]float64, Shape(shape).Size())}
}

// NewArray32 copies float32 values into an Array of the given shape. It panics if their number does not fit.
func NewArray32(data []float32, shape ...int) *Array {
	a := NewArray(shape...)
	if len(data) != len(a.Data) {
		panic(fmt.Sprintf("kdsr: %d values for shape %v", len(data), shape))
	}
	for i, v := range data {
		a.Data[i] = float64(v)
	}
	return a
}

// Float32 returns the values in single precision.
func (a *Array) Float32() []float32 {
	out := make([]float32, len(a.Data))
	for i, v := range a.Data {
		out[i] = float32(v)
	}
	return out
}

// plane returns the values of channel c of sample n of a [B,C,H,W] array.
func (a *Array) plane(n, c int) []float64 {
	size := a.Shape[2] * a.Shape[3]
	o := (n*a.Shape[1] + c) * size
	return a.Data[o : o+size]
}

// Reference computes the network in float64 with plain loops, one operator after the other. It is the oracle that engines,
// training and the golden vectors are held against; nothing about it is fast.
//
// The weights must have passed Check. Images of any size and batch are fine.
type Reference struct {
	Weights *Weights
	// Trace, when not nil, sees the result of every operator that has a name, and of the pooling under the name "pool".
	Trace func(name string, y *Array)

	shapes Shapes // checks every step before it is computed
}

var _ Builder[*Array] = (*Reference)(nil)

// Err returns the first error.
func (r *Reference) Err() error { return r.shapes.Err() }

// result makes an array of the shape that the shape check gave, or nil after an error.
func (r *Reference) result(s Shape) *Array {
	if r.shapes.err != nil {
		return nil
	}
	return NewArray(slices.Clone(s)...)
}

func (a *Array) shape() Shape {
	if a == nil {
		return nil
	}
	return a.Shape
}

func (r *Reference) tensor(name string, want int) []float32 {
	t, ok := r.Weights.Tensors[name]
	if !ok || len(t.Data) != want {
		r.shapes.fail("%s: %d values, want %d", name, len(t.Data), want)
		return make([]float32, want)
	}
	return t.Data
}

func (r *Reference) trace(name string, y *Array) *Array {
	if r.Trace != nil && y != nil {
		r.Trace(name, y)
	}
	return y
}

// Conv implements Builder.
func (r *Reference) Conv(x *Array, name string, out, stride int, lrelu bool) *Array {
	y := r.result(r.shapes.Conv(x.shape(), name, out, stride, lrelu))
	if y == nil {
		return nil
	}
	r.conv(y, x, name, stride)
	if lrelu {
		leaky(y)
	}
	return r.trace(name, y)
}

// conv is the 3x3 cross-correlation with zero padding 1, plus bias.
func (r *Reference) conv(y, x *Array, name string, stride int) {
	in, out := x.Shape[1], y.Shape[1]
	weight := r.tensor(name+".weight", out*in*9) // [out,in,3,3]
	bias := r.tensor(name+".bias", out)
	for n := range y.Shape[0] {
		for o := range out {
			dst := y.plane(n, o)
			for i := range dst {
				dst[i] = float64(bias[o])
			}
			for c := range in {
				correlate(dst, y.Shape, x.plane(n, c), x.Shape, weight[(o*in+c)*9:], stride)
			}
		}
	}
}

// correlate adds the 3x3 cross-correlation of one plane to dst. Samples outside src are zero.
func correlate[F float32 | float64](dst []float64, ds Shape, src []float64, ss Shape, taps []F, stride int) {
	dh, dw, sh, sw := ds[2], ds[3], ss[2], ss[3]
	for ky := range 3 {
		for kx := range 3 {
			k := float64(taps[3*ky+kx])
			for y := range dh {
				sy := y*stride + ky - 1
				if sy < 0 || sy >= sh {
					continue
				}
				row, from := dst[y*dw:(y+1)*dw], src[sy*sw:(sy+1)*sw]
				for x := range row {
					if sx := x*stride + kx - 1; sx >= 0 && sx < sw {
						row[x] += k * from[sx]
					}
				}
			}
		}
	}
}

func leaky(a *Array) {
	for i, v := range a.Data {
		if v < 0 {
			a.Data[i] = Slope * v
		}
	}
}

// ResBlock implements Builder.
func (r *Reference) ResBlock(x *Array, name string) *Array {
	y := r.result(r.shapes.ResBlock(x.shape(), name))
	if y == nil {
		return nil
	}
	t := NewArray(x.Shape...)
	r.conv(t, x, name+".0", 1)
	leaky(t)
	r.conv(y, t, name+".2", 1)
	add(y, x)
	return r.trace(name, y)
}

// Block implements Builder.
func (r *Reference) Block(x, kernels *Array, name string) *Array {
	y := r.result(r.shapes.Block(x.shape(), kernels.shape(), name))
	if y == nil {
		return nil
	}
	t := NewArray(x.Shape...)
	for n := range x.Shape[0] {
		for c := range x.Shape[1] {
			correlate(t.plane(n, c), t.Shape, x.plane(n, c), x.Shape, kernels.Data[(n*x.Shape[1]+c)*9:], 1)
		}
	}
	leaky(t)
	r.conv(y, t, name, 1)
	add(y, x)
	return r.trace(name, y)
}

// Pool implements Builder.
func (r *Reference) Pool(x *Array) *Array {
	y := r.result(r.shapes.Pool(x.shape()))
	if y == nil {
		return nil
	}
	for i := range y.Data {
		p := x.plane(i/x.Shape[1], i%x.Shape[1])
		for _, v := range p {
			y.Data[i] += v
		}
		y.Data[i] /= float64(len(p))
	}
	return r.trace("pool", y)
}

// Linear implements Builder.
func (r *Reference) Linear(x *Array, name string, out int, bias, lrelu bool) *Array {
	y := r.result(r.shapes.Linear(x.shape(), name, out, bias, lrelu))
	if y == nil {
		return nil
	}
	in := x.Shape[1]
	weight := r.tensor(name+".weight", out*in) // [out,in]
	for i := range y.Data {
		n, o := i/out, i%out
		for c, v := range x.Data[n*in : (n+1)*in] {
			y.Data[i] += v * float64(weight[o*in+c])
		}
		if bias {
			y.Data[i] += float64(r.tensor(name+".bias", out)[o])
		}
	}
	if lrelu {
		leaky(y)
	}
	return r.trace(name, y)
}

// Bound implements Builder.
func (r *Reference) Bound(kernels *Array) *Array {
	y := r.result(r.shapes.Bound(kernels.shape()))
	if y == nil {
		return nil
	}
	copy(y.Data, kernels.Data)
	for i := 0; i < len(y.Data); i += 9 {
		boundKernel(y.Data[i : i+9])
	}
	return r.trace("bound", y)
}

// boundKernel is Builder.Bound for the taps of one channel, in place.
func boundKernel[F float32 | float64](k []F) {
	sum := 1.0
	for _, v := range k {
		sum += float64(v) * float64(v)
	}
	scale := 1 / math.Sqrt(sum)
	for i, v := range k {
		k[i] = F(float64(v) * scale)
	}
}

func add(y, x *Array) {
	for i, v := range x.Data {
		y.Data[i] += v
	}
}

// Add implements Builder.
func (r *Reference) Add(x, y *Array) *Array {
	z := r.result(r.shapes.Add(x.shape(), y.shape()))
	if z != nil {
		add(z, x)
		add(z, y)
	}
	return z
}

// Shift implements Builder.
func (r *Reference) Shift(x *Array, sign float32) *Array {
	y := r.result(r.shapes.Shift(x.shape(), sign))
	if y == nil {
		return nil
	}
	size := x.Shape[2] * x.Shape[3]
	for i, v := range x.Data {
		y.Data[i] = v + float64(sign)*float64(Mean[i/size%3])
	}
	return y
}

// Shuffle implements Builder.
func (r *Reference) Shuffle(x *Array, f int) *Array {
	y := r.result(r.shapes.Shuffle(x.shape(), f))
	if y != nil {
		shuffle(x, y, f, func(small, large *float64) { *large = *small })
	}
	return y
}

// Unshuffle implements Builder.
func (r *Reference) Unshuffle(x *Array, f int) *Array {
	y := r.result(r.shapes.Unshuffle(x.shape(), f))
	if y != nil {
		shuffle(y, x, f, func(small, large *float64) { *small = *large })
	}
	return y
}

// shuffle visits each pair of samples that PixelShuffle(f) maps from small [B,C*f*f,H,W] to large [B,C,fH,fW].
func shuffle(small, large *Array, f int, move func(small, large *float64)) {
	w := large.Shape[3]
	for n := range large.Shape[0] {
		for c := range large.Shape[1] {
			to := large.plane(n, c)
			for i := range to {
				y, x := i/w, i%w
				from := small.plane(n, c*f*f+y%f*f+x%f)
				move(&from[y/f*(w/f)+x/f], &to[i])
			}
		}
	}
}

// Concat implements Builder.
func (r *Reference) Concat(x, y *Array) *Array {
	z := r.result(r.shapes.Concat(x.shape(), y.shape()))
	if z == nil {
		return nil
	}
	for n := range z.Shape[0] {
		for c := range z.Shape[1] {
			if c < x.Shape[1] {
				copy(z.plane(n, c), x.plane(n, c))
			} else {
				copy(z.plane(n, c), y.plane(n, c-x.Shape[1]))
			}
		}
	}
	return z
}

// Enlarge implements Builder.
func (r *Reference) Enlarge(x *Array, f int) *Array {
	y := r.result(r.shapes.Enlarge(x.shape(), f))
	if y == nil {
		return nil
	}
	h, w := y.Shape[2], y.Shape[3]
	for i := range y.Data {
		p, at := i/(h*w), i%(h*w)
		y.Data[i] = x.Data[p*(h/f)*(w/f)+at/w/f*(w/f)+at%w/f]
	}
	return y
}
