package kdsr

import (
	"math"
	"testing"
)

func TestBlend(t *testing.T) {
	c, err := Preset("nano", 2)
	if err != nil {
		t.Fatal(err)
	}
	random := func(c Config, seed uint64) *Weights {
		w, err := RandomWeights(c, seed)
		if err != nil {
			t.Fatal(err)
		}
		return w
	}
	a, b := random(c, 1), random(c, 2)
	a.Meta, b.Meta = map[string]string{MetaName: "a"}, map[string]string{MetaName: "b", MetaPrecision: "fp32"}
	for _, share := range []float64{0, 0.25, 1} {
		m, err := Blend(a, b, share)
		if err != nil {
			t.Fatal(err)
		}
		if m.Meta[MetaName] != "a" || (m.Meta[MetaPrecision] == "fp32") != (share > 0) {
			t.Errorf("metadata %v", m.Meta)
		}
		for name, x := range a.Tensors {
			for i := range x.Data {
				want := float64(x.Data[i]) + share*float64(b.Tensors[name].Data[i]-x.Data[i])
				if math.Abs(float64(m.Tensors[name].Data[i])-want) > 1e-6 {
					t.Fatalf("share %g: %s[%d] = %g, want %g", share, name, i, m.Tensors[name].Data[i], want)
				}
			}
		}
	}
	if whole, _ := Blend(a, b, 0); whole.Hash() != a.Hash() {
		t.Error("a share of 0 is not the first network")
	}
	other, err := Preset("fast", 2)
	if err != nil {
		t.Fatal(err)
	}
	for _, share := range []float64{-0.1, 1.1, math.NaN()} {
		if _, err := Blend(a, b, share); err == nil {
			t.Errorf("a share of %g was taken", share)
		}
	}
	if _, err := Blend(a, random(other, 1), 0.5); err == nil {
		t.Error("two shapes were blended")
	}
	delete(b.Tensors, firstName(b))
	if _, err := Blend(a, b, 0.5); err == nil {
		t.Error("a tensor is missing and nobody says so")
	}
}

func firstName(w *Weights) string {
	for name := range w.Tensors {
		return name
	}
	return ""
}
