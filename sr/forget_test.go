package sr

import (
	"context"
	"slices"
	"testing"

	"vsr/media"
)

// observe runs shots through an upscaler and returns after which of them it had settled.
func observe(t *testing.T, u *Upscaler, in []shot, first int64) (settled []bool) {
	t.Helper()
	pool := media.NewPool(media.Format{Width: 16, Height: 12, Layout: media.YUV420, Depth: 8}, 1, nil)
	for i, s := range in {
		if err := u.Observe(context.Background(), s.frame(pool, first+int64(i))); err != nil {
			t.Fatal(err)
		}
		settled = append(settled, u.Settled())
	}
	return settled
}

func TestSettled(t *testing.T) {
	for _, c := range []struct {
		name string
		in   []shot
		opts Options
		want []bool
	}{
		{"at once", shots("nn"), Options{}, []bool{true, true}},
		{"after black", shots("bfn", "bn"), Options{}, []bool{false, false, true, false, true}},
		{"after an average", shots("nnn"), Options{Average: 2}, []bool{false, true, true}},
		{"never with a refresh", shots("nn"), Options{Refresh: 5}, []bool{false, false}},
	} {
		u, _ := newFake(t, c.opts)
		if u.Settled() {
			t.Errorf("%s: settled before the first frame", c.name)
		}
		if got := observe(t, u, c.in, 0); !slices.Equal(got, c.want) {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
		u.Close()
	}
}

// After Forget a scene is estimated as if it were new, and no degradation is lost.
func TestForget(t *testing.T) {
	u, e := newFake(t, Options{Average: 2})
	observe(t, u, shots("nnn"), 0)
	u.Forget()
	observe(t, u, shots("nnn"), 10)
	if want := []int64{0, 1, 10, 11}; !slices.Equal(e.estimated, want) {
		t.Errorf("estimated %v, want %v", e.estimated, want)
	}
	if last := e.vectors[len(e.vectors)-1]; last[0] != 10.5 {
		t.Errorf("the last vector is %v: it remembers what was forgotten", last)
	}
	u.Close()
	if e.open != 0 {
		t.Errorf("%d degradations are left", e.open)
	}
}
