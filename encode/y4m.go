package encode

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"strings"

	astiav "github.com/asticode/go-astiav"

	"vsr/internal/av"
	"vsr/media"
)

// The formats of a stream on standard output.
const (
	StreamY4M      = "y4m"
	StreamNUT      = "nut"
	StreamMatroska = "matroska"
)

// StreamFormats lists the values of FileOptions.Container for standard output.
func StreamFormats() []string { return []string{StreamY4M, StreamNUT, StreamMatroska} }

// pipeCodecs are what goes into pipes: frames as they are.
var pipeCodecs = []codec{
	{name: "raw", aliases: []string{"rawvideo"}, encoder: "rawvideo", lossless: true, ordered: true, rgb: true, set: noOptions},
	{name: "y4m", encoder: "rawvideo", lossless: true, ordered: true, set: noOptions},
}

// rawFormats are the pixel formats that go into a pipe. Y4M has names for those without alpha and without RGB.
func rawFormats(y4m bool) (list []astiav.PixelFormat) {
	for _, name := range []string{"gray", "yuv420p", "yuv422p", "yuv444p", "yuva420p", "yuva422p", "yuva444p", "gbrp", "gbrap"} {
		if y4m && (strings.Contains(name, "a4") || strings.HasPrefix(name, "gbr")) {
			continue
		}
		for _, depth := range []string{"", "10le", "12le", "14le", "16le"} {
			if p, ok := av.FindPixels(name + depth); ok {
				list = append(list, p)
			}
		}
	}
	return list
}

// y4mColor is the C field of the header, as in 420p10, with FFmpeg's names; ok is false for formats that have none.
func y4mColor(f media.Format) (c string, ok bool) {
	switch f.Layout {
	case media.Gray:
		c = "mono"
	case media.YUV422:
		c = "422"
	case media.YUV444:
		c = "444"
	default:
		c = "420"
		if f.Depth > 8 {
			break
		}
		switch f.Color.Siting { // 8 bits alone say where chroma lies; values of H.273 plus one, as FFmpeg has them
		case 1:
			c = "420mpeg2"
		case 3:
			c = "420paldv"
		default:
			c = "420jpeg"
		}
	}
	switch {
	case f.Depth == 8:
	case f.Layout == media.Gray:
		c += fmt.Sprint(f.Depth)
	default:
		c += fmt.Sprintf("p%d", f.Depth)
	}
	return c, !f.Alpha
}

// Y4M is a PacketWriter of YUV4MPEG2: a header, and each frame as its planes. It has one frame rate and no other streams.
type Y4M struct {
	out     *os.File
	w       *bufio.Writer
	info    *media.Info
	actions []StreamAction
	done    bool
}

// NewY4M writes to out, which it does not close.
func NewY4M(out *os.File) *Y4M { return &Y4M{out: out, w: bufio.NewWriterSize(out, 1<<20)} }

// Start writes the header.
func (w *Y4M) Start(info *media.Info) error {
	w.info = info
	p, ok := info.VideoTrack().Params.(*av.Params)
	if !ok {
		return errors.New("no parameters of the video")
	}
	d, ok := av.DescribePixels(p.PixelFormat())
	if !ok {
		return errors.New("unknown pixel format")
	}
	f := info.Format
	f.Width, f.Height = p.Size()
	f.Depth, f.Alpha, f.Layout = d.Depth, d.Alpha, media.YUV444
	switch {
	case d.Components == 1:
		f.Layout = media.Gray
	case d.ShiftY > 0:
		f.Layout = media.YUV420
	case d.ShiftX > 0:
		f.Layout = media.YUV422
	}
	c, ok := y4mColor(f)
	if !ok || d.RGB {
		return &RequestError{Reason: "Y4M has no name for " + d.Name, Hint: "Options.Container nut holds it"}
	}
	rate, sar := frameRate(info), info.SampleAspect
	if rate.Num <= 0 {
		rate = media.Rational{Num: 25, Den: 1}
	}
	full := "LIMITED"
	if p.Color().Range == media.RangeFull {
		full = "FULL"
	}
	for i := range info.Tracks {
		t := &info.Tracks[i]
		a := StreamAction{Index: t.Index, Type: t.Type.String(), Codec: t.Codec, Action: Encoded, Why: fmt.Sprintf("Y4M has no times: frames follow at %d/%d a second", rate.Num, rate.Den)}
		if i != info.Video {
			a.Action, a.Why = Dropped, "Y4M holds frames only"
		}
		w.actions = append(w.actions, a)
	}
	_, err := fmt.Fprintf(w.w, "YUV4MPEG2 W%d H%d F%d:%d Ip A%d:%d C%s XCOLORRANGE=%s\n", f.Width, f.Height, rate.Num, rate.Den, max(sar.Num, 0), max(sar.Den, 1)*min(max(sar.Num, 0), 1), c, full)
	return w.destination(err)
}

// Actions says what became of each track, after Start.
func (w *Y4M) Actions() []StreamAction { return append([]StreamAction{}, w.actions...) }

// WritePacket writes a frame.
func (w *Y4M) WritePacket(p *media.Packet) error {
	if p.Track != w.info.Video {
		return nil
	}
	_, err := w.w.WriteString("FRAME\n")
	if err == nil {
		_, err = w.w.Write(p.Data)
	}
	return w.destination(err)
}

func (w *Y4M) destination(err error) error {
	if err != nil {
		return &DestinationError{Path: "standard output", Err: err}
	}
	return nil
}

// Close writes what is buffered.
func (w *Y4M) Close() error {
	if w.done {
		return nil
	}
	w.done = true
	return w.destination(w.w.Flush())
}

// Abort stops writing.
func (w *Y4M) Abort() error {
	w.done = true
	return nil
}
