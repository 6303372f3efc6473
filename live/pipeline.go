package live

import (
	"context"
	"time"

	"vsr/decode"
	"vsr/live/webrtc"
	"vsr/media"
	"vsr/pipeline"
	"vsr/scene"
	"vsr/sr/adaptive"
)

// The stages of the pipeline, as metrics and /status name them.
const (
	stageDecode  = "decode"
	stageScene   = "scene"
	stageUpscale = "sr"
	stageEncode  = "encode"
)

// stream runs the pipeline from a source to the viewers until the source ends. It owns src.
func (s *Session) stream(ctx context.Context, src source) error {
	f, info, err := src.first(ctx)
	if err != nil {
		src.Close()
		return err
	}
	large := info
	u, err := s.makeLevels(ctx, f, &large)
	if err != nil {
		src.Close()
		return err
	}
	defer u.Close()
	enc, err := s.openEncoders(&large)
	if err != nil {
		src.Close()
		return err
	}
	s.adopt(u, enc)
	defer s.adopt(nil, nil)
	s.numbers.begin(f.Format, large.Format)
	s.log.Info("live", "stage", "live", "in", f.Format, "out", large.Format)
	detector := scene.New(scene.Options{})
	steps := []pipeline.Step{
		{Name: stageScene, Stage: pipeline.Video(func(_ context.Context, f *media.Frame) (*media.Frame, error) {
			s.numbers.in.tick()
			s.metrics.frame("decoded")
			detector.Mark(f)
			return f, nil
		}), Queue: pipeline.Queue{Depth: 1}},
		{Name: stageUpscale, Stage: pipeline.Video(s.enhanceStage(u)), Queue: pipeline.Queue{Depth: 1, Policy: pipeline.DropOldest}},
	}
	superseded := int64(0)
	_, err = pipeline.Run(ctx, src, steps, enc, pipeline.Options{Depth: 1, AcceptFormatChange: true,
		SourceName: stageDecode, SinkName: stageEncode, Logger: s.log, Progress: func(st pipeline.Stats) {
			for n := st.Dropped(); superseded < n; superseded++ {
				u.Superseded()
				s.numbers.superseded.Add(1)
			}
			s.numbers.stages(st)
		}})
	return err
}

// enhanceStage runs the upscaler and counts what it drops.
func (s *Session) enhanceStage(u *adaptive.Upscaler) func(context.Context, *media.Frame) (*media.Frame, error) {
	return func(ctx context.Context, f *media.Frame) (*media.Frame, error) {
		begin := time.Now()
		out, err := u.Process(ctx, f, f.Captured)
		if err == nil && out == nil {
			s.numbers.deadline.Add(1)
		}
		if out != nil {
			s.metrics.frame("enhanced")
			s.metrics.stage.WithLabelValues(stageUpscale).Observe(time.Since(begin).Seconds())
		}
		return out, err
	}
}

// broadcaster hands an encoder's packets to the viewers of its codec.
type broadcaster struct {
	codec   string
	to      *webrtc.Broadcast
	base    media.Rational
	video   int
	metrics *metrics
	times   *rtpTime
	audio   bool // goes to the viewers from here; a publisher's goes by itself
}

// Start implements encode.PacketWriter.
func (b *broadcaster) Start(info *media.Info) error {
	b.base, b.video = info.VideoTrack().TimeBase, info.Video
	b.times.restart()
	if b.audio && len(info.Tracks) > 1 {
		b.to.RestartAudio()
	}
	return nil
}

// WritePacket implements encode.PacketWriter.
func (b *broadcaster) WritePacket(p *media.Packet) error {
	if p.Track != b.video {
		if b.audio {
			b.to.WriteAudio(p.Data, uint32(p.PTS))
		}
		return nil
	}
	t := float64(p.PTS) * b.base.Float() * float64(decode.FeedTimeBase.Den)
	b.metrics.frame("sent")
	return b.to.Write(b.codec, p.Data, b.times.at(int64(t), time.Now()), p.Key)
}

// Close implements encode.PacketWriter.
func (b *broadcaster) Close() error { return nil }

// rtpTime makes the times of one pipeline after the other into one clock that never runs backwards, since viewers stay connected
// when a source is lost and comes back.
type rtpTime struct {
	offset, last int64 // ticks of decode.FeedTimeBase
	written      time.Time
	fresh        bool
}

// restart says that the next time belongs to a new pipeline.
func (r *rtpTime) restart() { r.fresh = true }

// at is the RTP time of a frame at t ticks of its pipeline, written now.
func (r *rtpTime) at(t int64, now time.Time) uint32 {
	if r.fresh && !r.written.IsZero() {
		gap := int64(now.Sub(r.written).Seconds() * float64(decode.FeedTimeBase.Den))
		r.offset = r.last + max(gap, 1) - t
	}
	r.fresh, r.last, r.written = false, t+r.offset, now
	return uint32(r.last)
}
