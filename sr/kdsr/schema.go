package kdsr

import "math"

// Role tells the two networks of the distillation apart. Only the estimator differs: the teacher's also sees the original.
type Role string

// The roles. An empty Role means Student.
const (
	Student Role = "student"
	Teacher Role = "teacher"
)

// Schema lists every tensor of a weights file of this shape, in the order in which the network uses them:
// estimator, kernel generators, SR network. Names are those of the published checkpoints (docs/kdsr.md 1.6).
func (c Config) Schema(role Role) ([]Param, error) {
	s, err := c.walk(role, c.Stem, c.Stem)
	if err != nil {
		return nil, err
	}
	return s.Params, nil
}

// ParamCount is the number of stored values, frozen ones included, as the paper counts.
func (c Config) ParamCount(role Role) (int, error) {
	params, err := c.Schema(role)
	n := 0
	for _, p := range params {
		n += p.Shape.Size()
	}
	return n, err
}

// walk sends a image of w x h pixels through the whole network.
func (c Config) walk(role Role, w, h int) (*Shapes, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	s := &Shapes{MeanParams: c.Skip == SkipNone}
	x := Shape{1, 3, h, w}
	var d Shape
	if role == Teacher {
		_, d = EstimateTeacher(s, c, x, Shape{1, 3, c.Scale * h, c.Scale * w})
	} else {
		_, d = Estimate(s, c, x)
	}
	Upscale(s, c, x, Modulate(s, c, d))
	return s, s.Err()
}

// MACs says how many multiply-accumulates each step of the student takes on one image.
type MACs struct {
	Estimate int64 // the estimator's convolutions
	Vector   int64 // the estimator's linear layers, after the pooling: the same for every image size
	Modulate int64 // the kernel generators: the same for every image size
	Upscale  int64 // the SR network, uncollapsed
}

// MACs counts for a low-resolution image of w x h pixels.
func (c Config) MACs(w, h int) (MACs, error) {
	if err := c.Validate(); err != nil {
		return MACs{}, err
	}
	var s Shapes
	x := Shape{1, 3, h, w}
	_, d := Estimate(&s, c, x)
	m := MACs{Estimate: s.MACs, Vector: 36 * int64(c.C) * int64(c.C)}
	m.Estimate -= m.Vector
	s.MACs = 0
	kernels := Modulate(&s, c, d)
	m.Modulate, s.MACs = s.MACs, 0
	Upscale(&s, c, x, kernels)
	m.Upscale = s.MACs
	return m, s.Err()
}

// CollapsedMACs is MACs.Upscale when the official tail runs as one dense 5x5 convolution (see CollapseTail), border ring aside.
// For the direct tail it is the same as MACs.Upscale.
func (c Config) CollapsedMACs(w, h int) (int64, error) {
	m, err := c.MACs(w, h)
	if err != nil || c.Tail != TailOfficial {
		return m.Upscale, err
	}
	px, ch := int64(w)*int64(h), int64(c.C)
	tail, enlarged := int64(0), px
	for _, r := range c.Factors() {
		tail += enlarged * 9 * ch * ch * int64(r*r)
		enlarged *= int64(r * r)
	}
	tail += enlarged * 27 * ch
	return m.Upscale - tail + px*25*ch*int64(3*c.Scale*c.Scale), nil
}

// fanInBound is the bound of PyTorch's default initialisation, kaiming uniform with a = sqrt(5): 1/sqrt(fan in).
func fanInBound(weight Shape) float64 { return 1 / math.Sqrt(float64(weight[1:].Size())) }
