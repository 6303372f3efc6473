//go:build nvidia

package cuda

import (
	"fmt"
	"slices"

	"gorgonia.org/cu"

	"vsr/sr/kdsr"
)

// layer is the parameters of one operation on the device.
type layer struct{ weights, bias cu.DevicePtr }

// layers keeps the network's parameters on the device, each packed when it is first needed. They live as long as the GPU.
type layers struct {
	gpu  *gpu
	w    *kdsr.Weights
	tail *kdsr.LinearTail // nil for the direct tail
	have map[string]layer
	mean cu.DevicePtr // the mean colour, and 3 zeros
	ring map[string]ring
}

// ring is the kernels of the outermost pixels for one combination of frame edges.
type ring struct {
	layer
	sets cu.DevicePtr
}

func newLayers(c *gpu, w *kdsr.Weights) (*layers, error) {
	l := &layers{gpu: c, w: w, have: map[string]layer{}, ring: map[string]ring{}}
	if w.Config.Tail == kdsr.TailOfficial {
		var err error
		if l.tail, err = w.CollapseTail(); err != nil {
			return nil, err
		}
	}
	mean := append(slices.Clone(kdsr.Mean[:]), 0, 0, 0)
	var err error
	l.mean, err = keep(l, mean)
	return l, err
}

// keep puts data on the device until the GPU is closed.
func keep[T uint16 | uint32 | float32 | int32](l *layers, data []T) (cu.DevicePtr, error) {
	p, err := put(l.gpu, data)
	if err == nil {
		l.gpu.undo = append(l.gpu.undo, func() { l.gpu.free(p) })
	}
	return p, err
}

// add packs and stores a layer under a key, once.
func (l *layers) add(key string, pack func() (weights any, bias []float32)) (layer, error) {
	if have, ok := l.have[key]; ok {
		return have, nil
	}
	weights, bias := pack()
	var n layer
	var err error
	switch w := weights.(type) {
	case []uint16:
		n.weights, err = keep(l, w)
	case []float32:
		n.weights, err = keep(l, w)
	}
	if err == nil {
		n.bias, err = keep(l, bias)
	}
	if err != nil {
		return n, fmt.Errorf("parameters of %s: %w", key, err)
	}
	l.have[key] = n
	return n, nil
}

// tensor returns a parameter and its shape. Check has been passed, so it is there.
func (l *layers) tensor(name string) ([]float32, []int) {
	t := l.w.Tensors[name]
	return t.Data, t.Shape
}

// conv is a 3x3 convolution between maps of ins and outs padded channels.
func (l *layers) conv(name string, outs, ins int) (layer, error) {
	return l.add(name, func() (any, []float32) {
		w, shape := l.tensor(name + ".weight")
		b, _ := l.tensor(name + ".bias")
		return packConv(w, shape[0], shape[1], 3, outs, ins), padRows(b, 1, len(b), 1, outs)
	})
}

// first is a convolution of the frame: weights [27,outs] in single precision.
func (l *layers) first(name string, outs int) (layer, error) {
	return l.add(name, func() (any, []float32) {
		w, shape := l.tensor(name + ".weight") // [out,3,3,3]
		b, _ := l.tensor(name + ".bias")
		turned := make([]float32, 27*outs)
		for o := range shape[0] {
			for i := range 27 {
				turned[i*outs+o] = w[o*27+i]
			}
		}
		return turned, padRows(b, 1, len(b), 1, outs)
	})
}

// linear is a fully connected layer [outs,ins].
func (l *layers) linear(name string, outs, ins int, bias bool) (layer, error) {
	return l.add(name, func() (any, []float32) {
		w, shape := l.tensor(name + ".weight")
		b := make([]float32, outs)
		if bias {
			v, _ := l.tensor(name + ".bias")
			copy(b, v)
		}
		return padRows(w, shape[0], shape[1], outs, ins), b
	})
}

// tailBias adds the mean colour to the bias [3*s*s] of the tail if the network ends with it.
func tailBias(b []float32, s, padded int, mean bool) []float32 {
	to := padRows(b, 1, len(b), 1, padded)
	for i := range b {
		if mean {
			to[i] += kdsr.Mean[i/(s*s)]
		}
	}
	return to
}

// enlarge is the tail as one convolution: 3x3 for the direct tail, 5x5 for the official one.
func (l *layers) enlarge(ins int, mean bool) (n layer, k int, err error) {
	s, c := l.w.Config.Scale, l.w.Config.C
	out := 3 * s * s
	outs := (out + 15) / 16 * 16
	k = 3
	if l.tail != nil {
		k = 5
	}
	n, err = l.add("G.tail", func() (any, []float32) {
		var w, b []float32
		if l.tail != nil {
			w, b = l.tail.Kernel(0)
		} else {
			w, _ = l.tensor("G.tail.0.weight")
			b, _ = l.tensor("G.tail.0.bias")
		}
		return packConv(w, out, c, k, outs, ins), tailBias(b, s, outs, mean)
	})
	return n, k, err
}

// edges is the kernels of the ring of a w x h frame, in single precision: weights [set,25,ins,3*s*s].
func (l *layers) edges(w, h, ins int, mean bool) (ring, error) {
	var present []kdsr.Edges
	for _, y := range []int{0, min(1, h-1), h - 1} {
		for _, x := range []int{0, min(1, w-1), w - 1} {
			if e := kdsr.EdgesAt(x, y, w, h); e != 0 && !slices.Contains(present, e) {
				present = append(present, e)
			}
		}
	}
	slices.Sort(present)
	key := fmt.Sprint(present)
	if r, ok := l.ring[key]; ok {
		return r, nil
	}
	s, c := l.w.Config.Scale, l.w.Config.C
	out := 3 * s * s
	sets := make([]int32, 16)
	weights := make([]float32, len(present)*25*ins*out)
	var bias []float32
	for i, e := range present {
		sets[e] = int32(i)
		w, b := l.tail.Kernel(e) // [out,C,5,5]
		bias = append(bias, tailBias(b, s, out, mean)...)
		for o := range out {
			for ch := range c {
				for tap := range 25 {
					weights[((i*25+tap)*ins+ch)*out+o] = w[(o*c+ch)*25+tap]
				}
			}
		}
	}
	n, err := l.add("ring "+key, func() (any, []float32) { return weights, bias })
	if err != nil {
		return ring{}, err
	}
	r := ring{layer: n}
	if r.sets, err = keep(l, sets); err != nil {
		return ring{}, err
	}
	l.ring[key] = r
	return r, nil
}
