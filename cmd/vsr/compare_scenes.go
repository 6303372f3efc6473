package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"vsr/decode"
	"vsr/media"
	"vsr/pipeline"
	"vsr/scene"
	"vsr/verify"
	"vsr/verify/card"
)

// scenePart is one scene of a comparison.
type scenePart struct {
	Index  uint64    `json:"index"`
	First  int       `json:"first_frame"`
	Frames int       `json:"frames"`
	Vector []float32 `json:"idr,omitempty"`
}

// scenesOf takes the scenes from the run's report, or finds them in the source.
func (a *app) scenesOf(ctx context.Context, r *compareRequest, run *report) ([]scenePart, error) {
	if run != nil {
		return reportedScenes(run), nil
	}
	src, err := decode.Open(ctx, r.src, r.sourceOptions(a))
	if err != nil {
		return nil, openFault(err)
	}
	defer src.Close()
	detector := scene.New(scene.Options{})
	var list []scenePart
	for n := 0; ; {
		u, err := src.Next(ctx)
		switch {
		case errors.Is(err, io.EOF):
			return list, nil
		case errors.Is(err, media.ErrFormatChanged):
			continue
		case errors.Is(err, context.Canceled):
			return nil, err
		case err != nil:
			return nil, fault{code: exitInput, err: err}
		case u.Frame == nil:
			continue
		}
		detector.Mark(u.Frame)
		if len(list) == 0 || list[len(list)-1].Index != u.Frame.Scene {
			list = append(list, scenePart{Index: u.Frame.Scene, First: n})
		}
		list[len(list)-1].Frames++
		u.Release()
		n++
	}
}

// reportedScenes are those of a run's report.
func reportedScenes(run *report) []scenePart {
	var list []scenePart
	for i, s := range run.Scenes {
		end := run.Frames.Out
		if i+1 < len(run.Scenes) {
			end = min(end, run.Scenes[i+1].FirstFrame)
		}
		if s.FirstFrame < 0 || end <= s.FirstFrame {
			continue
		}
		list = append(list, scenePart{Index: s.Index, First: int(s.FirstFrame), Frames: int(end - s.FirstFrame), Vector: s.Vector})
	}
	return list
}

// framePair is a source frame and its output, with what their files say.
type framePair struct {
	src, out         *media.Frame
	srcInfo, outInfo *media.Info
}

// maxMoments bounds the pictures on a page, two for each moment.
const maxMoments = 24

// gallery takes pictures at chosen frames while the comparison runs.
type gallery struct {
	scenes  []scenePart
	shown   []int       // indices into scenes
	wanted  map[int]int // frame to index into shown
	moments [][]card.Moment
	numbers []verify.Numbers
	info    *framePair // descriptions only
	worst   struct {   // a copy of the pair that fits least
		numbers  verify.Numbers
		src, out *media.Frame
	}
	err error
}

func newGallery(scenes []scenePart, most int) *gallery {
	g := &gallery{scenes: scenes, wanted: map[int]int{}}
	n := min(len(scenes), most)
	each := min(max(maxMoments/max(n, 1), 1), 3)
	for i := range n {
		at := i
		if n < len(scenes) {
			at = (2*i + 1) * len(scenes) / (2 * n)
		}
		s := scenes[at]
		g.shown = append(g.shown, at)
		for k := range min(each, s.Frames) {
			m := min(each, s.Frames)
			g.wanted[s.First+(2*k+1)*s.Frames/(2*m)] = i
		}
	}
	g.moments = make([][]card.Moment, n)
	return g
}

// see is called with every pair of frames.
func (g *gallery) see(n verify.Numbers, p framePair) {
	g.numbers = append(g.numbers, n)
	if g.info == nil {
		g.info = &framePair{srcInfo: p.srcInfo, outInfo: p.outInfo}
	}
	if g.worst.src == nil || n.Consistency < g.worst.numbers.Consistency {
		g.worst.numbers = n
		g.worst.src, g.worst.out = duplicate(g.worst.src, p.src), duplicate(g.worst.out, p.out)
	}
	i, ok := g.wanted[n.Frame]
	if !ok || g.err != nil {
		return
	}
	m, err := g.moment(n, p.src, p.out)
	g.moments[i], g.err = append(g.moments[i], m), err
}

func (g *gallery) moment(n verify.Numbers, src, out *media.Frame) (card.Moment, error) {
	at := clock(float64(n.PTS) * g.info.srcInfo.VideoTrack().TimeBase.Float())
	return card.NewMoment(fmt.Sprintf("%s, frame %d, %.1f dB", at, n.Frame, n.Consistency), src, out,
		card.Shown{Rotation: g.info.outInfo.Rotation, Aspect: g.info.outInfo.SampleAspect})
}

