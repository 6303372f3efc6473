package fault

import "testing"

func TestNearest(t *testing.T) {
	list := []string{"run", "live", "train", "verify", "compare", "optim.lr", "fast-x4", "fast-x2"}
	for name, want := range map[string]string{"runn": "run", "trian": "train", "verfiy": "verify", "optim.lrr": "optim.lr", "fast-x5": "fast-x4", "clip.mp4": "", "x": "", "": ""} {
		if got := Nearest(name, list); got != want {
			t.Errorf("%q is near %q, want %q", name, got, want)
		}
	}
}
