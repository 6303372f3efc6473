package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"syscall"

	"vsr/decode"
	"vsr/encode"
	"vsr/media"
	"vsr/pipeline"
	"vsr/sr"
	"vsr/sr/cuda"
)

// Exit codes say whose fault it was.
const (
	exitOK          = 0
	exitInternal    = 1   // ours
	exitUsage       = 2   // the command line or the configuration file
	exitInput       = 3   // the input cannot be read, or is not video
	exitRequest     = 4   // the input is fine, but what was asked for cannot be done with it
	exitDevice      = 5   // the device or engine is missing or failed
	exitDestination = 6   // the output cannot be written
	exitCheck       = 7   // the output was written and does not pass the check
	exitInterrupted = 130 // Ctrl-C
)

const exitHelp = `Exit codes:
    0  done
    1  a fault of vsr itself
    2  wrong usage or configuration
    3  the input cannot be read, or holds no video
    4  what was asked for cannot be done with this input
    5  the device or engine is missing, or failed
    6  the output cannot be written
    7  the output was written, but does not pass the check
  130  interrupted with Ctrl-C; after the first one the output is complete up to there`

// fault is an error with the code of whose fault it is, and what the user may do about it.
type fault struct {
	code int
	err  error
	hint string
}

// Error returns the text of the error itself.
func (f fault) Error() string { return f.err.Error() }

// Unwrap returns the error itself.
func (f fault) Unwrap() error { return f.err }

// line is the error on one line.
func (f fault) line() string {
	return strings.Join(strings.FieldsFunc(f.err.Error(), func(r rune) bool { return r == '\n' || r == '\r' }), "; ")
}

// errAborted is the cause of a context that a second Ctrl-C ended.
var errAborted = errors.New("interrupted, no output was written")

// errStopped is the result of a run that the first Ctrl-C ended.
var errStopped = errors.New("interrupted, the output is complete up to here")

// explain finds the fault in err, or guesses it.
func explain(err error) fault {
	var f fault
	if errors.As(err, &f) {
		return f
	}
	switch {
	case errors.Is(err, errAborted), errors.Is(err, errStopped), errors.Is(err, context.Canceled):
		return fault{code: exitInterrupted, err: err}
	case errors.Is(err, sr.ErrNotBuilt):
		return fault{exitDevice, err, "build with `make build`, or use --device cpu"}
	case errors.Is(err, sr.ErrNoDevice):
		return fault{exitDevice, err, cmp.Or(cuda.Advice(err), "vsr doctor lists the devices; --device cpu runs everywhere")}
	}
	if f, ok := explainCard(err); ok {
		return f
	}
	if f, ok := explainTyped(err); ok {
		return f
	}
	if text := err.Error(); strings.HasPrefix(text, "unknown command") || strings.HasPrefix(text, "required flag") {
		return fault{exitUsage, err, "vsr help"}
	}
	return fault{code: exitInternal, err: err}
}

// explainTyped looks for the errors in which rooms say whose fault it was, then for the room itself.
func explainTyped(err error) (fault, bool) {
	var (
		unsupported *decode.UnsupportedError
		request     *encode.RequestError
		destination *encode.DestinationError
		room        *pipeline.RoomError
	)
	switch {
	case errors.As(err, &unsupported):
		return fault{exitInput, err, unsupported.Hint}, true
	case errors.As(err, &request):
		return fault{exitRequest, err, request.Hint}, true
	case errors.As(err, &destination):
		return destinationFault(err), true
	case errors.Is(err, encode.ErrNoFrames):
		return fault{exitInput, errors.New("the input holds no picture that decodes"), ""}, true
	case errors.As(err, &room):
		return explainRoom(room), true
	}
	return fault{}, false
}

// explainRoom turns the first error of a run into a fault by the room where it came up.
func explainRoom(r *pipeline.RoomError) fault {
	switch r.Room {
	case roomDecode:
		return fault{code: exitInput, err: r}
	case roomUpscale:
		return fault{exitDevice, r, cmp.Or(cuda.Advice(r), "vsr doctor shows what is there")}
	case roomEncode:
		return destinationFault(r)
	}
	return fault{code: exitInternal, err: r}
}

// destinationFault adds the hint that fits an error of writing.
func destinationFault(err error) fault {
	f := fault{code: exitDestination, err: err}
	switch {
	case errors.Is(err, syscall.ENOSPC):
		f.hint = "free some space, or write elsewhere with -o"
	case errors.Is(err, fs.ErrPermission):
		f.hint = "write elsewhere with -o"
	case errors.Is(err, fs.ErrExist):
		f.hint = "-y replaces the file"
	}
	return f
}

// openFault marks an error of opening the input, unless it was an interruption.
func openFault(err error) error {
	var unsupported *decode.UnsupportedError
	switch {
	case errors.Is(err, context.Canceled):
		return err
	case errors.As(err, new(*media.CardError)):
		return err // explain knows it
	case errors.As(err, &unsupported):
		return fault{exitInput, err, unsupported.Hint}
	}
	return fault{code: exitInput, err: err}
}

func inputFault(err error, hint string) error { return fault{exitInput, err, hint} }

func requestFault(hint, format string, args ...any) error {
	return fault{exitRequest, fmt.Errorf(format, args...), hint}
}

func usageFault(hint, format string, args ...any) error {
	return fault{exitUsage, fmt.Errorf(format, args...), hint}
}
