package upscale

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync/atomic"

	"vsr/media"
	"vsr/pipeline"
)

// audit records the time stamps that pass one place, in constant memory.
type audit struct {
	frames    int64
	last      int64
	backwards int64  // frames whose time is not after that of the frame before
	sum       uint64 // order-dependent hash of the times (FNV-1a over 64-bit words)
}

func (a *audit) add(pts int64) {
	if a.frames == 0 {
		a.sum = 14695981039346656037
	} else if pts <= a.last {
		a.backwards++
	}
	a.frames++
	a.last = pts
	a.sum = (a.sum ^ uint64(pts)) * 1099511628211
}

// agree compares what came in with what went out.
func agree(in, out *audit) error {
	switch {
	case in.frames != out.frames:
		return fmt.Errorf("%d frames came in and %d went out", in.frames, out.frames)
	case out.backwards > 0:
		return fmt.Errorf("%d frames go back in time", out.backwards)
	case in.sum != out.sum:
		return fmt.Errorf("the time stamps of the output are not those of the input")
	}
	return nil
}

// auditedSink records the times of the frames that a sink takes, and blames its errors on the output.
type auditedSink struct {
	pipeline.Sink
	audit   audit
	frames  *atomic.Int64 // counts what the sink has taken; nil does not
	closing atomic.Bool   // all frames are there, and the sink is ending
}

// Write records the time of a frame and passes it on.
func (s *auditedSink) Write(ctx context.Context, u media.Unit) error {
	frame := u.Frame != nil
	if frame {
		s.audit.add(u.Frame.PTS)
	}
	err := s.Sink.Write(ctx, u)
	if frame && s.frames != nil {
		s.frames.Add(1)
	}
	return outputError(err)
}

// Close publishes the output.
func (s *auditedSink) Close() error {
	s.closing.Store(true)
	return outputError(s.Sink.Close())
}

// Interrupt makes Close give up, if the sink can.
func (s *auditedSink) Interrupt() {
	if i, ok := s.Sink.(pipeline.Interrupter); ok {
		i.Interrupt()
	}
}

// Abort drops the output, if the sink can.
func (s *auditedSink) Abort() error {
	if a, ok := s.Sink.(pipeline.Aborter); ok {
		return a.Abort()
	}
	return s.Sink.Close()
}

// inputSource blames the errors of a source on the input, and knows whether it was read to its end.
type inputSource struct {
	pipeline.Source
	ended *atomic.Bool // nil does not ask
}

// Next returns the source's next unit.
func (s inputSource) Next(ctx context.Context) (media.Unit, error) {
	u, err := s.Source.Next(ctx)
	if s.ended != nil && errors.Is(err, io.EOF) {
		s.ended.Store(true)
	}
	return u, inputError(err)
}
