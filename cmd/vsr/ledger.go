package main

import (
	"context"
	"fmt"

	"vsr/media"
	"vsr/pipeline"
)

// ledger writes down the time stamps that pass a door, in constant memory.
type ledger struct {
	frames    int64
	last      int64
	backwards int64  // frames whose time is not after that of the frame before
	sum       uint64 // order-dependent hash of the times (FNV-1a over 64-bit words)
}

func (l *ledger) note(pts int64) {
	if l.frames == 0 {
		l.sum = 14695981039346656037
	} else if pts <= l.last {
		l.backwards++
	}
	l.frames++
	l.last = pts
	l.sum = (l.sum ^ uint64(pts)) * 1099511628211
}

// agree compares what came in with what went out.
func agree(in, out *ledger) error {
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

// counted is a sink with a ledger at its door.
type counted struct {
	pipeline.Sink
	ledger ledger
}

// Write notes the time of a frame and hands it on.
func (c *counted) Write(ctx context.Context, u media.Unit) error {
	if u.Frame != nil {
		c.ledger.note(u.Frame.PTS)
	}
	return c.Sink.Write(ctx, u)
}

// Abort drops the output, if the sink can.
func (c *counted) Abort() error {
	if a, ok := c.Sink.(pipeline.Aborter); ok {
		return a.Abort()
	}
	return c.Sink.Close()
}
