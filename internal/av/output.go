package av

// #include "av.h"
// #include <libavutil/channel_layout.h>
import "C"

import (
	"strings"
	"sync"
	"unsafe"

	astiav "github.com/asticode/go-astiav"
)

// OpenOutput opens the address that an output writes to. The output's Interrupt ends its connecting and writing. Close it with CloseOutput.
func OpenOutput(fc *astiav.FormatContext, address string, options map[string]string) error {
	f := formatOf(fc)
	var d *C.AVDictionary
	fill(&d, options)
	defer C.av_dict_free(&d)
	a := C.CString(address)
	defer C.free(unsafe.Pointer(a))
	return Explain(func() error { return check(C.avio_open2(&f.pb, a, C.AVIO_FLAG_WRITE, &f.interrupt_callback, &d)) })
}

// CloseOutput ends the connection of OpenOutput. It does nothing where there is none.
func CloseOutput(fc *astiav.FormatContext) error {
	f := formatOf(fc)
	if f.pb == nil {
		return nil
	}
	return check(C.avio_closep(&f.pb))
}

// Written is how many bytes have gone into an output that OpenOutput opened, those that wait in its buffer included.
func Written(fc *astiav.FormatContext) int64 {
	f := formatOf(fc)
	if f.pb == nil {
		return 0
	}
	return int64(C.avio_seek(f.pb, 0, C.SEEK_CUR))
}

// OwnsConnection reports whether the output's format opens its address itself, as RTSP does.
func OwnsConnection(fc *astiav.FormatContext) bool {
	return formatOf(fc).oformat.flags&C.AVFMT_NOFILE != 0
}

// NewOpusParams makes the parameters of an Opus stream of one or two channels at 48 kHz; head is its OpusHead (RFC 7845 section 5.1).
func NewOpusParams(channels int, head []byte) *Params {
	p := newParams()
	p.c.codec_type, p.c.codec_id = C.AVMEDIA_TYPE_AUDIO, C.AV_CODEC_ID_OPUS
	p.c.sample_rate, p.c.format, p.c.frame_size = 48000, C.AV_SAMPLE_FMT_FLTP, 960
	C.av_channel_layout_default(&p.c.ch_layout, C.int(channels))
	p.setExtra(head)
	return p
}

// hidden are the words that no text of FFmpeg's may show.
var hidden = struct {
	sync.RWMutex
	words map[string]bool
}{words: map[string]bool{}}

// Hide keeps words, such as a stream key, out of all log lines and errors that come from FFmpeg, in the whole process and from now on.
func Hide(words ...string) {
	hidden.Lock()
	defer hidden.Unlock()
	for _, w := range words {
		if w != "" {
			hidden.words[w] = true
		}
	}
}

// Hidden is a text without the words of Hide. FFmpeg's lines are cut at some length, so the beginning of a word at the end counts too.
func Hidden(s string) string {
	const mask, part = "***", 4
	hidden.RLock()
	defer hidden.RUnlock()
	for w := range hidden.words {
		s = strings.ReplaceAll(s, w, mask)
		for n := min(len(w), len(s)); n >= part; n-- {
			if strings.HasSuffix(s, w[:n]) {
				s = s[:len(s)-n] + mask
				break
			}
		}
	}
	return s
}
