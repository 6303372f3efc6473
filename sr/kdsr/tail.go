package kdsr

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
)

// Edges says at which edges of the image a low-resolution pixel lies. In a image one pixel high it lies at both.
type Edges uint8

// The bits of Edges. 0 is a pixel that has all eight neighbours.
const (
	EdgeTop Edges = 1 << iota
	EdgeBottom
	EdgeLeft
	EdgeRight
)

// EdgesAt returns the edges of pixel (x,y) in a image of w x h pixels.
func EdgesAt(x, y, w, h int) Edges {
	var e Edges
	for _, b := range []struct {
		on  bool
		bit Edges
	}{{y == 0, EdgeTop}, {y == h-1, EdgeBottom}, {x == 0, EdgeLeft}, {x == w-1, EdgeRight}} {
		if b.on {
			e |= b.bit
		}
	}
	return e
}

// LinearTail is the official tail as one 5x5 convolution. Nothing between the body and the output is nonlinear, so
// conv, shuffle, (conv, shuffle,) conv is for each low-resolution pixel one affine map of the 5x5 features around it
// (docs/kdsr.md 1.8). Features outside the image count as zero, as with any zero-padded convolution.
//
// The layers in between also pad with zeros, so pixels of the outermost ring have maps of their own, one for each
// combination of Edges: Kernel(0) is for all other pixels. The output of the 5x5 convolution has 3*s*s channels in the
// order that PixelShuffle(s) expects. The mean color is not in it.
type LinearTail struct {
	C   int // input channels
	Out int // 3*s*s

	// part[py+1][px+1] is the share of all paths through the layers that touch pixels beyond the row above (py = -1), beyond
	// the row below (+1) or neither (0), and likewise px for columns. No path touches both sides, so a pixel at an edge
	// uses the same sum without the parts that are cut off.
	part [3][3]tailPart
}

type tailPart struct {
	weight []float64 // [Out,C,5,5]
	bias   []float64 // [Out]
}

// Kernel returns the weights [Out,C,5,5] and bias [Out] for pixels with the given edges. Each call computes them anew.
func (t *LinearTail) Kernel(e Edges) (weight, bias []float32) {
	w := make([]float64, t.Out*t.C*25)
	b := make([]float64, t.Out)
	for py := range t.part {
		for px := range t.part[py] {
			if py == 0 && e&EdgeTop != 0 || py == 2 && e&EdgeBottom != 0 ||
				px == 0 && e&EdgeLeft != 0 || px == 2 && e&EdgeRight != 0 {
				continue
			}
			for i, v := range t.part[py][px].weight {
				w[i] += v
			}
			for i, v := range t.part[py][px].bias {
				b[i] += v
			}
		}
	}
	return (&Array{Data: w}).Float32(), (&Array{Data: b}).Float32()
}

// CollapseTail folds the official tail into one convolution. It is an error for the direct tail, which is one already.
func (w *Weights) CollapseTail() (*LinearTail, error) {
	if w.Config.Tail != TailOfficial {
		return nil, fmt.Errorf("kdsr: a %s tail cannot be collapsed", w.Config.Tail)
	}
	if err := w.Config.Validate(); err != nil {
		return nil, err
	}
	layers, err := w.tailLayers()
	if err != nil {
		return nil, err
	}
	s, c := w.Config.Scale, w.Config.C
	t := &LinearTail{C: c, Out: 3 * s * s}
	for py := range t.part {
		for px := range t.part[py] {
			t.part[py][px] = tailPart{make([]float64, t.Out*c*25), make([]float64, t.Out)}
		}
	}
	for o := range t.Out {
		t.trace(o, s, layers)
	}
	return t, nil
}

// tailLayer is one convolution of the tail and the PixelShuffle after it.
type tailLayer struct {
	weight, bias []float32 // [out,in,3,3], [out]
	in           int
	factor       int // of the PixelShuffle, 1 for none
}

