package decode

import (
	"errors"
	"fmt"
)

// ErrDamaged ends a source in strict mode: the input holds data that does not decode.
var ErrDamaged = errors.New("damaged data")

// UnsupportedError means that the input could be read but is nothing that vsr can work on. All other errors of Open are the system's (no such
// file, connection refused) and wrap a syscall.Errno.
type UnsupportedError struct {
	Reason string // what is wrong, one phrase
	Hint   string // what to do about it, may be empty
	Err    error  // FFmpeg's error, may be nil
	// NoVideo is true for media without a video stream.
	NoVideo bool
	// Retry is true when a network address or device may give something else later: what came was empty, cut off or no media at all.
	// Otherwise the input was understood and holds nothing that vsr can work on.
	Retry bool
}

// Error gives the reason and FFmpeg's words.
func (e *UnsupportedError) Error() string {
	if e.Err != nil {
		return fmt.Sprintf("%s: %v", e.Reason, e.Err)
	}
	return e.Reason
}

// Unwrap returns FFmpeg's error.
func (e *UnsupportedError) Unwrap() error { return e.Err }
