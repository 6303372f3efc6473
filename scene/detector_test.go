package scene

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/google/go-cmp/cmp"

	"vsr/media"
)

var small = media.Format{Width: 160, Height: 90, Layout: media.YUV420, Depth: 8}

// shot is an endless textured plane with shapes; its pixels are a pure function of the seed and the place.
type shot struct {
	waves        [6][4]float64 // frequency x, y, phase, amplitude
	boxes        [12][5]float64
	base, tu, tv float64
}

func newShot(seed uint64) *shot {
	r := rand.New(rand.NewPCG(seed, 7))
	s := &shot{base: 70 + 100*r.Float64(), tu: 100 + 56*r.Float64(), tv: 100 + 56*r.Float64()}
	for i := range s.waves {
		f := 0.02 + 0.2*r.Float64()
		a := 2 * math.Pi * r.Float64()
		s.waves[i] = [4]float64{f * math.Cos(a), f * math.Sin(a), 6 * r.Float64(), 4 + 8*r.Float64()}
	}
	for i := range s.boxes {
		s.boxes[i] = [5]float64{400*r.Float64() - 120, 220*r.Float64() - 60, 10 + 40*r.Float64(), 10 + 40*r.Float64(), 140*r.Float64() - 70}
	}
	return s
}

func (s *shot) at(x, y float64) float64 {
	v := s.base
	for _, w := range s.waves {
		v += w[3] * math.Sin(w[0]*x+w[1]*y+w[2])
	}
	for _, b := range s.boxes {
		if x >= b[0] && x < b[0]+b[2] && y >= b[1] && y < b[1]+b[3] {
			v += b[4]
		}
	}
	return v
}

// frame is one frame of a video: a shot at a place, with v*gain+offset as the final luma and a mix of another shot.
type frame struct {
	shot         uint64
	x, y         float64
	gain, offset float64
	other        uint64
	mix          float64
	noise        float64
}

func still(shot uint64, n int) []frame { return pan(shot, n, 0, 0) }

func pan(shot uint64, n int, dx, dy float64) (p []frame) {
	for i := range n {
		p = append(p, frame{shot: shot, x: dx * float64(i), y: dy * float64(i), gain: 1})
	}
	return p
}

// fade multiplies the frames of p with a gain that goes from one value to another.
func fade(p []frame, from, to float64) []frame {
	for i := range p {
		p[i].gain = from + (to-from)*float64(i)/float64(len(p)-1)
	}
	return p
}

func black(n int) []frame { return fade(still(1, n), 0, 0) }

func edit(p []frame, f func(i int, p *frame)) []frame {
	for i := range p {
		f(i, &p[i])
	}
	return p
}

func video(parts ...[]frame) (all []frame) {
	for _, p := range parts {
		all = append(all, p...)
	}
	return all
}

// render draws p into fr, limited range, black at 16.
func render(fr *media.Frame, p frame, r *rand.Rand) {
	a, b := newShot(p.shot), newShot(p.other)
	for plane := range fr.Planes() {
		w, h := fr.PlaneSize(plane)
		for y := range h {
			row := fr.Row(plane, y)
			for x := range w {
				var v float64
				switch {
				case plane > 0:
					tint := [4][2]float64{1: {a.tu, b.tu}, 2: {a.tv, b.tv}, 3: {a.tu, b.tu}}[plane]
					v = 128 + p.gain*(tint[0]*(1-p.mix)+tint[1]*p.mix-128)
				default:
					fx, fy := float64(x)*160/float64(w)+p.x, float64(y)*90/float64(h)+p.y
					v = a.at(fx, fy)
					if p.mix > 0 {
						v = v*(1-p.mix) + b.at(fx, fy)*p.mix
					}
					v = 16 + (v-16)*p.gain + p.offset
				}
				v += p.noise * r.NormFloat64()
				put(row, x, max(16, min(235, v)), fr.Depth)
			}
		}
	}
}

func put(row []byte, x int, v float64, depth int) {
	if depth == 8 {
		row[x] = byte(v + 0.5)
		return
	}
	n := int(v*float64(int(1)<<(depth-8)) + 0.5)
	row[2*x], row[2*x+1] = byte(n), byte(n>>8)
}

// cuts returns the indices of the frames at which the number of the scene goes up.
func cuts(t *testing.T, f media.Format, frames []frame) (list []int) {
	t.Helper()
	d, fr, r := New(Options{}), media.NewFrame(f), rand.New(rand.NewPCG(1, 2))
	var scene uint64
	for i, p := range frames {
		render(fr, p, r)
		score := d.Mark(fr)
		if score < 0 || score > 1 {
			t.Fatalf("frame %d: score %g", i, score)
		}
		switch fr.Scene {
		case scene:
		case scene + 1:
			if i > 0 {
				list = append(list, i)
			}
		default:
			t.Fatalf("frame %d: scene %d after %d", i, fr.Scene, scene)
		}
		scene = fr.Scene
	}
	return list
}

