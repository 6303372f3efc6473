package pipeline

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"vsr/media"
)

// SuperviseOptions adjusts Supervise. The zero value retries for ever.
type SuperviseOptions struct {
	Min, Max time.Duration // shortest and longest pause between tries; 0 means 250 ms and 10 s
	// Healthy is how long a try must have lasted for the next pause to be Min again; 0 means 10 s.
	Healthy time.Duration
	Tries   int // give up after so many failures in a row that were not healthy; 0 means never
	// Permanent reports errors that no retry can mend. nil means none.
	Permanent func(error) bool
	Logger    *slog.Logger // nil means silence
}

// Supervise calls run again and again: each call builds everything anew. It returns nil when run does, the error when it
// is permanent or the tries are used up, and the context's error when ctx ends. Between failures it waits, twice as long
// each time. After media.ErrFormatChanged it goes on at once, provided that the try was healthy or the first in a row.
func Supervise(ctx context.Context, o SuperviseOptions, run func(context.Context) error) error {
	o = o.defaults()
	pause, failures := o.Min, 0
	for {
		begin := time.Now()
		err := run(ctx)
		switch {
		case err == nil:
			return nil
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case o.Permanent != nil && o.Permanent(err):
			return err
		}
		if time.Since(begin) >= o.Healthy {
			pause, failures = o.Min, 0
		}
		failures++
		if errors.Is(err, media.ErrFormatChanged) && failures == 1 {
			o.Logger.Info("format changed, starting again")
			continue
		}
		if o.Tries > 0 && failures >= o.Tries {
			return err
		}
		o.Logger.Warn("lost, trying again", "err", err, "ms", pause.Milliseconds())
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return context.Cause(ctx)
		}
		pause = min(2*pause, o.Max)
	}
}

func (o SuperviseOptions) defaults() SuperviseOptions {
	if o.Min <= 0 {
		o.Min = 250 * time.Millisecond
	}
	if o.Max <= 0 {
		o.Max = 10 * time.Second
	}
	if o.Healthy <= 0 {
		o.Healthy = 10 * time.Second
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	return o
}
