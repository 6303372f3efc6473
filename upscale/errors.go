package upscale

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"syscall"

	"vsr/decode"
	"vsr/encode"
	"vsr/internal/fault"
	"vsr/media"
	"vsr/sr"
	"vsr/sr/cuda"
	"vsr/sr/engines"
)

// Error is an error with its Kind, and with a hint of what may help.
type Error = fault.Error

// Kind is whose fault an error is.
type Kind = fault.Kind

// The kinds of errors.
const (
	Internal    = fault.Internal    // of this program
	Usage       = fault.Usage       // options are out of range or exclude each other
	Input       = fault.Input       // the input cannot be read, or is not video
	Request     = fault.Request     // what was asked for cannot be done with this input
	Device      = fault.Device      // the device or engine is missing or failed
	Output      = fault.Output      // the output cannot be written
	Check       = fault.Check       // the output was written and does not pass its checks
	Interrupted = fault.Interrupted // the caller stopped the job
)

// ErrStopped is the result of a run that Options.Stop ended. The output is complete up to the frames that were under way.
var ErrStopped = errors.New("interrupted, the output is complete up to here")

// NoVideo reports whether err is of an input that is well but holds no video.
func NoVideo(err error) bool {
	var u *decode.UnsupportedError
	return errors.As(err, &u) && u.NoVideo
}

var errNoFrames = errors.New("the input holds no frame that decodes")

// ErrNothing is the result of a run that Options.Stop ended before its first frame.
var ErrNothing = errors.New("interrupted before the first frame, no output was written")

// ErrUnchecked is the result of a run that was interrupted after it had written the whole output, before it had read it back.
var ErrUnchecked = errors.New("interrupted, the output is complete and not checked")

// Classify finds the *Error in the chain of err, or makes one from the typed errors of this program's packages. An error that says
// nothing of its cause is Internal.
func Classify(err error) *Error {
	e, _ := fault.As(blame(Internal, "", err))
	return e
}

// blame returns err with a kind: its own if it has one, else the one that its type implies, else the given one.
func blame(kind Kind, hint string, err error) error {
	if err == nil {
		return nil
	}
	if _, ok := fault.As(err); ok {
		return err
	}
	var (
		unsupported *decode.UnsupportedError
		request     *encode.RequestError
		destination *encode.DestinationError
	)
	switch {
	case errors.Is(err, ErrStopped), errors.Is(err, context.Canceled):
		return &Error{Kind: Interrupted, Err: err}
	case errors.Is(err, sr.ErrNotBuilt), errors.Is(err, sr.ErrNoDevice):
		return engines.DeviceError(err)
	case errors.As(err, new(*media.GPUError)):
		return &Error{Kind: Device, Err: err, Hint: cmp.Or(cuda.Hint(err), "vsr doctor checks the GPU; Options.Device cpu runs everywhere")}
	case errors.As(err, &unsupported):
		return &Error{Kind: Input, Err: err, Hint: unsupported.Hint}
	case errors.As(err, &request):
		hint := request.Hint
		if request.Rows > 0 {
			hint += fmt.Sprintf(" (Options.SR.Height %d)", request.Rows)
		}
		return &Error{Kind: Request, Err: err, Hint: hint}
	case errors.As(err, &destination):
		return &Error{Kind: Output, Err: err, Hint: outputHint(err)}
	case errors.Is(err, encode.ErrNoFrames):
		return &Error{Kind: Input, Err: errNoFrames}
	case kind == Device:
		hint = cmp.Or(cuda.Hint(err), hint)
	case kind == Output:
		hint = cmp.Or(hint, outputHint(err))
	}
	return &Error{Kind: kind, Err: err, Hint: hint}
}

// outputHint is what may help when the output cannot be written.
func outputHint(err error) string {
	switch {
	case errors.Is(err, syscall.ENOSPC):
		return "free some space, or name another Options.Output"
	case errors.Is(err, syscall.EPIPE):
		return "the program that read from it has ended"
	case errors.Is(err, fs.ErrPermission):
		return "name another Options.Output"
	case errors.Is(err, fs.ErrExist):
		return "Options.Replace replaces the file"
	}
	return ""
}

// inputError blames the input, unless err is the end of it or of the job.
func inputError(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, media.ErrFormatChanged) || errors.Is(err, context.Canceled) {
		return err
	}
	return blame(Input, "", err)
}

// deviceError blames the device.
func deviceError(err error) error {
	if errors.Is(err, context.Canceled) {
		return err
	}
	return blame(Device, "vsr doctor shows what is there", err)
}

// OutputError makes an error of writing a file an *Error of kind Output, with a hint that fits its cause. Nil stays nil.
func OutputError(err error) error { return blame(Output, "", err) }

// outputError blames the place to write to, unless err is the end of the job.
func outputError(err error) error {
	if errors.Is(err, context.Canceled) {
		return err
	}
	return blame(Output, "", err)
}

func requestError(hint, format string, args ...any) error {
	return fault.New(Request, hint, format, args...)
}

func usageError(hint, format string, args ...any) error {
	return fault.New(Usage, hint, format, args...)
}
