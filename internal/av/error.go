package av

// #include "av.h"
import "C"

import (
	"errors"
	"io"
	"runtime"
	"syscall"
	"unsafe"

	astiav "github.com/asticode/go-astiav"
)

// Fault says who can mend an FFmpeg error.
type Fault int

// The kinds of fault.
const (
	FaultUnknown Fault = iota
	FaultInput         // the bytes are not what they should be
	FaultRequest       // an option, codec or format that FFmpeg does not have
	FaultSystem        // the operating system or the network said no: missing file, full disk, refused connection
)

// ErrAgain means that the codec or filter wants more input before it gives output.
var ErrAgain = errors.New("try again")

// Error is an FFmpeg error code with the first line that FFmpeg logged about it, if any.
type Error struct {
	Code   int // negative AVERROR
	Detail string
}

// Error gives FFmpeg's text and its log line.
func (e *Error) Error() string {
	var buf [128]byte
	C.av_strerror(C.int(e.Code), (*C.char)(unsafe.Pointer(&buf[0])), C.size_t(len(buf)))
	s := C.GoString((*C.char)(unsafe.Pointer(&buf[0])))
	if e.Detail != "" {
		s += " (" + e.Detail + ")"
	}
	return s
}

// Unwrap gives the syscall.Errno behind the code, so that errors.Is(err, fs.ErrNotExist) works; nil for FFmpeg's own codes.
func (e *Error) Unwrap() error {
	if e.Code < 0 && e.Code > -4096 {
		return syscall.Errno(-e.Code)
	}
	return nil
}

// Fault says whose fault the error is, as far as the code tells.
func (e *Error) Fault() Fault {
	switch astiav.Error(e.Code) {
	case astiav.ErrInvaliddata, astiav.ErrPatchwelcome, astiav.ErrStreamNotFound, astiav.ErrInputChanged, astiav.ErrEof:
		return FaultInput
	case astiav.ErrDecoderNotFound, astiav.ErrEncoderNotFound, astiav.ErrDemuxerNotFound, astiav.ErrMuxerNotFound,
		astiav.ErrFilterNotFound, astiav.ErrOptionNotFound, astiav.ErrProtocolNotFound, astiav.ErrBsfNotFound, astiav.ErrExperimental:
		return FaultRequest
	case astiav.ErrHttpBadRequest, astiav.ErrHttpForbidden, astiav.ErrHttpNotFound, astiav.ErrHttpOther4Xx, astiav.ErrHttpServerError,
		astiav.ErrHttpUnauthorized:
		return FaultSystem
	}
	switch e.Unwrap() {
	case nil:
		return FaultUnknown
	case syscall.EINVAL:
		return FaultRequest
	}
	return FaultSystem
}

// FaultOf returns the fault of the first FFmpeg error in err's chain.
func FaultOf(err error) Fault {
	var e *Error
	if errors.As(err, &e) {
		return e.Fault()
	}
	return FaultUnknown
}

// Err turns an error of astiav into io.EOF, ErrAgain or an *Error. Other errors pass.
func Err(err error) error {
	code, ok := err.(astiav.Error)
	switch {
	case !ok:
		return err
	case code == astiav.ErrEof:
		return io.EOF
	case code == astiav.ErrEagain:
		return ErrAgain
	}
	return &Error{Code: int(code)}
}

// Explain runs f on one thread and adds to its error the first line FFmpeg logged there ("moov atom not found", say).
func Explain(f func() error) error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	C.vsr_log_forget()
	err := Err(f())
	var e *Error
	if errors.As(err, &e) && e.Detail == "" {
		e.Detail = printable(C.GoString(C.vsr_log_first()))
	}
	return err
}

func check(code C.int) error {
	if code >= 0 {
		return nil
	}
	return Err(astiav.Error(int(code)))
}

// printable keeps control bytes out of messages, since text inside a damaged file may hold any, and the words of Hide.
func printable(s string) string {
	out := make([]rune, 0, len(s))
	for _, r := range s {
		if r < ' ' || r == 0x7f || r == 0xfffd {
			r = '.'
		}
		out = append(out, r)
	}
	return Hidden(string(out))
}

// Interrupted reports whether err came from an Interrupt.
func Interrupted(err error) bool {
	var e *Error
	return errors.As(err, &e) && astiav.Error(e.Code) == astiav.ErrExit
}
