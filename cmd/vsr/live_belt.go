package main

import (
	"context"
	"fmt"
	"slices"
	"time"

	"vsr/decode"
	"vsr/encode"
	"vsr/live"
	"vsr/media"
	"vsr/models"
	"vsr/pipeline"
	"vsr/scene"
	"vsr/sr"
	"vsr/sr/ladder"
)

// belt runs from a source to the viewers until the source ends. It owns src.
func (s *studio) belt(ctx context.Context, src liveSource) error {
	f, info, err := src.first(ctx)
	if err != nil {
		src.Close()
		return err
	}
	large := info
	large.Format = s.outputFormat(f.Format)
	l, err := s.rungs(ctx, f, large.Format, info.FrameRate)
	if err != nil {
		src.Close()
		return err
	}
	defer l.Close()
	sink, err := s.openSink(&large)
	if err != nil {
		src.Close()
		return err
	}
	s.adopt(l, sink)
	defer s.adopt(nil, nil)
	s.numbers.begin(f.Format, large.Format)
	s.log.Info("live", "room", "live", "in", f.Format, "out", large.Format)
	detector := scene.New(scene.Options{})
	steps := []pipeline.Step{
		{Name: roomScene, Stage: pipeline.Video(func(_ context.Context, f *media.Frame) (*media.Frame, error) {
			s.numbers.in.tick()
			s.metrics.frame("decoded")
			detector.Mark(f)
			return f, nil
		}), Queue: pipeline.Queue{Depth: 1}},
		{Name: roomUpscale, Stage: pipeline.Video(s.enhanceStage(l)), Queue: pipeline.Queue{Depth: 1, Policy: pipeline.DropOldest}},
	}
	superseded := int64(0)
	_, err = pipeline.Run(ctx, src, steps, &agedSink{Sink: sink, studio: s}, pipeline.Options{Depth: 1, AcceptFormatChange: true,
		SourceName: roomDecode, SinkName: roomEncode, Logger: s.log, Progress: func(st pipeline.Stats) {
			for n := st.Dropped(); superseded < n; superseded++ {
				l.Superseded()
				s.numbers.superseded.Add(1)
			}
			s.numbers.stages(st)
		}})
	return err
}

// The degradation is estimated again every ten seconds at 30 fps, and new kernels take half a second to come in.
const liveRefresh, liveFade = 300, 15

// enhanceStage runs the ladder and counts what it drops.
func (s *studio) enhanceStage(l *ladder.Ladder) func(context.Context, *media.Frame) (*media.Frame, error) {
	return func(ctx context.Context, f *media.Frame) (*media.Frame, error) {
		begin := time.Now()
		out, err := l.Process(ctx, f, f.Captured)
		if err == nil && out == nil {
			s.numbers.deadline.Add(1)
		}
		if out != nil {
			s.metrics.frame("enhanced")
			s.metrics.stage.WithLabelValues(roomUpscale).Observe(time.Since(begin).Seconds())
		}
		return out, err
	}
}

// outputFormat is the size that viewers get, even as the encoders want it.
func (s *studio) outputFormat(f media.Format) media.Format {
	g := f.Scaled(s.c.Scale)
	g.Width, g.Height, g.Layout, g.Depth, g.Alpha = (g.Width+1)&^1, (g.Height+1)&^1, media.YUV420, 8, false
	return g
}

// openLadder makes and measures the rungs for frames like f.
func (s *studio) openLadder(ctx context.Context, f *media.Frame, to media.Format, rate media.Rational) (*ladder.Ladder, error) {
	var rungs []ladder.Rung
	fail := func(err error) (*ladder.Ladder, error) {
		for _, r := range rungs {
			if r.Close != nil {
				r.Close()
			}
		}
		return nil, err
	}
	for _, c := range s.candidates() {
		e, err := openEngine(engineOptions{c.model, s.c.Device, float64(s.c.Scale), s.c.Threads, "auto", s.log})
		if err != nil {
			return fail(err)
		}
		if e.Notice != "" {
			s.log.Warn(e.Notice, "room", "sr")
		}
		u, err := sr.New(e, sr.Options{Frames: 4, Refresh: liveRefresh, Drift: 0.05, Fade: liveFade})
		if err != nil {
			e.Close()
			return fail(err)
		}
		name := c.model
		if c.reduce > 1 {
			name = fmt.Sprintf("%s at 1/%g", c.model, c.reduce)
		}
		rungs = append(rungs, ladder.Network(name, u, f.Format, to, c.reduce))
	}
	rungs = append(rungs, ladder.Plain(to))
	if err := ladder.Measure(ctx, rungs, f, 60*time.Millisecond); err != nil {
		return fail(err)
	}
	for _, r := range rungs {
		s.log.Info("rung", "room", "sr", "name", r.Name, "ms", float64(r.Cost.Microseconds())/1000)
	}
	o := ladder.Options{MaxLatency: s.c.MaxLatency, Logger: s.log, OnChange: func(ladder.Rung) { s.metrics.changes.Inc() }}
	if rate.Num > 0 && rate.Den > 0 {
		o.Interval = time.Duration(float64(time.Second) / rate.Float())
	}
	l, err := ladder.New(rungs, o)
	if err != nil {
		return fail(err)
	}
	return l, nil
}

