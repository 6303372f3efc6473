package av

// #include "av.h"
import "C"

import (
	"strings"
	"sync"
	"sync/atomic"
	"unicode/utf8"
	"unsafe"

	astiav "github.com/asticode/go-astiav"

	"vsr/media"
)

func formatOf(fc *astiav.FormatContext) *C.AVFormatContext { return (*C.AVFormatContext)(pointer(fc)) }
func stream(s *astiav.Stream) *C.AVStream                  { return (*C.AVStream)(pointer(s)) }

// Interrupt makes blocking calls of one FormatContext give up. It is safe for concurrent use: what ends a wait may come while it is freed.
type Interrupt struct {
	mu   sync.Mutex
	flag *C.int // nil once it is freed
}

// NewInterrupt installs an interrupt on fc. Free it after fc is closed.
func NewInterrupt(fc *astiav.FormatContext) *Interrupt {
	return &Interrupt{flag: C.vsr_interrupt_new(formatOf(fc))}
}

// Set makes calls fail with AVERROR_EXIT from now on, or work again.
func (i *Interrupt) Set(on bool) {
	var v int32
	if on {
		v = 1
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.flag != nil {
		atomic.StoreInt32((*int32)(unsafe.Pointer(i.flag)), v)
	}
}

// Free releases the flag.
func (i *Interrupt) Free() {
	i.mu.Lock()
	defer i.mu.Unlock()
	C.free(unsafe.Pointer(i.flag))
	i.flag = nil
}

// Guard refuses every file or address that an input makes its own context open. Playlist formats must be kept out by a format whitelist.
type Guard struct{ g *C.vsr_guard }

// NewGuard lets fc open one address, its own. Call it before OpenInput; free it after fc is closed.
func NewGuard(fc *astiav.FormatContext) *Guard { return &Guard{C.vsr_guard_new(formatOf(fc))} }

// Refused returns how many opens were refused.
func (g *Guard) Refused() int { return int(g.g.refused) }

// Free releases the guard.
func (g *Guard) Free() {
	C.free(unsafe.Pointer(g.g))
	g.g = nil
}

// InputFormats lists the names of all demuxers. A name may hold commas (mov,mp4,...): it is split.
func InputFormats() []string {
	c := C.vsr_input_formats()
	defer C.free(unsafe.Pointer(c))
	return strings.Split(C.GoString(c), ",")
}

// BeyondEnd counts the packets of a stream that an MP4's or QuickTime file's index names and the file no longer holds, because it was
// cut off: FFmpeg takes the cut for the end. It is 0 for other containers, whose indices name only some packets.
func BeyondEnd(fc *astiav.FormatContext, s *astiav.Stream) int {
	if !strings.HasPrefix(fc.InputFormat().Name(), "mov,") {
		return 0
	}
	return int(C.vsr_beyond_end(formatOf(fc), stream(s)))
}

// Unprobed reports whether an audio stream has no sample rate or a video stream no size, because none of its packets was met yet.
func Unprobed(s *astiav.Stream) bool {
	p := stream(s).codecpar
	switch p.codec_type {
	case C.AVMEDIA_TYPE_AUDIO:
		return p.codec_id != C.AV_CODEC_ID_NONE && p.sample_rate == 0
	case C.AVMEDIA_TYPE_VIDEO:
		return p.codec_id != C.AV_CODEC_ID_NONE && p.width == 0
	}
	return false
}

// Discontinuous reports whether the input's clock has no origin of its own (MPEG transport and program streams, Ogg).
func Discontinuous(fc *astiav.FormatContext) bool {
	f := formatOf(fc).iformat
	return f != nil && f.flags&C.AVFMT_TS_DISCONT != 0
}

// ProgramOf returns the index of the first programme that holds a stream, -1 if none does.
func ProgramOf(fc *astiav.FormatContext, stream int) int {
	return int(C.vsr_program_of(formatOf(fc), C.int(stream)))
}

// ProgramNumbers returns the numbers of all programmes that hold a stream, as the input states them.
func ProgramNumbers(fc *astiav.FormatContext, stream int) (list []int) {
	f := formatOf(fc)
	for _, p := range unsafe.Slice(f.programs, f.nb_programs) {
		for _, i := range unsafe.Slice(p.stream_index, p.nb_stream_indexes) {
			if int(i) == stream {
				list = append(list, int(p.program_num))
			}
		}
	}
	return list
}

// SeekStart goes back to the first byte, where the container allows it.
func SeekStart(fc *astiav.FormatContext) error {
	return check(C.av_seek_frame(formatOf(fc), -1, 0, C.AVSEEK_FLAG_BYTE))
}

// Chapters copies the chapters of an opened input.
func Chapters(fc *astiav.FormatContext) []media.Chapter {
	c := formatOf(fc)
	var out []media.Chapter
	for _, ch := range unsafe.Slice(c.chapters, c.nb_chapters) {
		out = append(out, media.Chapter{ID: int64(ch.id), TimeBase: rational(ch.time_base), Start: int64(ch.start), End: int64(ch.end), Metadata: dictionary(ch.metadata)})
	}
	return out
}

// AddChapter adds a chapter to an output, before its header is written.
func AddChapter(fc *astiav.FormatContext, ch media.Chapter) error {
	var d *C.AVDictionary
	fill(&d, ch.Metadata)
	tb := C.AVRational{num: C.int(ch.TimeBase.Num), den: C.int(ch.TimeBase.Den)}
	err := check(C.vsr_add_chapter(formatOf(fc), C.int64_t(ch.ID), tb, C.int64_t(ch.Start), C.int64_t(ch.End), d))
	if err != nil {
		C.av_dict_free(&d)
	}
	return err
}

// Metadata copies the tags of a container.
func Metadata(fc *astiav.FormatContext) map[string]string { return dictionary(formatOf(fc).metadata) }

// SetMetadata adds tags to an output container.
func SetMetadata(fc *astiav.FormatContext, m map[string]string) { fill(&formatOf(fc).metadata, m) }

// StreamMetadata copies the tags of a stream.
func StreamMetadata(s *astiav.Stream) map[string]string { return dictionary(stream(s).metadata) }

// SetStreamMetadata adds tags to an output stream.
func SetStreamMetadata(s *astiav.Stream, m map[string]string) { fill(&stream(s).metadata, m) }

// Disposition returns FFmpeg's AV_DISPOSITION_* bits.
func Disposition(s *astiav.Stream) int { return int(stream(s).disposition) }

// SetDisposition sets them on an output stream.
func SetDisposition(s *astiav.Stream, d int) { stream(s).disposition = C.int(d) }

// Disposition bits that code branches on.
const (
	DispositionDefault     = int(C.AV_DISPOSITION_DEFAULT)
	DispositionAttachedPic = int(C.AV_DISPOSITION_ATTACHED_PIC)
	DispositionTimedThumbs = int(C.AV_DISPOSITION_TIMED_THUMBNAILS)
)

// SetStrict lets an output hold what FFmpeg calls experimental, as FLAC and spherical video in MP4.
func SetStrict(fc *astiav.FormatContext, experimental bool) {
	if experimental {
		formatOf(fc).strict_std_compliance = C.FF_COMPLIANCE_EXPERIMENTAL
	}
}

// SetURL tells an output where its bytes go, for muxers that read them again at the end.
func SetURL(fc *astiav.FormatContext, url string) {
	f := formatOf(fc)
	C.av_free(unsafe.Pointer(f.url))
	c := C.CString(url)
	defer C.free(unsafe.Pointer(c))
	f.url = C.av_strdup(c)
}

// SetMuxerOption sets a private option of an output that may change after the header, as final_delay of a GIF.
func SetMuxerOption(fc *astiav.FormatContext, name, value string) error {
	n, v := C.CString(name), C.CString(value)
	defer C.free(unsafe.Pointer(n))
	defer C.free(unsafe.Pointer(v))
	return check(C.av_opt_set(formatOf(fc).priv_data, n, v, 0))
}

// SetCodecTag sets the codec tag (four letters) of an output stream.
func SetCodecTag(s *astiav.Stream, tag string) {
	stream(s).codecpar.codec_tag = C.uint32_t(tag[0]) | C.uint32_t(tag[1])<<8 | C.uint32_t(tag[2])<<16 | C.uint32_t(tag[3])<<24
}

// GlobalHeader reports whether the output format wants codec headers in front of the stream instead of inside it.
func GlobalHeader(fc *astiav.FormatContext) bool {
	return formatOf(fc).oformat.flags&C.AVFMT_GLOBALHEADER != 0
}

// OutputName returns FFmpeg's name of the output format, as in mp4 or matroska.
func OutputName(fc *astiav.FormatContext) string { return C.GoString(formatOf(fc).oformat.name) }

// WriteError returns the error that the output's I/O layer met, nil if none. Muxers do not always report it.
func WriteError(fc *astiav.FormatContext) error {
	if pb := formatOf(fc).pb; pb != nil && pb.error < 0 {
		return check(pb.error)
	}
	return nil
}

// DryHeader writes the header into memory, to learn whether the muxer takes the streams. The context can only be freed afterwards.
func DryHeader(fc *astiav.FormatContext) error {
	return Explain(func() error { return check(C.vsr_dry_header(formatOf(fc), nil)) })
}

// QueryCodec asks whether an output format stores a codec: 1 yes, 0 no, negative when FFmpeg does not know.
func QueryCodec(fc *astiav.FormatContext, p *Params) int {
	return int(C.vsr_query_codec(formatOf(fc).oformat, p.c.codec_id))
}

func rational(r C.AVRational) media.Rational { return media.Rational{Num: int(r.num), Den: int(r.den)} }

// text is what a tag says. Old AVI, MP3 and phone files have bytes of Windows' code page where UTF-8 is meant, which no container may hold.
func text(b string) string {
	if utf8.ValidString(b) {
		return b
	}
	out := make([]rune, len(b))
	for i, c := range []byte(b) {
		if out[i] = rune(c); c >= 0x80 && c < 0xa0 {
			out[i] = windows1252[c-0x80]
		}
	}
	return string(out)
}

// windows1252 is where that code page is not Latin-1: bytes 0x80 to 0x9f.
var windows1252 = []rune("€\u0081‚ƒ„…†‡ˆ‰Š‹Œ\u008dŽ\u008f\u0090‘’“”•–—˜™š›œ\u009džŸ")

func dictionary(d *C.AVDictionary) map[string]string {
	var out map[string]string
	empty := C.CString("")
	defer C.free(unsafe.Pointer(empty))
	for e := (*C.AVDictionaryEntry)(nil); ; {
		if e = C.av_dict_get(d, empty, e, C.AV_DICT_IGNORE_SUFFIX); e == nil {
			return out
		}
		if out == nil {
			out = map[string]string{}
		}
		out[text(C.GoString(e.key))] = text(C.GoString(e.value))
	}
}

func fill(d **C.AVDictionary, m map[string]string) {
	for k, v := range m {
		ck, cv := C.CString(k), C.CString(v)
		C.av_dict_set(d, ck, cv, 0)
		C.free(unsafe.Pointer(ck))
		C.free(unsafe.Pointer(cv))
	}
}

// HasFilter reports whether this FFmpeg has a filter of that name.
func HasFilter(name string) bool { return astiav.FindFilterByName(name) != nil }
