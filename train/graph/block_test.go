package graph

import (
	"slices"
	"testing"

	g "gorgonia.org/gorgonia"

	"vsr/sr/kdsr"
)

// Blocks that share the buffers of their gradients compute the same as blocks that share nothing, also where one is read by
// two others.
func TestSharedGradientBuffers(t *testing.T) {
	gradients := func(shared bool) (all []float32) {
		gr := New(nil)
		w := &kdsr.Weights{Tensors: map[string]kdsr.Tensor{}}
		for i, name := range []string{"a", "b", "c", "d", "e", "f"} {
			w.Tensors[name+".weight"] = kdsr.Tensor{Shape: []int{3, 3, 3, 3}, Data: centred(uint64(i), 81)}
			w.Tensors[name+".bias"] = kdsr.Tensor{Shape: []int{3}, Data: centred(uint64(10+i), 3)}
		}
		n := gr.Net("", w, func(string) bool { return true })
		k := gr.variable("k", []int{2, 27}, centred(20, 54), true)
		block := func(x *g.Node, name string) *g.Node {
			if !shared {
				clear(n.links)
			}
			return n.Block(x, k, name)
		}
		x := gr.variable("x", []int{2, 4, 5, 3}, centred(21, 120), true)
		y := block(block(block(x, "a"), "b"), "c")
		loss := dotLoss(gr, n.Add(block(y, "d"), block(block(y, "e"), "f")), 22)
		p, _, err := gr.Compile(loss)
		if err != nil {
			t.Fatal(err)
		}
		defer p.Close()
		if err := p.Run(); err != nil {
			t.Fatal(err)
		}
		for _, q := range p.Params {
			v, err := q.Grad()
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, floats(v)...)
		}
		return all
	}
	want, got := gradients(false), gradients(true)
	if len(want) < 600 || slices.Max(want) == 0 {
		t.Fatalf("%d gradients, the largest %v", len(want), slices.Max(want))
	}
	if !slices.Equal(got, want) {
		t.Error("gradients differ")
	}
}
