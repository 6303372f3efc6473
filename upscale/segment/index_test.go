package segment

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"vsr/media"
)

// testIndex has ten frames in scenes 1 1 1 1 2 2 3 3 3 3, and the segments that a segmenter of 3 to 3 frames makes of them.
func testIndex() (*FrameIndex, []Range) {
	x, c := &FrameIndex{}, Segmenter{Min: 3, Max: 3}
	var segments []Range
	for i, scene := range []uint64{1, 1, 1, 1, 2, 2, 3, 3, 3, 3} { // the last returns to the first
		f := media.NewFrame(media.Format{Width: 4, Height: 2, Layout: media.Gray, Depth: 8})
		f.PTS, f.Scene, f.Row(0, 1)[2] = int64(i*i)-5, scene, byte(i)
		if scene == 3 {
			f.Like = 1
		}
		x.Add(f)
		p, begins := c.Next(scene, f.PTS)
		if begins {
			segments = append(segments, p)
		}
		segments[p.Index] = p
	}
	return x, segments
}

func TestOrders(t *testing.T) {
	x, segments := testIndex()
	type short struct {
		First, Lead, Frames int
		Cuts                []Cut
		Returns             []Scene
	}
	first := []Scene{{1, 0, x.frames[:4]}}
	want := []short{{0, 0, 3, []Cut{{0, 1, 0}}, nil}, {3, 3, 3, []Cut{{0, 1, 0}, {4, 2, 0}}, nil}, {6, 0, 3, []Cut{{6, 3, 1}}, first}, {9, 3, 1, []Cut{{6, 3, 1}}, first}}
	for i, p := range segments {
		o, err := x.Task(p, nil)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want[i], short{int(o.First), len(o.Lead), len(o.Fingerprints), o.Cuts, o.Returns}); diff != "" {
			t.Errorf("segment %d (-want +got):\n%s", i, diff)
		}
		if o.Fingerprints[0].PTS != o.First*o.First-5 {
			t.Errorf("segment %d begins at %d", i, o.Fingerprints[0].PTS)
		}
	}
	o, _ := x.Task(segments[1], nil)
	if a, b := o.SceneOf(3).Scene, o.SceneOf(4).Scene; a != 1 || b != 2 {
		t.Errorf("frames 3 and 4 are of scenes %d and %d", a, b)
	}
	for name, p := range map[string]Range{"beyond the end": {First: 9, Frames: 2}, "empty": {First: 2}, "other scene": {First: 0, Frames: 3, FirstPTS: -5, Scene: 2, LastScene: 1},
		"other time": {First: 0, Frames: 3, FirstPTS: -4, Scene: 1, LastScene: 1}} {
		if _, err := x.Task(p, nil); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func TestIndexInAPlan(t *testing.T) {
	x, segments := testIndex()
	p := testPlan()
	id := p.ID()
	p.Segments = segments
	p.SetFrameIndex(x)
	if p.ID() != id {
		t.Error("the frame index changes the ID")
	}
	back, err := p.FrameIndex()
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(x.frames, back.frames); diff != "" {
		t.Errorf("frames (-want +got):\n%s", diff)
	}
	p.Fingerprints = p.Fingerprints[:len(p.Fingerprints)-1]
	if _, err := p.FrameIndex(); err == nil {
		t.Error("a torn list is taken")
	}
	p.SetFrameIndex(x)
	p.Cuts = []Cut{{0, 1, 0}, {10, 2, 0}}
	if _, err := p.FrameIndex(); err == nil {
		t.Error("a scene beyond the end is taken")
	}
}

// One sample, the size, the colour's description or the time: each makes another mark.
func TestFingerprintOf(t *testing.T) {
	base := media.Format{Width: 4, Height: 4, Layout: media.YUV420, Depth: 10}
	print := func(f media.Format, edit func(*media.Frame)) Fingerprint {
		fr := media.NewFrame(f)
		edit(fr)
		return FingerprintOf(fr)
	}
	same := print(base, func(*media.Frame) {})
	wide := base
	wide.Width, wide.Height = 8, 2
	full := base
	full.Color.Range = media.RangeFull
	for name, m := range map[string]Fingerprint{
		"chroma": print(base, func(f *media.Frame) { f.Row(2, 1)[3] = 1 }), "size": print(wide, func(*media.Frame) {}), "range": print(full, func(*media.Frame) {}),
		"time": print(base, func(f *media.Frame) { f.PTS = 1 }),
	} {
		if m == same {
			t.Errorf("%s does not change the mark", name)
		}
	}
}
