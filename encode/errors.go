package encode

import (
	"errors"
	"fmt"
)

// ErrNoFrames is returned by Close when no frame was written: there is no output then.
var ErrNoFrames = errors.New("no frames to encode")

// RequestError means that the options ask for something that cannot be done.
type RequestError struct {
	Reason string
	Hint   string // may be empty
	Rows   int    // rows of the nearest size that works, where the size is at fault; else 0
	Err    error  // FFmpeg's error, may be nil
}

// Error gives the reason and FFmpeg's words.
func (e *RequestError) Error() string {
	if e.Err != nil {
		return fmt.Sprintf("%s: %v", e.Reason, e.Err)
	}
	return e.Reason
}

// Unwrap returns FFmpeg's error.
func (e *RequestError) Unwrap() error { return e.Err }

// DestinationError means that the place to write to said no: it exists already (errors.Is fs.ErrExist), the disk is full, the folder is gone.
type DestinationError struct {
	Path string
	Err  error
}

// Error names the path.
func (e *DestinationError) Error() string { return fmt.Sprintf("write %s: %v", e.Path, e.Err) }

// Unwrap returns the system's error.
func (e *DestinationError) Unwrap() error { return e.Err }
