package scene

import (
	"testing"

	"vsr/internal/synth"
	"vsr/media"
)

// A bounded part of what tools/bench/scenes measures: clips that nothing was fitted to, of generated images alone, not encoded.
func TestHeldOutClips(t *testing.T) {
	if testing.Short() {
		t.Skip("draws some 5000 frames")
	}
	var all synth.Counts
	for _, kind := range synth.Kinds() {
		var n synth.Counts
		for _, seed := range []uint64{1, 3} {
			c, err := synth.New(kind, seed, synth.Options{Width: 192, Height: 108})
			if err != nil {
				t.Fatal(err)
			}
			n.Add(synth.Score(c.Events, clipCutsOf(c), 1))
		}
		t.Logf("%-10s F1 %.3f %+v", kind, n.F1(), n)
		if (kind == "grain" || kind == "flicker") && n.False > 0 {
			t.Errorf("%s: %d false cuts", kind, n.False)
		}
		all.Add(n)
	}
	t.Logf("all        F1 %.3f %+v", all.F1(), all)
	if f := all.F1(); f < 0.95 {
		t.Errorf("F1 %.3f of all kinds, want 0.95", f)
	}
}

func clipCutsOf(c *synth.Clip) (list []int) {
	d, fr := New(Options{}), media.NewFrame(c.Format())
	for i := range c.Frames {
		c.Draw(fr, i)
		before := d.Scene()
		if d.Mark(fr); i > 0 && d.Scene() != before {
			list = append(list, i)
		}
	}
	return list
}
