package kdsr

import (
	"fmt"
	"slices"
)

// Blend returns the network whose weights lie between those of a and b: a at t = 0, b at t = 1. Both must have one shape, and b be trained on from a:
// networks that were trained apart have nothing between them. Metadata is a's, but the precision that b needs (Wang et al. 2018, ESRGAN, section 3.4).
func Blend(a, b *Weights, t float64) (*Weights, error) {
	switch {
	case !(t >= 0 && t <= 1):
		return nil, fmt.Errorf("kdsr: blend %g, want 0 to 1", t)
	case a.Config != b.Config || a.role() != b.role():
		return nil, fmt.Errorf("kdsr: blend: %+v %s and %+v %s", a.Config, a.role(), b.Config, b.role())
	case len(a.Tensors) != len(b.Tensors):
		return nil, fmt.Errorf("kdsr: blend: %d and %d tensors", len(a.Tensors), len(b.Tensors))
	}
	out := a.Clone()
	for name, x := range out.Tensors {
		y, ok := b.Tensors[name]
		if !ok || !slices.Equal(x.Shape, y.Shape) {
			return nil, fmt.Errorf("kdsr: blend: tensor %s is %v and %v", name, x.Shape, y.Shape)
		}
		for i := range x.Data {
			x.Data[i] = float32((1-t)*float64(x.Data[i]) + t*float64(y.Data[i]))
		}
	}
	if need, ok := b.Meta[MetaPrecision]; ok && t > 0 { // b, sharper, bears less rounding
		if out.Meta == nil {
			out.Meta = map[string]string{}
		}
		out.Meta[MetaPrecision] = need
	}
	return out, nil
}
