package synth

import (
	"bytes"
	"hash/crc32"
	"slices"
	"testing"

	"vsr/media"
)

// sum is a checksum of a frame's samples.
func sum(fr *media.Frame) uint32 {
	h := crc32.NewIEEE()
	for p := range fr.Planes() {
		_, rows := fr.PlaneSize(p)
		for y := range rows {
			h.Write(fr.Row(p, y))
		}
	}
	return h.Sum32()
}

func make1(t *testing.T, kind string, seed uint64, o Options) *Clip {
	t.Helper()
	c, err := New(kind, seed, o)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestEveryKindIsSound(t *testing.T) {
	for _, kind := range Kinds() {
		for seed := range uint64(4) {
			c := make1(t, kind, seed, Options{Width: 64, Height: 36})
			if c.Cuts() == 0 || c.Frames < 60 || c.Frames > 400 || c.Rate < 24 || c.Rate > 60 {
				t.Errorf("%s %d: %d cuts in %d frames at %d fps", kind, seed, c.Cuts(), c.Frames, c.Rate)
			}
			last := 0
			for _, e := range c.Events {
				if e.First < 0 || e.Last < e.First || e.Last >= c.Frames || e.What == "" {
					t.Errorf("%s %d: %+v of %d frames", kind, seed, e, c.Frames)
				}
				if e.Cut && e.First < last {
					t.Errorf("%s %d: cut %+v begins before frame %d", kind, seed, e, last)
				}
				if e.Cut {
					last = e.Last
				}
			}
		}
	}
	if _, err := New("nonsense", 0, Options{}); err == nil {
		t.Error("an unknown kind is made")
	}
}

// The promise of issue size: enough cuts and distractors in the half that is quoted, at 10 clips a kind.
func TestEnoughEvents(t *testing.T) {
	cuts, distractors := 0, 0
	for _, kind := range Kinds() {
		for seed := uint64(1); seed < 20; seed += 2 {
			if !HeldOut(seed) {
				t.Fatalf("seed %d is not held out", seed)
			}
			c := make1(t, kind, seed, Options{Width: 16, Height: 9})
			cuts += c.Cuts()
			distractors += len(c.Events) - c.Cuts()
		}
	}
	if cuts < 300 || distractors < 200 {
		t.Errorf("%d cuts, %d distractors held out, want 300 and 200", cuts, distractors)
	}
}

// Frames depend on kind, seed and number alone, whatever was drawn before them; other seeds give other frames.
func TestFramesAreAFunctionOfTheirNumber(t *testing.T) {
	for _, kind := range []string{"hard", "dissolve", "rate", "inset", "grain"} {
		a, b := make1(t, kind, 2, Options{Width: 64, Height: 36}), make1(t, kind, 2, Options{Width: 64, Height: 36})
		other := make1(t, kind, 4, Options{Width: 64, Height: 36})
		fr := media.NewFrame(a.Format())
		var forward, backward []uint32
		for i := range 40 {
			a.Draw(fr, i)
			forward = append(forward, sum(fr))
			other.Draw(fr, i)
			if sum(fr) == forward[i] {
				t.Fatalf("%s: seeds 2 and 4 have the same frame %d", kind, i)
			}
		}
		for i := 39; i >= 0; i-- {
			b.Draw(fr, i)
			backward = append(backward, sum(fr))
		}
		slices.Reverse(backward)
		if !slices.Equal(forward, backward) {
			t.Errorf("%s: frames depend on what was drawn before", kind)
		}
	}
}

// A cut changes most of the frame, and the frames around it little, in clips without anything else.
func TestTruthLiesAtTheCut(t *testing.T) {
	for seed := range uint64(6) {
		c := make1(t, "hard", seed, Options{Width: 96, Height: 54})
		fr, before := media.NewFrame(c.Format()), media.NewFrame(c.Format())
		at := func(i int) (d float64) {
			c.Draw(before, i-1)
			c.Draw(fr, i)
			for y := range 54 {
				for x, v := range fr.Row(0, y) {
					d += float64(abs(int(v) - int(before.Row(0, y)[x])))
				}
			}
			return d / (96 * 54)
		}
		for _, e := range c.Events {
			if inside, step := max(at(e.First-1), at(e.First+1)), at(e.First); step < 8 || step < 1.3*inside {
				t.Errorf("seed %d, cut at %d: the step is %.1f levels, %.1f beside it", seed, e.First, step, inside)
			}
		}
	}
}

func TestScore(t *testing.T) {
	events := []Event{{10, 10, true, ""}, {20, 30, true, ""}, {40, 42, false, ""}, {50, 50, true, ""}, {53, 53, true, ""}}
	for _, tt := range []struct {
		reported []int
		want     Counts
	}{
		{[]int{10, 25, 50, 53}, Counts{Hits: 4}},
		{[]int{11, 31, 51, 52}, Counts{Hits: 4}},
		{[]int{12, 32, 52}, Counts{Hits: 1, Misses: 3, False: 2}},
		{[]int{10, 20, 28, 41, 50, 53}, Counts{Hits: 4, False: 2, Fooled: 1}},
		{nil, Counts{Misses: 4}},
	} {
		if got := Score(events, tt.reported, 1); got != tt.want {
			t.Errorf("%v: %+v, want %+v", tt.reported, got, tt.want)
		}
	}
	if f := (Counts{Hits: 3, Misses: 1, False: 1}).F1(); f != 0.75 {
		t.Errorf("F1 %g", f)
	}
}

// Stills of the caller are shared between the halves by index.
func TestStillsAreShared(t *testing.T) {
	flat := func(v uint8) *Image { return &Image{W: 64, H: 64, Pix: bytes.Repeat([]uint8{v, 128, 128}, 64*64)} }
	stills := []*Image{flat(40), flat(200), flat(40), flat(200)}
	for seed := range uint64(8) {
		c := make1(t, "hard", seed, Options{Width: 32, Height: 18, Stills: stills})
		for _, take := range c.takes {
			if m := take.shot.images[0]; len(m.Pix) == len(stills[0].Pix) && m.Pix[0] != []uint8{40, 200}[seed%2] {
				t.Errorf("seed %d has a still of the other half", seed)
			}
		}
	}
}

func BenchmarkDraw(b *testing.B) {
	c, err := New("hard", 1, Options{})
	if err != nil {
		b.Fatal(err)
	}
	fr := media.NewFrame(c.Format())
	for i := 0; b.Loop(); i++ {
		c.Draw(fr, i%c.Frames)
	}
}
