package segment

import (
	"math/rand/v2"
	"os"
	"slices"
	"testing"

	"vsr/media"
)

// noisy is a frame of smooth samples with some noise.
func noisy(f media.Format, seed uint64) *media.Frame {
	r := rand.New(rand.NewPCG(seed, 1))
	frame := media.NewFrame(f)
	for p := range f.Planes() {
		_, h := f.PlaneSize(p)
		for y := range h {
			row := frame.Row(p, y)
			for i := range row {
				row[i] = byte(y*3 + i + r.IntN(4))
			}
		}
	}
	return frame
}

func sameSamples(a, b *media.Frame) bool {
	for p := range a.Planes() {
		_, h := a.PlaneSize(p)
		for y := range h {
			if !slices.Equal(a.Row(p, y), b.Row(p, y)) {
				return false
			}
		}
	}
	return true
}

func openSpool(t *testing.T, s *Store, create bool) *Spool {
	t.Helper()
	p, err := s.Spool(7, create)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// Frames come back as they were, in every format and size, from the same process or from a later one.
func TestSpoolKeepsFrames(t *testing.T) {
	s := fresh(t)
	if p := openSpool(t, s, false); p != nil {
		t.Fatal("a spool out of nothing")
	}
	p := openSpool(t, s, true)
	formats := []media.Format{
		{Width: 33, Height: 17, Layout: media.YUV420, Depth: 8},
		{Width: 64, Height: 2, Layout: media.YUV444, Depth: 10},
		{Width: 16, Height: 16, Layout: media.YUV422, Depth: 12, Alpha: true},
	}
	for i, f := range formats {
		if err := p.Write(int64(100+i), noisy(f, uint64(i))); err != nil {
			t.Fatal(err)
		}
	}
	if other := openSpool(t, s, true); other != nil {
		t.Error("two writers of one spool")
	}
	check := func() {
		t.Helper()
		for i, f := range formats {
			got := media.NewFrame(f)
			if !p.Has(int64(100+i)) || !p.Read(int64(100+i), got) || !sameSamples(got, noisy(f, uint64(i))) {
				t.Errorf("frame %d comes back as another", i)
			}
		}
		if p.Has(99) || p.Read(99, media.NewFrame(formats[0])) || p.Read(100, media.NewFrame(formats[1])) {
			t.Error("a frame that was not kept")
		}
	}
	check()
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
	p = openSpool(t, s, false)
	check()
	p.Close()
	if n, err := s.Frames(); n != 3 || err != nil {
		t.Errorf("the store counts %d frames, %v", n, err)
	}
	if err := s.Sweep(); err != nil || s.Spooled() != 3 {
		t.Errorf("a sweep leaves %d frames, %v", s.Spooled(), err)
	}
	if _, err := s.Commit(Record{Range: Range{Index: 7, Frames: 5}}, attempt(t, s, 7, "x")); err != nil {
		t.Fatal(err)
	}
	if n, err := s.Frames(); n != 5 || err != nil {
		t.Errorf("after the commit the store counts %d frames, %v", n, err)
	}
	if p := openSpool(t, s, false); p != nil {
		t.Error("the spool outlives its segment")
	}
}

// A torn record is cut off and those before it stay; damaged samples are not read, and no damage is taken for a frame.
func TestDamagedSpool(t *testing.T) {
	f := media.Format{Width: 32, Height: 32, Layout: media.YUV420, Depth: 8}
	var whole []byte
	{
		s := fresh(t)
		p := openSpool(t, s, true)
		for n := range 3 {
			if err := p.Write(int64(n), noisy(f, uint64(n))); err != nil {
				t.Fatal(err)
			}
		}
		p.Close()
		whole, _ = os.ReadFile(s.spoolPath(7))
	}
	third := len(whole) / 3
	for name, c := range map[string]struct {
		edit func([]byte) []byte
		want []int64
	}{
		"torn at the end":     {func(b []byte) []byte { return b[:len(b)-1] }, []int64{0, 1}},
		"torn header":         {func(b []byte) []byte { return b[:2*third+100] }, []int64{0, 1}},
		"damaged header":      {func(b []byte) []byte { b[8]++; return b }, nil},
		"damaged samples":     {func(b []byte) []byte { b[spoolHeader+40]++; return b }, []int64{1, 2}},
		"zeros at the end":    {func(b []byte) []byte { return append(b, make([]byte, 500)...) }, []int64{0, 1, 2}},
		"nothing but garbage": {func([]byte) []byte { return []byte("once upon a time there was a spool of frames") }, nil},
		"empty":               {func([]byte) []byte { return nil }, nil},
	} {
		s := fresh(t)
		if err := os.WriteFile(s.spoolPath(7), c.edit(slices.Clone(whole)), 0o666); err != nil {
			t.Fatal(err)
		}
		p := openSpool(t, s, false)
		var got []int64
		for n := range int64(3) {
			frame := media.NewFrame(f)
			if p.Read(n, frame) {
				got = append(got, n)
				if !sameSamples(frame, noisy(f, uint64(n))) {
					t.Errorf("%s: frame %d comes back as another", name, n)
				}
			}
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: frames %v are read, want %v", name, got, c.want)
		}
		if err := p.Write(9, noisy(f, 9)); err != nil {
			t.Error(err)
		}
		p.Close()
		p = openSpool(t, s, false)
		if back := media.NewFrame(f); !p.Read(9, back) || !sameSamples(back, noisy(f, 9)) {
			t.Errorf("%s: a frame that is kept behind the damage is lost", name)
		}
		p.Close()
	}
}
