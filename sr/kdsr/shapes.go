package kdsr

import (
	"fmt"
	"slices"
)

// Shape is the size of a tensor, as in [B,C,H,W] or [B,C].
type Shape []int

// Param is one tensor of a weights file.
type Param struct {
	Name  string
	Shape Shape
	// Frozen marks the mean-shift tensors of the published networks: they are stored, but hold fixed values and are not trained.
	Frozen bool
}

// Size is the number of elements.
func (s Shape) Size() int {
	n := 1
	for _, d := range s {
		n *= d
	}
	return n
}

// Shapes is the interpreter that computes nothing: it checks that shapes fit, collects the parameters in the order in which the
// network uses them, and counts multiply-accumulates. The count leaves out the mean shifts, as docs/kdsr.md does.
//
// A parameter that is used twice must have the same shape both times and is listed once.
type Shapes struct {
	Params []Param
	MACs   int64 // all multiply-accumulates so far
	// MeanParams lists the mean shifts as frozen 1x1 convs G.sub_mean and G.add_mean, as the published files do.
	MeanParams bool

	known map[string]Shape
	err   error
}

var _ Builder[Shape] = (*Shapes)(nil)

// Err returns the first mismatch.
func (s *Shapes) Err() error { return s.err }

func (s *Shapes) fail(format string, args ...any) Shape {
	if s.err == nil {
		s.err = fmt.Errorf("kdsr: "+format, args...)
	}
	return Shape{1, 1, 1, 1}
}

func (s *Shapes) param(name string, frozen bool, shape ...int) {
	if s.known == nil {
		s.known = map[string]Shape{}
	}
	if old, ok := s.known[name]; ok {
		if !slices.Equal(old, shape) {
			s.fail("%s is used as %v and as %v", name, old, shape)
		}
		return
	}
	s.known[name] = shape
	s.Params = append(s.Params, Param{name, shape, frozen})
}

// image reports whether x is a usable [B,C,H,W] and records the error if not.
func (s *Shapes) image(x Shape, op string) bool {
	if len(x) == 4 && slices.Min(x) >= 1 {
		return s.err == nil
	}
	s.fail("%s: shape %v, want [B,C,H,W]", op, x)
	return false
}

// Conv implements Builder.
func (s *Shapes) Conv(x Shape, name string, out, stride int, _ bool) Shape {
	if !s.image(x, name) {
		return x
	}
	if out < 1 || stride < 1 {
		return s.fail("%s: %d channels at stride %d", name, out, stride)
	}
	in := x[1]
	s.param(name+".weight", false, out, in, 3, 3)
	s.param(name+".bias", false, out)
	y := Shape{x[0], out, (x[2] + stride - 1) / stride, (x[3] + stride - 1) / stride}
	s.MACs += int64(y.Size()) * int64(9*in)
	return y
}

// ResBlock implements Builder.
func (s *Shapes) ResBlock(x Shape, name string) Shape {
	if !s.image(x, name) {
		return x
	}
	return s.Conv(s.Conv(x, name+".0", x[1], 1, true), name+".2", x[1], 1, false)
}

// Block implements Builder.
func (s *Shapes) Block(x, kernels Shape, name string) Shape {
	if !s.image(x, name) {
		return x
	}
	if want := (Shape{x[0], 9 * x[1]}); !slices.Equal(kernels, want) {
		return s.fail("%s: kernels %v, want %v", name, kernels, want)
	}
	s.MACs += int64(x.Size()) * 9
	return s.Conv(x, name, x[1], 1, false)
}

// Pool implements Builder.
func (s *Shapes) Pool(x Shape) Shape {
	if !s.image(x, "pool") {
		return x
	}
	return Shape{x[0], x[1]}
}

// Linear implements Builder.
func (s *Shapes) Linear(x Shape, name string, out int, bias, _ bool) Shape {
	if s.err != nil {
		return x
	}
	if len(x) != 2 || slices.Min(x) < 1 || out < 1 {
		return s.fail("%s: shape %v to %d, want [B,in]", name, x, out)
	}
	s.param(name+".weight", false, out, x[1])
	if bias {
		s.param(name+".bias", false, out)
	}
	s.MACs += int64(x.Size()) * int64(out)
	return Shape{x[0], out}
}

// Bound implements Builder.
func (s *Shapes) Bound(kernels Shape) Shape {
	if s.err == nil && (len(kernels) != 2 || kernels[1]%9 != 0) {
		return s.fail("bound: shape %v, want [B,9C]", kernels)
	}
	return kernels
}

// Add implements Builder.
func (s *Shapes) Add(x, y Shape) Shape {
	if s.err == nil && !slices.Equal(x, y) {
		return s.fail("add: %v and %v", x, y)
	}
	return x
}

// Shift implements Builder.
func (s *Shapes) Shift(x Shape, sign float32) Shape {
	if !s.image(x, "shift") {
		return x
	}
	if x[1] != 3 {
		return s.fail("shift: %v, want 3 channels", x)
	}
	if s.MeanParams {
		name := "G.add_mean"
		if sign < 0 {
			name = "G.sub_mean"
		}
		s.param(name+".weight", true, 3, 3, 1, 1)
		s.param(name+".bias", true, 3)
	}
	return x
}

// Shuffle implements Builder.
func (s *Shapes) Shuffle(x Shape, r int) Shape {
	if !s.image(x, "shuffle") {
		return x
	}
	if x[1]%(r*r) != 0 {
		return s.fail("shuffle: %v by %d", x, r)
	}
	return Shape{x[0], x[1] / (r * r), x[2] * r, x[3] * r}
}

// Unshuffle implements Builder.
func (s *Shapes) Unshuffle(x Shape, r int) Shape {
	if !s.image(x, "unshuffle") {
		return x
	}
	if x[2]%r != 0 || x[3]%r != 0 {
		return s.fail("unshuffle: %v by %d", x, r)
	}
	return Shape{x[0], x[1] * r * r, x[2] / r, x[3] / r}
}

// Concat implements Builder.
func (s *Shapes) Concat(x, y Shape) Shape {
	if !s.image(x, "concat") || !s.image(y, "concat") {
		return x
	}
	if x[0] != y[0] || x[2] != y[2] || x[3] != y[3] {
		return s.fail("concat: %v and %v", x, y)
	}
	return Shape{x[0], x[1] + y[1], x[2], x[3]}
}

// Enlarge implements Builder.
func (s *Shapes) Enlarge(x Shape, r int) Shape {
	if !s.image(x, "enlarge") {
		return x
	}
	return Shape{x[0], x[1], x[2] * r, x[3] * r}
}
