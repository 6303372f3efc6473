// Package av adds to go-astiav v0.16.0 the few FFmpeg 5.1 calls that it lacks: metadata, chapters, dispositions, colour tags, side data,
// plane access, the colour matrix of swscale, error mapping and a bridge for FFmpeg's log.
//
// Every astiav wrapper holds its C pointer as its first word; that is how this package reaches the C structs, and why the version is pinned.
// Only decode and encode import it. It makes no policy.
package av

// #cgo pkg-config: libavformat libavcodec libavutil libswscale libswresample
// #include "av.h"
import "C"

import "unsafe"

// pointer returns the C pointer inside an astiav wrapper.
func pointer[T any](wrapper *T) unsafe.Pointer {
	return *(*unsafe.Pointer)(unsafe.Pointer(wrapper))
}
