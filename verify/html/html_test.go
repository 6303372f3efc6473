package html

import (
	"bytes"
	"image"
	"image/color"
	"image/png"
	"math"
	"strings"
	"testing"

	"vsr/media"
	"vsr/verify"
)

// plain makes a frame of one colour, given in 8-bit levels.
func plain(w, h int, f media.Format, y, u, v int) *media.Frame {
	f.Width, f.Height = w, h
	fr := media.NewFrame(f)
	for p, level := range []int{y, u, v} {
		if p >= fr.Planes() {
			break
		}
		pw, ph := fr.PlaneSize(p)
		for r := range ph {
			row := fr.Row(p, r)
			for x := range pw {
				if f.Depth == 8 {
					row[x] = byte(level)
					continue
				}
				s := level << (f.Depth - 8)
				row[2*x], row[2*x+1] = byte(s), byte(s>>8)
			}
		}
	}
	return fr
}

var video = media.Format{Layout: media.YUV420, Depth: 8, Color: media.Color{Matrix: media.MatrixBT709, Range: media.RangeLimited}}

func moment(t *testing.T, title string, src, out *media.Frame, s Shown) Moment {
	t.Helper()
	m, err := NewMoment(title, src, out, s)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func testPage(t *testing.T) *Page {
	white, black := plain(32, 18, video, 235, 128, 128), plain(128, 72, video, 16, 128, 128)
	c := &Page{
		Report: &verify.Report{Source: "a.mp4", Output: "<b>.mp4", Checks: []verify.Check{
			{Name: "frames", Must: true, Detail: "5 to 4"}, {Name: "rotation", OK: true, Must: true, Detail: "0 to 0 degrees"}}},
		Facts: []Fact{{"model", "fast<x4"}}, Notes: []string{"a note"}, More: 7, Cuts: []int{0, 2},
		Sections: []Section{
			{Title: "scene 1", Span: "0:00 to 0:01", Vector: []float32{1, -2, 0}, Moments: []Moment{
				moment(t, "0:00.100", white, black, Shown{}), moment(t, "0:00.900", white, black, Shown{})}},
			{Title: "scene 2", Vector: []float32{1, -2, 0.5}, Moments: []Moment{moment(t, "0:01.5", white, black, Shown{Rotation: 90})}},
		},
	}
	for i, db := range []float64{30, 31, 29.5, 40} {
		c.Numbers = append(c.Numbers, verify.Numbers{Frame: i, Consistency: db, Change: float64(i), SourceChange: 1})
	}
	return c
}

func TestPageIsSelfContainedAndEscaped(t *testing.T) {
	var b bytes.Buffer
	if err := testPage(t).WriteHTML(&b); err != nil {
		t.Fatal(err)
	}
	s := b.String()
	for _, want := range []string{"failed: frames", "scene 1", "scene 2", "5 to 4", "&lt;b&gt;.mp4", "fast&lt;x4", "a note", "7 more scenes", ">29<", "40 dB",
		"frame 0", "0:00.900", "3 values, length 2.24", "22 % away", `class="vector"`, "72 / 128", "data:image/jpeg;base64,"} {
		if !strings.Contains(s, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
	for _, never := range []string{"http://", "https://", "<b>.mp4", "ZgotmplZ", "NaN", "against the reference"} {
		if strings.Contains(s, never) {
			t.Errorf("the page contains %q", never)
		}
	}
	if n := strings.Count(s, "<polyline"); n != 3 {
		t.Errorf("%d lines are drawn, want 3", n)
	}
	if n := strings.Count(s, `<line class="cut"`); n != 2 {
		t.Errorf("%d cuts are drawn, want 2", n)
	}
}

// With a reference there is a plot of its own for each of the two numbers, and none without.
func TestPlotsOfTheReference(t *testing.T) {
	c := testPage(t)
	for _, want := range []int{2, 3, 4} {
		got := c.plots()
		if len(got) != want {
			t.Errorf("%d plots, want %d", len(got), want)
		}
		if p := got[len(got)-1]; want == 4 && (p.Bottom != "60" || p.Top != "94 " || p.Keys[0].Text != "VMAF") {
			t.Errorf("VMAF from %s to %s, %v", p.Bottom, p.Top, p.Keys)
		}
		for i := range c.Numbers {
			if c.Numbers[i].PSNR > 0 {
				c.Numbers[i].VMAF = []float64{93.5, 60.2, 70, 80}[i]
			}
			c.Numbers[i].PSNR = 30
		}
	}
}

// Ten thousand frames with a dip in one: the plot keeps the dip.
func TestPlotKeepsTheWorstFrame(t *testing.T) {
	c := &Page{Numbers: make([]verify.Numbers, 10000)}
	for i := range c.Numbers {
		c.Numbers[i].Consistency = 40
	}
	c.Numbers[7777].Consistency = 12
	p := c.plots()[0]
	if p.Bottom != "12" || !strings.Contains(string(p.Lines), ",160.0 ") || strings.Count(string(p.Lines), ",") > 1100 {
		t.Errorf("bottom %s, %d points", p.Bottom, strings.Count(string(p.Lines), ","))
	}
}

// The leap at a cut is not what a plot of changes is scaled by.
func TestPlotIsNotScaledByCuts(t *testing.T) {
	c := &Page{Numbers: make([]verify.Numbers, 3000), Cuts: []int{0, 1234}}
	for i := range c.Numbers {
		c.Numbers[i].Change = 3
	}
	c.Numbers[1234].Change = 90
	if p := c.plots()[1]; p.Top != "3 levels" {
		t.Errorf("the top is %s", p.Top)
	}
	c.Numbers[2000].Change = 50
	if p := c.plots()[1]; p.Top != "50 levels" {
		t.Errorf("a leap outside of cuts: the top is %s", p.Top)
	}
}

func TestStrip(t *testing.T) {
	var b bytes.Buffer
	if err := testPage(t).WriteStrip(&b); err != nil {
		t.Fatal(err)
	}
	m, err := png.Decode(&b)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := m.Bounds().Size(), image.Pt(2*480+4, 2*270+4); got != want {
		t.Fatalf("strip of %v, want %v", got, want)
	}
	left, _, _, _ := m.At(100, 100).RGBA()
	right, _, _, _ := m.At(600, 100).RGBA()
	if left != 0xffff || right != 0 {
		t.Errorf("left %x, right %x; want the source left and the output right", left, right)
	}
	if (&Page{}).WriteStrip(&b) == nil {
		t.Error("an empty strip is no error")
	}
}

// Pure red in each matrix, range and depth is red (H.273 equations 38 to 43, rounded to whole levels).
func TestImageColours(t *testing.T) {
	for name, c := range map[string]struct {
		f       media.Format
		y, u, v int
	}{
		"709 limited": {video, 63, 102, 240},
		"601 full":    {media.Format{Layout: media.YUV444, Depth: 8, Color: media.Color{Matrix: media.MatrixSMPTE170M, Range: media.RangeFull}}, 76, 85, 255},
		"2020 10-bit": {media.Format{Layout: media.YUV422, Depth: 10, Color: media.Color{Matrix: media.MatrixBT2020NCL, Range: media.RangeLimited}}, 74, 97, 240},
	} {
		r, g, b, _ := Image(plain(4, 4, c.f, c.y, c.u, c.v), 0).At(2, 2).RGBA()
		if math.Abs(float64(r>>8)-255) > 3 || g>>8 > 3 || b>>8 > 3 {
			t.Errorf("%s: red became %d %d %d", name, r>>8, g>>8, b>>8)
		}
	}
	gray := media.Format{Layout: media.Gray, Depth: 8, Color: media.Color{Range: media.RangeFull}}
	if got := Image(plain(2, 2, gray, 77, 0, 0), 0).At(1, 1); got != (color.RGBA{77, 77, 77, 255}) {
		t.Errorf("gray 77 became %v", got)
	}
}

func TestImageTurns(t *testing.T) {
	f := plain(4, 2, media.Format{Layout: media.Gray, Depth: 8, Color: media.Color{Range: media.RangeFull}}, 0, 0, 0)
	f.Row(0, 0)[0] = 255 // top left
	for degrees, want := range map[int]image.Point{0: {0, 0}, 90: {1, 0}, 180: {3, 1}, 270: {0, 3}, -90: {0, 3}} {
		m := Image(f, degrees)
		if r, _, _, _ := m.At(want.X, want.Y).RGBA(); r != 0xffff {
			t.Errorf("turned by %d: the top left corner is not at %v of %v", degrees, want, m.Rect)
		}
	}
}

func TestMomentIsShownInItsAspect(t *testing.T) {
	src, out := plain(8, 8, video, 16, 128, 128), plain(16, 16, video, 16, 128, 128)
	for _, c := range []struct {
		s    Shown
		w, h int
	}{{Shown{}, 16, 16}, {Shown{Aspect: media.Rational{Num: 2, Den: 1}}, 32, 16}, {Shown{Rotation: 90, Aspect: media.Rational{Num: 2, Den: 1}}, 16, 32}} {
		if m := moment(t, "x", src, out, c.s); m.width != c.w || m.height != c.h {
			t.Errorf("%+v: shown as %dx%d, want %dx%d", c.s, m.width, m.height, c.w, c.h)
		}
	}
}

func TestClockText(t *testing.T) {
	for seconds, want := range map[float64]string{0: "0:00.000", 61.5: "1:01.500", 3725.25: "1:02:05.250", -0.5: "-0:00.500"} {
		if got := Clock(seconds); got != want {
			t.Errorf("%g: %s, want %s", seconds, got, want)
		}
	}
}