// duplicate copies a picture into to if that fits, else into new memory.
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

// card puts everything onto the page.
func (g *gallery) card(r *verify.Report, run *report) *card.Card {
	c := &card.Card{Report: r, Numbers: g.numbers, More: len(g.scenes) - len(g.shown)}
	for _, s := range g.scenes {
		c.Cuts = append(c.Cuts, s.First)
	}
	for i, at := range g.shown {
		s := g.scenes[at]
		c.Scenes = append(c.Scenes, card.Scene{Title: fmt.Sprintf("Scene %d", s.Index), Span: g.span(s), Moments: g.moments[i], Vector: s.Vector})
	}
	if g.info != nil {
		if m, err := g.moment(g.worst.numbers, g.worst.src, g.worst.out); err == nil {
			c.Scenes = append(c.Scenes, card.Scene{Title: "The frame that differs most", Span: "reduced to the source's size", Moments: []card.Moment{m}})
		}
		if t := g.info.outInfo.Format.Color.Transfer; t == media.TransferPQ || t == media.TransferHLG {
			c.Notes = append(c.Notes, "The video is HDR. Its code values are shown as they are, without tone mapping, so the pictures look flat.")
		}
	}
	c.Facts = g.facts(r, run)
	if run == nil {
		c.Notes = append(c.Notes, "The run's report was not found, so the degradation vectors are unknown: `vsr run --report OUT.json` keeps them.")
	}
	return c
}

func (g *gallery) span(s scenePart) string {
	last := min(s.First+s.Frames, len(g.numbers)) - 1
	if g.info == nil || last < s.First {
		return fmt.Sprintf("%d frames", s.Frames)
	}
	tick := g.info.srcInfo.VideoTrack().TimeBase.Float()
	return fmt.Sprintf("%s to %s, %d frames", clock(float64(g.numbers[s.First].PTS)*tick), clock(float64(g.numbers[last].PTS)*tick), s.Frames)
}

func (g *gallery) facts(r *verify.Report, run *report) []card.Fact {
	var list []card.Fact
	add := func(name, format string, args ...any) {
		list = append(list, card.Fact{Name: name, Value: fmt.Sprintf(format, args...)})
	}
	if g.info != nil {
		a, b := g.info.srcInfo.Format, g.info.outInfo.Format
		add("size", "%dx%d to %dx%d", a.Width, a.Height, b.Width, b.Height)
	}
	add("frames", "%d", len(g.numbers))
	add("scenes", "%d", len(g.scenes))
	if p := r.Picture; p != nil && p.Frames > 0 {
		add("against the source", "%.2f dB, lowest %.2f", p.ConsistencyDB, p.WorstDB)
		add("flicker", "%.2f levels, source %.2f", p.Flicker, p.SourceFlicker)
		if p.PSNR > 0 {
			add("against the reference", "%.2f dB, SSIM %.4f", p.PSNR, p.SSIM)
		}
		if r.VMAF != nil {
			add("VMAF", "%.2f, lowest %.2f", p.VMAF, p.WorstVMAF)
		}
	}
	if run != nil {
		add("model", "%s", run.Model.Name)
		add("device", "%s", run.Device)
		add("speed", "%.1f frames/s", run.FPS)
		add("vsr", "%s", run.Version)
	}
	return list
}

// clock writes seconds as m:ss.mmm or h:mm:ss.mmm.
func clock(seconds float64) string {
	sign := ""
	if seconds < 0 {
		sign, seconds = "-", -seconds
	}
	ms := int64(seconds*1000 + 0.5)
	h, m, s := ms/3600000, ms/60000%60, ms/1000%60
	if h > 0 {
		return fmt.Sprintf("%s%d:%02d:%02d.%03d", sign, h, m, s, ms%1000)
	}
	return fmt.Sprintf("%s%d:%02d.%03d", sign, m, s, ms%1000)
}

// quiet shows a bar on a terminal and nothing elsewhere.
type quiet struct {
	progress
	began time.Time
}

func (a *app) quietProgress(scenes []scenePart) *quiet {
	kind, total := progressNone, 0
	if isTerminal(a.stderr) {
		kind = progressBar
	}
	for _, s := range scenes {
		total += s.Frames
	}
	return &quiet{a.newProgress(kind, int64(total), func() uint64 { return 0 }), time.Now()}
}

// step tells how many frames are done.
func (q *quiet) step(frames int) {
	q.update(pipeline.Stats{Rooms: []pipeline.RoomStats{{FramesOut: int64(frames)}}, Elapsed: time.Since(q.began)})
}
