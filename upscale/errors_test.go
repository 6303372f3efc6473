package upscale

import (
	"context"
	"errors"
	"fmt"
	"io"
	"syscall"
	"testing"

	"vsr/decode"
	"vsr/encode"
	"vsr/internal/fault"
	"vsr/media"
	"vsr/pipeline"
	"vsr/sr"
)

// The kind of an error follows from its type and from where it entered the job, never from the name of a stage.
func TestClassify(t *testing.T) {
	unknown := errors.New("?")
	staged := func(err error) error { return &pipeline.StageError{Stage: "encode", Err: err} } // a name that says something else
	for _, c := range []struct {
		err  error
		kind Kind
		hint bool
	}{
		{unknown, Internal, false},
		{staged(unknown), Internal, false},
		{staged(inputError(unknown)), Input, false},
		{staged(deviceError(unknown)), Device, true},
		{staged(outputError(unknown)), Output, false},
		{staged(outputError(fmt.Errorf("encode: %w", syscall.ENOSPC))), Output, true},
		{staged(outputError(fmt.Errorf("encode: %w", encode.ErrNoFrames))), Input, false},
		{staged(outputError(&encode.RequestError{Reason: "?", Hint: "!"})), Request, true},
		{outputError(&encode.DestinationError{Path: "x", Err: syscall.EACCES}), Output, true},
		{staged(requestError("!", "?")), Request, true},
		{inputError(&decode.UnsupportedError{Reason: "?", Hint: "!"}), Input, true},
		{inputError(&media.GPUError{Err: unknown}), Device, true},
		{outputError(&media.GPUError{Err: unknown}), Device, true},
		{fmt.Errorf("cuda: %w", sr.ErrNotBuilt), Device, true},
		{fmt.Errorf("cuda: %w", sr.ErrNoDevice), Device, true},
		{ErrStopped, Interrupted, false},
		{context.Canceled, Interrupted, false},
		{inputError(context.Canceled), Interrupted, false},
	} {
		if e := Classify(c.err); e.Kind != c.kind || (e.Hint != "") != c.hint {
			t.Errorf("%v: %v, hint %q", c.err, e.Kind, e.Hint)
		}
	}
	for _, err := range []error{nil, io.EOF, media.ErrFormatChanged, context.Canceled} {
		if got := inputError(err); got != err {
			t.Errorf("%v becomes %v", err, got)
		}
	}
	if e, ok := fault.As(outputError(nil)); ok {
		t.Errorf("no error becomes %v", e)
	}
}
