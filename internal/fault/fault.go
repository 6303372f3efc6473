// Package fault says whose fault an error is, and what may help. A command derives its exit code from it, a service its status.
package fault

import (
	"errors"
	"fmt"
	"strings"
)

// Kind is whose fault an error is.
type Kind uint8

// The kinds.
const (
	Internal    Kind = iota // the program's own
	Usage                   // options that are out of range or exclude each other
	Input                   // the input cannot be read, or is not video
	Request                 // the input is fine, but what was asked for cannot be done with it
	Device                  // the device or engine is missing or failed
	Output                  // the output cannot be written
	Check                   // the output was written and does not pass its checks
	Interrupted             // the caller stopped it
)

var names = [...]string{"internal", "usage", "input", "request", "device", "output", "check", "interrupted"}

// String returns the kind's name in lower case.
func (k Kind) String() string {
	if int(k) < len(names) {
		return names[k]
	}
	return fmt.Sprintf("kind %d", uint8(k))
}

// Error is an error with its kind.
type Error struct {
	Kind Kind
	Err  error
	Hint string // what the user may do about it; may be empty
}

// New makes an error with a formatted text, as fmt.Errorf does.
func New(kind Kind, hint, format string, args ...any) *Error {
	return &Error{kind, fmt.Errorf(format, args...), hint}
}

// As returns the first *Error in the chain of err.
func As(err error) (*Error, bool) {
	var e *Error
	ok := errors.As(err, &e)
	return e, ok
}

// Error returns the text of the error itself, without the hint.
func (e *Error) Error() string { return e.Err.Error() }

// Unwrap returns the error itself.
func (e *Error) Unwrap() error { return e.Err }

// Line writes the text of an error on one line.
func Line(err error) string {
	return strings.Join(strings.FieldsFunc(err.Error(), func(r rune) bool { return r == '\n' || r == '\r' }), "; ")
}
