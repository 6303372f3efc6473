// Package pipeline is the pipeline: it moves units from a source through stages into a sink, with bounded queues,
// back-pressure, cancellation and statistics. It knows interfaces, not stages: no pixels, no codecs, no files.
package pipeline

import (
	"context"

	"vsr/media"
)

// Source gives units in decoding order of the container; io.EOF ends it. decode.Source is one.
type Source interface {
	// Next returns a unit that the caller owns, io.EOF at the end, or media.ErrFormatChanged.
	Next(ctx context.Context) (media.Unit, error)
	Close() error
}

// Sink takes ownership of every unit it is given, also on error. encode.Sink is one.
type Sink interface {
	Write(ctx context.Context, u media.Unit) error
	// Close flushes encoders, writes the trailer and publishes the output.
	Close() error
}

// Stage turns a unit into a unit. It owns what it is given, also when it fails: with an error the result is not looked at.
// A zero Unit as the result means that nothing comes out.
type Stage func(ctx context.Context, u media.Unit) (media.Unit, error)

// Video makes a Stage from a function of frames and lets packets pass untouched.
func Video(f func(context.Context, *media.Frame) (*media.Frame, error)) Stage {
	return func(ctx context.Context, u media.Unit) (media.Unit, error) {
		if u.Frame == nil {
			return u, nil
		}
		out, err := f(ctx, u.Frame)
		return media.Unit{Frame: out}, err
	}
}

// Step is a stage with its name, and the kind of queue in front of it.
type Step struct {
	Name  string // shown in Stats and in profiles
	Stage Stage
	// Queue is the queue that feeds this step. The zero value waits when it is full.
	Queue Queue
}

// Queue says how the stages on its two ends are coupled.
type Queue struct {
	Depth  int // units that may wait, 0 means 4. Of a dropping queue: frames, 0 means 2; packets have places of their own
	Policy Policy
}

// Policy is what a full queue does.
type Policy uint8

// The policies.
const (
	Wait       Policy = iota // the sender waits: files
	DropOldest               // the oldest frame is released to make space, packets never: live
)
