package html

import (
	"fmt"

	"vsr/media"
	"vsr/verify"
)

// Scene is one scene of the source: Frames frames from First on.
type Scene struct {
	Index  uint64    `json:"index"`
	First  int       `json:"first_frame"`
	Frames int       `json:"frames"`
	Vector []float32 `json:"idr,omitempty"` // degradation vector, nil if unknown
	// Degradation is the vector in words, empty if unknown.
	Degradation string `json:"degradation,omitempty"`
}

// Pair is a source frame and its output, with what their files say. A Gallery keeps none of the frames.
type Pair struct {
	Source, Output         *media.Frame
	SourceInfo, OutputInfo *media.Info
}

// maxMoments bounds the images on a page, two for each moment.
const maxMoments = 24

// Gallery takes images at chosen frames while a comparison runs.
type Gallery struct {
	scenes  []Scene
	shown   []int       // indices into scenes
	wanted  map[int]int // frame to index into shown
	moments [][]Moment
	numbers []verify.Numbers
	info    *Pair    // descriptions only
	worst   struct { // a copy of the pair that fits least
		numbers  verify.Numbers
		src, out *media.Frame
	}
	err error
}

// NewGallery shows at most so many of the scenes, spread over the video.
func NewGallery(scenes []Scene, most int) *Gallery {
	g := &Gallery{scenes: scenes, wanted: map[int]int{}}
	n := min(len(scenes), most)
	each := min(max(maxMoments/max(n, 1), 1), 3)
	for i := range n {
		at := i
		if n < len(scenes) {
			at = (2*i + 1) * len(scenes) / (2 * n)
		}
		s := scenes[at]
		g.shown = append(g.shown, at)
		m := min(each, s.Frames)
		for k := range m {
			g.wanted[s.First+(2*k+1)*s.Frames/(2*m)] = i
		}
	}
	g.moments = make([][]Moment, n)
	return g
}

// Add takes the next pair of frames with its numbers.
func (g *Gallery) Add(n verify.Numbers, p Pair) {
	g.numbers = append(g.numbers, n)
	if g.info == nil {
		g.info = &Pair{SourceInfo: p.SourceInfo, OutputInfo: p.OutputInfo}
	}
	if g.worst.src == nil || n.Consistency < g.worst.numbers.Consistency {
		g.worst.numbers = n
		g.worst.src, g.worst.out = duplicate(g.worst.src, p.Source), duplicate(g.worst.out, p.Output)
	}
	i, ok := g.wanted[n.Frame]
	if !ok || g.err != nil {
		return
	}
	m, err := g.moment(n, p.Source, p.Output)
	g.moments[i], g.err = append(g.moments[i], m), err
}

// Numbers are those of every frame so far.
func (g *Gallery) Numbers() []verify.Numbers { return g.numbers }

func (g *Gallery) moment(n verify.Numbers, src, out *media.Frame) (Moment, error) {
	at := Clock(float64(n.PTS) * g.info.SourceInfo.VideoTrack().TimeBase.Float())
	return NewMoment(fmt.Sprintf("%s, frame %d, %.1f dB", at, n.Frame, n.Consistency), src, out,
		Shown{Rotation: g.info.OutputInfo.Rotation, Aspect: g.info.OutputInfo.SampleAspect})
}

// duplicate copies a frame into to if that fits, else into new memory.
func duplicate(to, from *media.Frame) *media.Frame {
	if to == nil || to.Format != from.Format {
		to = media.NewFrame(from.Format)
	}
	for p := range from.Planes() {
		_, h := from.PlaneSize(p)
		for y := range h {
			copy(to.Row(p, y), from.Row(p, y))
		}
	}
	return to
}

// Page puts everything onto a page. run are facts about the run that made the output, nil if nothing is known of it. The error is
// that of an image which could not be compressed.
func (g *Gallery) Page(r *verify.Report, run []Fact) (*Page, error) {
	for i := range min(len(r.VMAF), len(g.numbers)) {
		g.numbers[i].VMAF = r.VMAF[i]
	}
	p := &Page{Report: r, Numbers: g.numbers, More: len(g.scenes) - len(g.shown), Facts: append(g.facts(r), run...)}
	for _, s := range g.scenes {
		p.Cuts = append(p.Cuts, s.First)
	}
	for i, at := range g.shown {
		s := g.scenes[at]
		p.Sections = append(p.Sections, Section{Title: fmt.Sprintf("Scene %d", s.Index), Span: g.span(s), Moments: g.moments[i], Vector: s.Vector, Degradation: s.Degradation})
	}
	if g.info != nil {
		if m, err := g.moment(g.worst.numbers, g.worst.src, g.worst.out); err == nil {
			p.Sections = append(p.Sections, Section{Title: "The frame that differs most", Span: "reduced to the source's size", Moments: []Moment{m}})
		}
		if t := g.info.OutputInfo.Format.Color.Transfer; t == media.TransferPQ || t == media.TransferHLG {
			p.Notes = append(p.Notes, "The video is HDR. Its code values are shown as they are, without tone mapping, so the images look flat.")
		}
	}
	if run == nil {
		p.Notes = append(p.Notes, "The run's report was not found, so the degradation vectors are unknown: `vsr run --report OUT.json` keeps them.")
	}
	return p, g.err
}

func (g *Gallery) span(s Scene) string {
	last := min(s.First+s.Frames, len(g.numbers)) - 1
	if g.info == nil || last < s.First {
		return fmt.Sprintf("%d frames", s.Frames)
	}
	tick := g.info.SourceInfo.VideoTrack().TimeBase.Float()
	return fmt.Sprintf("%s to %s, %d frames", Clock(float64(g.numbers[s.First].PTS)*tick), Clock(float64(g.numbers[last].PTS)*tick), s.Frames)
}

func (g *Gallery) facts(r *verify.Report) []Fact {
	var list []Fact
	add := func(name, format string, args ...any) {
		list = append(list, Fact{Name: name, Value: fmt.Sprintf(format, args...)})
	}
	if g.info != nil {
		a, b := g.info.SourceInfo.Format, g.info.OutputInfo.Format
		add("size", "%dx%d to %dx%d", a.Width, a.Height, b.Width, b.Height)
	}
	add("frames", "%d", len(g.numbers))
	add("scenes", "%d", len(g.scenes))
	if p := r.FrameQuality; p != nil && p.Frames > 0 {
		add("against the source", "%.2f dB, lowest %.2f", p.ConsistencyDB, p.WorstDB)
		add("flicker", "%.2f levels, source %.2f", p.Flicker, p.SourceFlicker)
		if p.PSNR > 0 {
			add("against the reference", "%.2f dB, SSIM %.4f", p.PSNR, p.SSIM)
		}
		if r.VMAF != nil {
			add("VMAF", "%.2f, lowest %.2f", p.VMAF, p.WorstVMAF)
		}
	}
	return list
}

// Clock writes seconds as m:ss.mmm or h:mm:ss.mmm.
func Clock(seconds float64) string { return verify.Clock(seconds) }