func TestCutLists(t *testing.T) {
	tests := []struct {
		name  string
		video []frame
		want  []int
	}{
		{"one still", still(1, 30), nil},
		{"hard cuts", video(still(1, 20), still(2, 15), pan(3, 20, 1, 0), still(4, 10)), []int{20, 35, 55}},
		{"cut between moving shots", video(pan(1, 15, 3, 1), pan(2, 15, -4, 0)), []int{15}},
		{"slow and fast pan", video(pan(5, 20, 1, 0.5), edit(pan(5, 12, 10, 0), func(_ int, p *frame) { p.x, p.y = p.x+20, 10 })), nil},
		{"noise", edit(still(1, 20), func(_ int, p *frame) { p.noise = 6 }), nil},
		{"noisy cut", edit(video(still(1, 12), still(2, 12)), func(_ int, p *frame) { p.noise = 6 }), []int{12}},
		{"flash of light", edit(still(3, 30), func(i int, p *frame) {
			if i == 14 || i == 15 {
				p.offset = 60
			}
		}), nil},
		{"white flash", edit(pan(3, 30, 1, 0), func(i int, p *frame) {
			if i == 14 || i == 15 {
				p.offset = 400
			}
		}), nil},
		{"black frames in a shot", video(still(1, 15), black(3), still(1, 15)), nil},
		{"black between shots", video(still(1, 15), black(5), still(2, 15)), []int{20}},
		{"fade to black", video(still(1, 12), fade(still(1, 12), 1, 0), black(5)), nil},
		{"fade in from black", video(black(5), fade(still(1, 20), 0, 1), still(1, 10)), nil},
		{"fade out and in again", video(still(1, 12), fade(still(1, 12), 1, 0), black(3), fade(still(1, 12), 0, 1), still(1, 9)), nil},
		{"fade out, fade in of the next", video(still(1, 12), fade(still(1, 12), 1, 0), black(3), fade(still(2, 16), 0, 1), still(2, 9)), []int{43}},
		{"a dim shot that grows bright", video(still(1, 12), fade(still(2, 16), 0.3, 1), still(2, 9)), []int{12}},
		{"black at the start, then a cut", video(black(10), still(1, 12), still(2, 12)), []int{22}},
		{"three frames are a scene", video(still(1, 20), still(2, 3), still(1, 20)), []int{20, 23}},
		{"a cut soon after a cut", video(still(1, 20), still(2, 4), still(3, 20)), []int{20, 24}},
		{"slide show", video(still(1, 10), still(2, 10), still(3, 10), still(4, 10)), []int{10, 20, 30}},
	}
	formats := []media.Format{
		small,
		{Width: 161, Height: 91, Layout: media.YUV420, Depth: 10},
		{Width: 64, Height: 36, Layout: media.Gray, Depth: 8},
		{Width: 17, Height: 300, Layout: media.YUV444, Depth: 16},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			for i, f := range formats {
				if i > 0 && (testing.Short() || len(tt.want) != 1) {
					continue
				}
				if diff := cmp.Diff(tt.want, cuts(t, f, tt.video)); diff != "" {
					t.Errorf("%v: %s", f, diff)
				}
			}
		})
	}
}

// Shot, reverse shot, and the shot again: the third scene is like the first, and what is like the third is like the first, too.
func TestLike(t *testing.T) {
	d, fr, r := New(Options{}), media.NewFrame(small), rand.New(rand.NewPCG(1, 2))
	var like []uint64
	for _, p := range video(pan(1, 15, 0.2, 0), still(2, 12), still(1, 12), still(2, 12), still(3, 12), black(3), still(1, 12)) {
		before := d.Scene()
		render(fr, p, r)
		if d.Mark(fr); d.Scene() != before {
			like = append(like, d.Like())
		}
	}
	if diff := cmp.Diff([]uint64{0, 0, 1, 2, 0, 1}, like); diff != "" {
		t.Error(diff)
	}
}

// A dissolve and a wipe give one cut each, in their second half or at the frame after them.
func TestGradualTransitions(t *testing.T) {
	dissolve := video(still(1, 15), edit(still(1, 20), func(i int, p *frame) { p.other, p.mix = 2, float64(i)/19 }), still(2, 30))
	for _, f := range []media.Format{small, {Width: 17, Height: 300, Layout: media.YUV444, Depth: 16}} {
		if got := cuts(t, f, dissolve); len(got) != 1 || got[0] < 25 || got[0] > 35 {
			t.Errorf("%v: cuts at %v, want one in frames 25 to 35", f, got)
		}
	}
}

func TestFormatChangeIsACut(t *testing.T) {
	d := New(Options{})
	r := rand.New(rand.NewPCG(1, 2))
	bigger := small
	bigger.Width *= 2
	recoloured := bigger
	recoloured.Color.Matrix = media.MatrixBT709
	var got []uint64
	for _, f := range []media.Format{small, small, bigger, bigger, recoloured, small} {
		fr := media.NewFrame(f)
		render(fr, frame{shot: 1, gain: 1}, r)
		d.Mark(fr)
		got = append(got, fr.Scene)
	}
	if diff := cmp.Diff([]uint64{1, 1, 2, 2, 3, 4}, got); diff != "" {
		t.Error(diff)
	}
}

func TestOptions(t *testing.T) {
	for _, bad := range []Options{{Threshold: -0.1}, {Threshold: 1.1}} {
		if bad.Validate() == nil {
			t.Errorf("%+v is accepted", bad)
		}
	}
	if (Options{}).Validate() != nil {
		t.Error("the zero value is refused")
	}
}

func BenchmarkMark(b *testing.B) {
	f := media.Format{Width: 1920, Height: 1080, Layout: media.YUV420, Depth: 8}
	d, r := New(Options{}), rand.New(rand.NewPCG(1, 2))
	frames := [2]*media.Frame{media.NewFrame(f), media.NewFrame(f)}
	for i, fr := range frames {
		render(fr, frame{shot: 1, x: float64(i), gain: 1}, r)
	}
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		d.Mark(frames[i%2])
	}
}
