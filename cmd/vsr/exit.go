package main

import (
	"errors"
	"fmt"
	"strings"

	"vsr/upscale"
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

// exitCodes are those of the kinds of errors.
var exitCodes = map[upscale.Kind]int{
	upscale.Internal: exitInternal, upscale.Usage: exitUsage, upscale.Input: exitInput, upscale.Request: exitRequest,
	upscale.Device: exitDevice, upscale.Output: exitDestination, upscale.Check: exitCheck, upscale.Interrupted: exitInterrupted,
}

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

// explain finds the fault in err.
func explain(err error) fault {
	var f fault
	switch {
	case errors.As(err, &f):
		return f
	case errors.Is(err, errAborted):
		return fault{code: exitInterrupted, err: err}
	}
	e := upscale.Classify(err)
	if text := err.Error(); e.Kind == upscale.Internal && (strings.HasPrefix(text, "unknown command") || strings.HasPrefix(text, "required flag")) {
		return fault{exitUsage, err, "vsr help"}
	}
	return fault{exitCodes[e.Kind], e.Err, e.Hint}
}

// openFault is the fault of a file that cannot be opened or read.
func openFault(err error) error {
	if f := explain(err); f.code != exitInternal {
		return f
	}
	return fault{code: exitInput, err: err}
}

// destinationFault is the fault of a file that cannot be written.
func destinationFault(err error) error { return upscale.OutputError(err) }

func inputFault(err error, hint string) error { return fault{exitInput, err, hint} }

func requestFault(hint, format string, args ...any) error {
	return fault{exitRequest, fmt.Errorf(format, args...), hint}
}

func usageFault(hint, format string, args ...any) error {
	return fault{exitUsage, fmt.Errorf(format, args...), hint}
}
