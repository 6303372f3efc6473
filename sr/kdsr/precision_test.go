package kdsr

import "testing"

func TestSetPrecision(t *testing.T) {
	cfg, err := Preset("nano", 2)
	if err != nil {
		t.Fatal(err)
	}
	w, err := RandomWeights(cfg, 1)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		text string
		last int // LastExact afterwards, -1 for an error
	}{
		{"last:3", 3}, {"", 3}, {"fp32", cfg.N + 1}, {"auto", 0}, {"last:0", -1}, {"last:x", -1}, {"half", -1}, {"3", -1}, {"last:900", cfg.N + 1},
	} {
		before := w.Meta[MetaPrecision]
		if err := w.SetPrecision(c.text); (err != nil) != (c.last < 0) || err != nil && w.Meta[MetaPrecision] != before {
			t.Errorf("%q: %v, notes %v", c.text, err, w.Meta)
		}
		if c.last >= 0 && w.LastExact() != c.last {
			t.Errorf("%q: the last %d in float32, want %d", c.text, w.LastExact(), c.last)
		}
	}
}
