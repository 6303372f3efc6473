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

// Scenes 3 and 5 return to scene 1, which began black, and have its settled estimate; scene 4 returns to scene 2, which showed nothing.
func TestReturningScenes(t *testing.T) {
	in := shots("bnn", "bb", "nn", "nn", "bn")
	for i := range in {
		in[i].like = map[uint64]uint64{3: 1, 4: 2, 5: 1}[in[i].scene]
	}
	for _, c := range []struct {
		name    string
		opts    Options
		want    []int64 // frames that are estimated
		vectors []float32
		like    []uint64 // by scene
	}{
		{"one frame", Options{}, []int64{0, 1, 3, 7}, []float32{0, 1, 3, 1, 7, 1}, []uint64{0, 0, 1, 0, 1}},
		{"a mean of two", Options{Average: 2}, []int64{0, 1, 2, 3, 7, 8}, []float32{0, 1, 1.5, 3, 1.5, 7, 7.5, 1.5}, []uint64{0, 0, 1, 0, 1}},
		{"a refresh never settles", Options{Refresh: 9}, []int64{0, 1, 3, 5, 7, 9, 10}, []float32{0, 1, 3, 5, 7, 9, 10}, []uint64{0, 0, 0, 0, 0}},
	} {
		u, e := newFake(t, c.opts)
		observe(t, u, in, 0)
		if !slices.Equal(e.estimated, c.want) {
			t.Errorf("%s: estimated %v, want %v", c.name, e.estimated, c.want)
		}
		var first []float32
		for _, v := range e.vectors {
			first = append(first, v[0])
		}
		if !slices.Equal(first, c.vectors) {
			t.Errorf("%s: kernels of %v, want %v", c.name, first, c.vectors)
		}
		var like []uint64
		for _, s := range u.Scenes() {
			like = append(like, s.Like)
		}
		if !slices.Equal(like, c.like) {
			t.Errorf("%s: like %v, want %v", c.name, like, c.like)
		}
		if u.Knows(1) != (c.opts.Refresh == 0) || u.Knows(2) {
			t.Errorf("%s: knows scene 1: %v, scene 2: %v", c.name, u.Knows(1), u.Knows(2))
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
