package kdsr

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// Grow returns a student or teacher of shape c that starts from what the smaller w has learnt: more channels, more blocks, bounded
// kernels. Old channels read nothing from new ones at first, and new blocks add nothing, so the larger network gives the frames of
// the smaller one until training changes it (Chen et al., Net2Net, 2016). New channels start from random features. Where kernels
// become bounded, each channel's are scaled to half of the bound at the middle of the vectors (IDRBounds, else a vector of zeros
// gives no scale), and its convolution by the inverse: outputs then differ by a few percent of each block's share.
//
// Scale, R, Tail, Skip and Stem must be equal, C and N at least as large. The metadata of w is not kept.
func Grow(w *Weights, c Config, seed uint64) (*Weights, error) {
	o := w.Config
	same := o
	same.C, same.N, same.Kernels = c.C, c.N, c.Kernels
	if same != c || c.C < o.C || c.N < o.N {
		return nil, fmt.Errorf("kdsr: cannot grow %+v to %+v: only channels, blocks and bounded kernels may be added", o, c)
	}
	if o.Kernels == KernelsBounded && c.Kernels != KernelsBounded {
		return nil, fmt.Errorf("kdsr: cannot grow bounded kernels to free ones")
	}
	from := w.Clone()
	if o.Kernels != c.Kernels {
		if err := boundFreeKernels(from); err != nil {
			return nil, err
		}
	}
	out, err := random(c, w.Role, seed)
	if err != nil {
		return nil, err
	}
	for name, t := range out.Tensors {
		block, rest := blockOf(name)
		if block < 0 {
			embed(t, from.Tensors[name])
			continue
		}
		old, ok := oldBlock(block, o.N, c.N)
		if !ok { // a new block: its convolution adds nothing yet
			if isBlockConv(name) {
				clear(t.Data)
			}
			continue
		}
		embed(t, from.Tensors[blockName(old)+rest])
	}
	return out, nil
}

// oldBlock says which of n old blocks stands at place i of m: they keep their order and are spread evenly.
func oldBlock(i, n, m int) (int, bool) {
	if n == 0 {
		return 0, false
	}
	for k := range n {
		if (2*k+1)*m/(2*n) == i {
			return k, true
		}
	}
	return 0, false
}

// blockOf splits the name of a block's tensor into its number and the rest; the number is -1 for other tensors.
func blockOf(name string) (int, string) {
	rest, ok := strings.CutPrefix(name, "G.body.0.body.")
	if !ok {
		return -1, ""
	}
	number, rest, _ := strings.Cut(rest, ".")
	i, err := strconv.Atoi(number)
	if err != nil {
		return -1, ""
	}
	return i, "." + rest
}

// embed copies an old tensor into the corner of a larger one of as many dimensions. Old outputs get nothing from new inputs; new
// outputs keep their random weights. Rows of kernel generators lie nine to a channel, so theirs fit too.
func embed(t, old Tensor) {
	if len(old.Data) == 0 {
		return
	}
	outs, oldOuts := t.Shape[0], old.Shape[0]
	ins, oldIns := 1, 1
	taps := 1
	if len(t.Shape) > 1 {
		ins, oldIns = t.Shape[1], old.Shape[1]
		for _, d := range t.Shape[2:] {
			taps *= d
		}
	}
	for o := range min(outs, oldOuts) {
		for i := range ins {
			dst := t.Data[(o*ins+i)*taps:][:taps]
			if i < oldIns {
				copy(dst, old.Data[(o*oldIns+i)*taps:][:taps])
			} else {
				clear(dst)
			}
		}
	}
}

// boundFreeKernels changes free kernels to bounded ones in place, so that the frames stay nearly the same.
func boundFreeKernels(w *Weights) error {
	bounds, err := w.IDRBounds()
	if err != nil {
		return err
	}
	c := w.Config
	if bounds == nil {
		return fmt.Errorf("kdsr: the weights do not say where their vectors lie, which bounding their kernels needs")
	}
	v := &Vectors{Weights: w}
	const at = 0.5 // of the bound, in the middle of the vectors
	for b, k := range Modulate(v, c, bounds.Mean) {
		gen := w.Tensors[blockName(b)+".da_conv1.kernel.2.weight"].Data // [9C,C]
		conv := w.Tensors[blockName(b)+".conv1.weight"].Data            // [C,C,3,3]
		for ch := range c.C {
			sum := 0.0
			for _, x := range k[9*ch : 9*ch+9] {
				sum += float64(x) * float64(x)
			}
			if sum == 0 {
				continue
			}
			scale := at / math.Sqrt(sum)
			for i := range 9 * c.C {
				gen[9*ch*c.C+i] *= float32(scale)
			}
			back := float32(math.Sqrt(1+at*at) / scale)
			for o := range c.C {
				for t := range 9 {
					conv[(o*c.C+ch)*9+t] *= back
				}
			}
		}
	}
	w.Config.Kernels = KernelsBounded
	return v.Err()
}
