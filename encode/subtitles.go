package encode

import (
	"bytes"
	"encoding/binary"
	"regexp"
	"strings"

	astiav "github.com/asticode/go-astiav"

	"vsr/internal/av"
	"vsr/media"
)

// planText converts a text subtitle track into the kind of text that the container holds. Styles beyond italics, bold and underline are lost.
func (f *File) planText(t *media.Track, out *outTrack, a *StreamAction) bool {
	read, ok := textReaders[t.Codec]
	if !ok {
		return false
	}
	var write func(string) []byte
	var id astiav.CodecID
	var header []byte
	switch {
	case f.isMOV():
		id, header, write = astiav.CodecIDMovText, timedTextHeader(), writeTimedText
	case f.muxer == "matroska":
		id, write = astiav.CodecIDSubrip, func(s string) []byte { return []byte(s) }
	case f.muxer == "webm":
		id, write = astiav.CodecIDWebvtt, func(s string) []byte { return []byte(s) }
	default:
		return false
	}
	out.params = av.NewTextParams(id, header)
	out.convert = func(b []byte) []byte {
		text := strings.TrimSpace(read(b))
		if text == "" {
			return nil
		}
		return write(text)
	}
	a.Action, a.Why = Converted, "to "+out.params.CodecName()
	return true
}

// textReaders turn a packet into plain lines with <i>, <b> and <u>.
var textReaders = map[string]func([]byte) string{
	"subrip": readPlain, "text": readPlain, "webvtt": readPlain, "mov_text": readTimedText, "ass": readASS, "ssa": readASS,
}

func readPlain(b []byte) string { return strings.ReplaceAll(string(b), "\r\n", "\n") }

// readTimedText reads a 3GPP timed text sample (ETSI TS 126 245 §5.17): a 16-bit length, the text, then style boxes, which are ignored.
func readTimedText(b []byte) string {
	if len(b) < 2 {
		return ""
	}
	n := min(int(binary.BigEndian.Uint16(b)), len(b)-2)
	return readPlain(bytes.ToValidUTF8(b[2:2+n], []byte("?")))
}

var assOverride = regexp.MustCompile(`\{[^}]*\}`)

// readASS reads a Matroska ASS packet: eight fields (order, layer, style, name, three margins, effect), then the text.
func readASS(b []byte) string {
	fields := strings.SplitN(string(b), ",", 9)
	text := fields[len(fields)-1]
	text = assOverride.ReplaceAllString(text, "")
	return strings.NewReplacer(`\N`, "\n", `\n`, "\n", `\h`, " ").Replace(text)
}

var tag = regexp.MustCompile(`</?[a-zA-Z][^>]*>`)

// writeTimedText makes a timed text sample without styles.
func writeTimedText(s string) []byte {
	s = tag.ReplaceAllString(s, "")
	if len(s) > 0xffff {
		s = strings.ToValidUTF8(s[:0xffff], "")
	}
	return append(binary.BigEndian.AppendUint16(nil, uint16(len(s))), s...)
}

// timedTextHeader is a tx3g sample description (ETSI TS 126 245 §5.16) after its common part: bottom centre, white, Serif 18.
func timedTextHeader() []byte {
	b := []byte{
		0, 0, 0, 0, // display flags
		1, 0xff, // justified centre, bottom
		0, 0, 0, 0, // background
		0, 0, 0, 0, 0, 0, 0, 0, // text box
		0, 0, 0, 0, 0, 1, 0, 18, 0xff, 0xff, 0xff, 0xff, // style: from, to, font, face, size, colour
	}
	font := append([]byte{0, 1, 0, 1, 5}, "Serif"...)
	b = binary.BigEndian.AppendUint32(b, uint32(8+len(font)))
	return append(append(b, "ftab"...), font...)
}