type candidate struct {
	model  string
	reduce float64
}

// candidates lists the networks of the ladder, best first. A named model is the only one, above plain resampling.
func (s *studio) candidates() []candidate {
	if s.c.Model != "auto" && s.c.Model != "" {
		return []candidate{{s.c.Model, 1}}
	}
	var out []candidate
	names := models.Names()
	for _, size := range []string{"fast", "nano"} {
		if name := fmt.Sprintf("%s-x%d", size, s.c.Scale); slices.Contains(names, name) {
			out = append(out, candidate{name, 1})
		}
	}
	if n := len(out); n > 0 {
		out = append(out, candidate{out[n-1].model, 1.5}, candidate{out[n-1].model, 2})
	}
	return out
}

func (s *studio) openSink(info *media.Info) (*encode.Sink, error) {
	writers := []encode.PacketWriter{&broadcaster{to: s.server.Broadcast(), metrics: s.metrics, times: &s.times}}
	if s.c.Record != "" {
		file, err := encode.NewFile(s.recording(), encode.FileOptions{Growing: true, Logger: s.log})
		if err != nil {
			return nil, err
		}
		writers = append(writers, file)
	}
	info.Tracks = []media.Track{*info.VideoTrack()}
	info.Tracks[0].Index, info.Video, info.Chapters = 0, 0, nil
	o := encode.Options{Codec: "vp8", ZeroLatency: true, BitRate: s.c.BitRate, KeyframeSeconds: 4, Threads: 1, Logger: s.log}
	if s.codec() == "h264" {
		o.Codec, o.Preset, o.FFmpeg = "x264", "superfast", map[string]string{"profile": "baseline"}
	}
	return encode.Create(info, o, writers...)
}

// broadcaster hands the encoder's packets to the viewers.
type broadcaster struct {
	to      *live.Broadcast
	base    media.Rational
	metrics *liveMetrics
	times   *rtpTime
}

// Start implements encode.PacketWriter.
func (b *broadcaster) Start(info *media.Info) error {
	b.base = info.VideoTrack().TimeBase
	b.times.restart()
	return nil
}

// WritePacket implements encode.PacketWriter.
func (b *broadcaster) WritePacket(p *media.Packet) error {
	t := float64(p.PTS) * b.base.Float() * float64(decode.FeedTimeBase.Den)
	b.metrics.frame("sent")
	return b.to.Write(p.Data, b.times.at(int64(t), time.Now()), p.Key)
}

// Close implements encode.PacketWriter.
func (b *broadcaster) Close() error { return nil }

// rtpTime makes the times of one belt after the other into one clock that never runs backwards, since viewers stay connected
// when a source is lost and comes back.
type rtpTime struct {
	offset, last int64 // ticks of decode.FeedTimeBase
	written      time.Time
	fresh        bool
}

// restart says that the next time belongs to a new belt.
func (r *rtpTime) restart() { r.fresh = true }

// at is the RTP time of a picture at t ticks of its belt, written now.
func (r *rtpTime) at(t int64, now time.Time) uint32 {
	if r.fresh && !r.written.IsZero() {
		gap := int64(now.Sub(r.written).Seconds() * float64(decode.FeedTimeBase.Den))
		r.offset = r.last + max(gap, 1) - t
	}
	r.fresh, r.last, r.written = false, t+r.offset, now
	return uint32(r.last)
}

// agedSink measures how old each frame is when it has been encoded.
type agedSink struct {
	*encode.Sink
	studio *studio
}

// Write implements pipeline.Sink.
func (a *agedSink) Write(ctx context.Context, u media.Unit) error {
	captured, isFrame := time.Time{}, u.Frame != nil
	if isFrame {
		captured = u.Frame.Captured
	}
	begin := time.Now()
	err := a.Sink.Write(ctx, u)
	if err == nil && isFrame {
		a.studio.metrics.stage.WithLabelValues(roomEncode).Observe(time.Since(begin).Seconds())
		a.studio.numbers.encoded(time.Since(captured))
		a.studio.metrics.frame("encoded")
		a.studio.metrics.age.Observe(time.Since(captured).Seconds())
	}
	return err
}
