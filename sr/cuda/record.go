//go:build nvidia

package cuda

import (
	"errors"
	"fmt"
	"strings"

	"vsr/sr/kdsr"
)

// stepKind is a kind of launch that the network is made of.
type stepKind int

const (
	stepFirst  stepKind = iota // first convolution, from the RGB frame
	stepConv                   // convolution between feature maps
	stepBlock                  // IDR-DCRB
	stepTail                   // the whole part that enlarges
	stepPool                   // mean of all pixels
	stepLinear                 // vector to vector
)

// step is one operation of the recorded network.
type step struct {
	kind   stepKind
	name   string // of the parameters
	in     *value
	add    *value // stepConv: added to the result
	out    *value
	lrelu  bool
	bias   bool // stepLinear
	shift  bool // stepFirst: the mean colour is subtracted. stepTail: it is added
	skip   bool // stepTail: the enlarged input is added
	stride int  // stepFirst
	block  int  // stepBlock: which kernels
}

// valueKind tells what a value is on the device.
type valueKind int

const (
	valueFrame    valueKind = iota // RGB, [3,H,W] float
	valueMap                       // feature map, [H,W,C] half
	valueVector                    // [C] float
	valueKernels                   // one block's depthwise kernels
	valueEnlarged                  // what the tail writes
	valueRepeated                  // the frame enlarged by repetition
)

// value is a tensor of the recorded network. c is the number of channels on the device, padded.
type value struct {
	kind    valueKind
	c, h, w int
	shifted bool  // valuePicture: minus the mean colour
	index   int   // valueKernels
	by      *step // that makes it

	buffer int // set by assign; -1 for values that are not in a buffer of the plan
}

func (v *value) bytes() int {
	switch v.kind {
	case valueMap:
		return v.c * v.h * v.w * 2
	case valueVector:
		return v.c * 4
	}
	return 0
}

// recorder writes down the steps of the network. It fuses what the kernels fuse: a sum into the convolution before it, and
// everything from the tail's first convolution on into one step.
type recorder struct {
	steps []*step
	err   error
}

var _ kdsr.Builder[*value] = (*recorder)(nil)

func (r *recorder) fail(format string, args ...any) *value {
	if r.err == nil {
		r.err = fmt.Errorf(format, args...)
	}
	return &value{by: &step{}}
}

func (r *recorder) push(s *step) *value {
	s.out.by = s
	r.steps = append(r.steps, s)
	return s.out
}

// Conv implements kdsr.Builder.
func (r *recorder) Conv(x *value, name string, out, stride int, lrelu bool) *value {
	switch {
	case x.kind == valueFrame:
		y := &value{kind: valueMap, c: pad(out), h: (x.h + stride - 1) / stride, w: (x.w + stride - 1) / stride}
		return r.push(&step{kind: stepFirst, name: name, in: x, out: y, lrelu: lrelu, shift: x.shifted, stride: stride})
	case x.kind == valueEnlarged: // a later convolution of the official tail, which runs collapsed
		return x
	case x.kind == valueMap && strings.HasPrefix(name, "G.tail"):
		return r.push(&step{kind: stepTail, in: x, out: &value{kind: valueEnlarged}})
	case x.kind == valueMap && stride == 1:
		y := &value{kind: valueMap, c: pad(out), h: x.h, w: x.w}
		return r.push(&step{kind: stepConv, name: name, in: x, out: y, lrelu: lrelu})
	}
	return r.fail("%s: convolution of this input is not built", name)
}

// ResBlock implements kdsr.Builder.
func (r *recorder) ResBlock(x *value, name string) *value {
	t := r.Conv(x, name+".0", x.c, 1, true)
	return r.Add(r.Conv(t, name+".2", x.c, 1, false), x)
}

// Block implements kdsr.Builder.
func (r *recorder) Block(x, kernels *value, name string) *value {
	if x.kind != valueMap || kernels.kind != valueKernels {
		return r.fail("%s: block of this input is not built", name)
	}
	y := &value{kind: valueMap, c: x.c, h: x.h, w: x.w}
	return r.push(&step{kind: stepBlock, name: name, in: x, out: y, block: kernels.index})
}

// Pool implements kdsr.Builder.
func (r *recorder) Pool(x *value) *value {
	return r.push(&step{kind: stepPool, in: x, out: &value{kind: valueVector, c: x.c}})
}

// Linear implements kdsr.Builder.
func (r *recorder) Linear(x *value, name string, out int, bias, lrelu bool) *value {
	return r.push(&step{kind: stepLinear, name: name, in: x, out: &value{kind: valueVector, c: pad(out)}, bias: bias, lrelu: lrelu})
}

// Bound implements kdsr.Builder. Kernels are derived on the host.
func (r *recorder) Bound(*value) *value { return r.fail("kernels are not bounded on the device") }

// Add implements kdsr.Builder.
func (r *recorder) Add(x, y *value) *value {
	switch {
	case x.kind == valueEnlarged && y.kind == valueRepeated:
		x.by.skip = true
		return x
	case x.kind == valueMap && x.by.kind == stepConv && x.by.add == nil && !x.by.lrelu && x.by == r.steps[len(r.steps)-1]:
		x.by.add = y
		return x
	}
	return r.fail("this sum is not built")
}

// Shift implements kdsr.Builder.
func (r *recorder) Shift(x *value, sign float32) *value {
	switch {
	case x.kind == valueFrame && sign < 0:
		y := *x
		y.shifted = true
		return &y
	case x.kind == valueEnlarged && sign > 0:
		x.by.shift = true
		return x
	}
	return r.fail("this mean shift is not built")
}

// Shuffle implements kdsr.Builder.
func (r *recorder) Shuffle(x *value, _ int) *value {
	if x.kind != valueEnlarged {
		return r.fail("shuffle outside the tail is not built")
	}
	return x
}

// Enlarge implements kdsr.Builder.
func (r *recorder) Enlarge(x *value, _ int) *value { return &value{kind: valueRepeated, by: x.by} }

// Unshuffle implements kdsr.Builder: only the teacher needs it.
func (r *recorder) Unshuffle(*value, int) *value { return r.fail("the teacher is not built") }

// Concat implements kdsr.Builder: only the teacher needs it.
func (r *recorder) Concat(_, _ *value) *value { return r.fail("the teacher is not built") }

// Err implements kdsr.Builder.
func (r *recorder) Err() error {
	if r.err == nil && len(r.steps) == 0 {
		return errors.New("an empty network")
	}
	return r.err
}

// assign gives every value that is computed a buffer and returns the sizes of the buffers in bytes. A buffer is used again
// once the last reader of what it held is done; a step never writes what it reads.
func assign(steps []*step) []int {
	last := map[*value]int{}
	for i, s := range steps {
		last[s.in] = i
		if s.add != nil {
			last[s.add] = i
		}
		last[s.out] = max(last[s.out], i)
	}
	last[steps[len(steps)-1].out] = len(steps) // the result stays
	var sizes []int
	var held []*value // by buffer, nil when free
	for i, s := range steps {
		s.out.buffer = -1
		if need := s.out.bytes(); need > 0 {
			b := 0
			for b < len(held) && held[b] != nil {
				b++
			}
			if b == len(held) {
				held, sizes = append(held, nil), append(sizes, 0)
			}
			held[b], sizes[b] = s.out, max(sizes[b], need)
			s.out.buffer = b
		}
		for b, v := range held {
			if v != nil && last[v] <= i {
				held[b] = nil
			}
		}
	}
	return sizes
}
