package segment

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"vsr/media"
)

// testGuide has ten frames in scenes 1 1 1 1 2 2 3 3 3 3, and the pieces that a cutter of 3 to 3 frames makes of them.
func testGuide() (*Guide, []Piece) {
	g, c := &Guide{}, Cutter{Min: 3, Max: 3}
	var pieces []Piece
	for i, scene := range []uint64{1, 1, 1, 1, 2, 2, 3, 3, 3, 3} {
		f := media.NewFrame(media.Format{Width: 4, Height: 2, Layout: media.Gray, Depth: 8})
		f.PTS, f.Scene, f.Row(0, 1)[2] = int64(i*i)-5, scene, byte(i)
		g.Add(f)
		p, begins := c.Next(scene, f.PTS)
		if begins {
			pieces = append(pieces, p)
		}
		pieces[p.Index] = p
	}
	return g, pieces
}

func TestOrders(t *testing.T) {
	g, pieces := testGuide()
	type short struct {
		First, Lead, Frames int
		Cuts                []Cut
	}
	want := []short{{0, 0, 3, []Cut{{0, 1}}}, {3, 3, 3, []Cut{{0, 1}, {4, 2}}}, {6, 0, 3, []Cut{{6, 3}}}, {9, 3, 1, []Cut{{6, 3}}}}
	for i, p := range pieces {
		o, err := g.Order(p, nil)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want[i], short{int(o.First), len(o.Lead), len(o.Marks), o.Cuts}); diff != "" {
			t.Errorf("piece %d (-want +got):\n%s", i, diff)
		}
		if o.Marks[0].PTS != o.First*o.First-5 {
			t.Errorf("piece %d begins at %d", i, o.Marks[0].PTS)
		}
	}
	o, _ := g.Order(pieces[1], nil)
	if a, b := o.SceneOf(3), o.SceneOf(4); a != 1 || b != 2 {
		t.Errorf("frames 3 and 4 are of scenes %d and %d", a, b)
	}
	for name, p := range map[string]Piece{"beyond the end": {First: 9, Frames: 2}, "empty": {First: 2}, "other scene": {First: 0, Frames: 3, FirstPTS: -5, Scene: 2, LastScene: 1},
		"other time": {First: 0, Frames: 3, FirstPTS: -4, Scene: 1, LastScene: 1}} {
		if _, err := g.Order(p, nil); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func TestGuideInAPlan(t *testing.T) {
	g, pieces := testGuide()
	p := testPlan()
	id := p.ID()
	p.Pieces = pieces
	p.SetGuide(g)
	if p.ID() != id {
		t.Error("the guide changes the ID")
	}
	back, err := p.Guide()
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(g.marks, back.marks); diff != "" {
		t.Errorf("marks (-want +got):\n%s", diff)
	}
	p.Marks = p.Marks[:len(p.Marks)-1]
	if _, err := p.Guide(); err == nil {
		t.Error("a torn list is taken")
	}
	p.SetGuide(g)
	p.Cuts = []Cut{{0, 1}, {10, 2}}
	if _, err := p.Guide(); err == nil {
		t.Error("a scene beyond the end is taken")
	}
}

// One sample, the size, the colour's description or the time: each makes another mark.
func TestMarks(t *testing.T) {
	base := media.Format{Width: 4, Height: 4, Layout: media.YUV420, Depth: 10}
	mark := func(f media.Format, edit func(*media.Frame)) Mark {
		fr := media.NewFrame(f)
		edit(fr)
		return MarkOf(fr)
	}
	same := mark(base, func(*media.Frame) {})
	wide := base
	wide.Width, wide.Height = 8, 2
	full := base
	full.Color.Range = media.RangeFull
	for name, m := range map[string]Mark{
		"chroma": mark(base, func(f *media.Frame) { f.Row(2, 1)[3] = 1 }), "size": mark(wide, func(*media.Frame) {}), "range": mark(full, func(*media.Frame) {}),
		"time": mark(base, func(f *media.Frame) { f.PTS = 1 }),
	} {
		if m == same {
			t.Errorf("%s does not change the mark", name)
		}
	}
}