// tailLayers returns the layers, the last one first.
func (w *Weights) tailLayers() ([]tailLayer, error) {
	c := w.Config.C
	layers := make([]tailLayer, 0, 3)
	take := func(name string, out, factor int) error {
		l := tailLayer{w.Tensors[name+".weight"].Data, w.Tensors[name+".bias"].Data, c, factor}
		if len(l.weight) != out*c*9 || len(l.bias) != out {
			return fmt.Errorf("kdsr: %s has %d weights and %d biases, want %d and %d", name, len(l.weight), len(l.bias), out*c*9, out)
		}
		layers = append(layers, l)
		return nil
	}
	for i, r := range w.Config.Factors() {
		if err := take(fmt.Sprintf("G.tail.0.%d", 2*i), c*r*r, r); err != nil {
			return nil, err
		}
	}
	if err := take("G.tail.1", 3, 1); err != nil {
		return nil, err
	}
	slices.Reverse(layers)
	return layers, nil
}

// tailSite is a position at one resolution, relative to the first row and column of the low-resolution pixel,
// and the side beyond which its path has been so far.
type tailSite struct{ y, x, py, px int }

func (a tailSite) compare(b tailSite) int {
	return cmp.Or(cmp.Compare(a.y, b.y), cmp.Compare(a.x, b.x), cmp.Compare(a.py, b.py), cmp.Compare(a.px, b.px))
}

// trace follows output o back through the layers: at each site stands how much every channel there adds to the output.
func (t *LinearTail) trace(o, s int, layers []tailLayer) {
	unit := make([]float64, 3)
	unit[o/(s*s)] = 1
	sites := map[tailSite][]float64{{y: o / s % s, x: o % s}: unit}
	size := s // samples of this resolution to a low-resolution pixel
	for _, l := range layers {
		last := size == l.factor // the input of this layer has low resolution
		next := map[tailSite][]float64{}
		for _, at := range slices.SortedFunc(maps.Keys(sites), tailSite.compare) { // a fixed order of summation
			share := sites[at]
			sub := mod(at.y, l.factor)*l.factor + mod(at.x, l.factor)
			in := tailSite{floorDiv(at.y, l.factor), floorDiv(at.x, l.factor), at.py, at.px}
			p := &t.part[at.py+1][at.px+1]
			for c, v := range share {
				p.bias[o] += v * float64(l.bias[c*l.factor*l.factor+sub])
			}
			l.back(next, in, share, sub, size/l.factor, last)
		}
		sites, size = next, size/l.factor
	}
	for at, share := range sites {
		p := t.part[at.py+1][at.px+1].weight[o*t.C*25:]
		for c, v := range share {
			p[c*25+(at.y+2)*5+at.x+2] += v
		}
	}
}

// back spreads the shares of the layer's outputs at one site over the nine inputs that it reads.
func (l *tailLayer) back(next map[tailSite][]float64, at tailSite, share []float64, sub, size int, last bool) {
	for ky := range 3 {
		for kx := range 3 {
			to := tailSite{at.y + ky - 1, at.x + kx - 1, at.py, at.px}
			if !last { // beyond the low-resolution image this input is padding
				to.py = side(to.py, floorDiv(to.y, size))
				to.px = side(to.px, floorDiv(to.x, size))
			}
			sum := next[to]
			if sum == nil {
				sum = make([]float64, l.in)
				next[to] = sum
			}
			for c, v := range share {
				row := l.weight[(c*l.factor*l.factor+sub)*l.in*9+3*ky+kx:]
				for i := range sum {
					sum[i] += v * float64(row[9*i])
				}
			}
		}
	}
}

// side joins the side that a path has been on with the one it is on now.
func side(before, now int) int {
	if before == 0 {
		return now
	}
	if now == -before {
		panic(fmt.Sprintf("kdsr: tail path on both sides, %d and %d", before, now))
	}
	return before
}

func mod(a, b int) int { return ((a % b) + b) % b }

func floorDiv(a, b int) int { return (a - mod(a, b)) / b }
