package av

// #include "av.h"
import "C"

import (
	"errors"
	"fmt"
	"io"
	"strconv"

	astiav "github.com/asticode/go-astiav"

	"vsr/media"
)

// RoundTripOptions says how RoundTrip compresses.
type RoundTripOptions struct {
	Codec   string // h264, hevc, vp9, mpeg4 or mpeg2video
	Quality int    // CRF for h264, hevc (0 to 51) and vp9 (0 to 63); the quantiser for mpeg4 and mpeg2video (1 to 31)
	GOP     int    // frames from one keyframe to the next, default 12
	BFrames int    // at most so many in a row; not for vp9
	Preset  string // x264's and x265's preset, default veryfast
}

// Bounds of a round trip: it is for short clips in memory.
const (
	roundTripFrames = 512
	roundTripSide   = 8192
)

// RoundTrip encodes a clip of 8-bit YUV 4:2:0 frames in memory and decodes it again, on one thread. The results are new frames, as
// many as were given and in the same order. It fails if the codec is not in this FFmpeg, or loses a frame.
func RoundTrip(o RoundTripOptions, frames []*media.Frame) ([]*media.Frame, error) {
	out, err := roundTrip(o, frames)
	if err != nil {
		return nil, fmt.Errorf("av: %s round trip: %w", o.Codec, err)
	}
	return out, nil
}

func roundTrip(o RoundTripOptions, frames []*media.Frame) ([]*media.Frame, error) {
	if len(frames) == 0 || len(frames) > roundTripFrames {
		return nil, fmt.Errorf("%d frames, want 1 to %d", len(frames), roundTripFrames)
	}
	f := frames[0].Format
	if f.Layout != media.YUV420 || f.Depth != 8 || f.Alpha || f.Width > roundTripSide || f.Height > roundTripSide {
		return nil, fmt.Errorf("%v is not 8-bit yuv420p of at most %d", f, roundTripSide)
	}
	for _, fr := range frames {
		if fr.Format != f {
			return nil, fmt.Errorf("a frame of %v among %v", fr.Format, f)
		}
	}
	NewLog(nil, "") // the encoders would print their settings on stderr
	t := trip{out: make([]*media.Frame, len(frames)), format: f, coded: codedFormat(f)}
	defer t.free()
	if err := t.open(o); err != nil {
		return nil, err
	}
	for i, fr := range frames {
		if err := t.encode(fr, int64(i)); err != nil {
			return nil, err
		}
	}
	if err := t.finish(); err != nil {
		return nil, err
	}
	for i, fr := range t.out {
		if fr == nil {
			return nil, fmt.Errorf("frame %d of %d did not come back", i, len(frames))
		}
	}
	return t.out, nil
}

// trip is one encoder that feeds one decoder.
type trip struct {
	enc, dec *astiav.CodecContext
	raw, got *astiav.Frame
	packet   *astiav.Packet
	format   media.Format
	coded    media.Format // what the encoder sees
	out      []*media.Frame
}

// codedFormat is the size that the encoder is given: sides are multiples of 16 and at least 64; the border is repeated and cut off
// again. On smaller or uneven frames x265 3.5 writes past its buffers.
func codedFormat(f media.Format) media.Format {
	f.Width, f.Height = max((f.Width+15)/16*16, 64), max((f.Height+15)/16*16, 64)
	return f
}

// encoderNames maps the codec to the encoder that is asked for.
var encoderNames = map[string]string{"h264": "libx264", "hevc": "libx265", "vp9": "libvpx-vp9", "mpeg4": "mpeg4", "mpeg2video": "mpeg2video"}

func (t *trip) open(o RoundTripOptions) error {
	encoder, decoder := astiav.FindEncoderByName(encoderNames[o.Codec]), astiav.FindDecoderByName(o.Codec)
	if encoderNames[o.Codec] == "" || encoder == nil || decoder == nil {
		return errors.New("the codec is not in this FFmpeg")
	}
	settings, err := roundTripSettings(o)
	if err != nil {
		return err
	}
	defer settings.Free()
	if t.enc, t.dec = astiav.AllocCodecContext(encoder), astiav.AllocCodecContext(decoder); t.enc == nil || t.dec == nil {
		return errors.New("out of memory")
	}
	t.enc.SetWidth(t.coded.Width)
	t.enc.SetHeight(t.coded.Height)
	t.enc.SetPixelFormat(astiav.PixelFormatYuv420P)
	t.enc.SetTimeBase(astiav.NewRational(1, 25))
	t.enc.SetFramerate(astiav.NewRational(25, 1))
	t.enc.SetThreadCount(1)
	t.dec.SetThreadCount(1)
	if err := Explain(func() error { return t.enc.Open(encoder, settings) }); err != nil {
		return err
	}
	if err := Explain(func() error { return t.dec.Open(decoder, nil) }); err != nil {
		return err
	}
	t.raw, t.got, t.packet = astiav.AllocFrame(), astiav.AllocFrame(), astiav.AllocPacket()
	t.raw.SetWidth(t.coded.Width)
	t.raw.SetHeight(t.coded.Height)
	t.raw.SetPixelFormat(astiav.PixelFormatYuv420P)
	// With +qscale the MPEG encoders take the quantiser from the frame; x264, x265 and libvpx do not look at it.
	(*C.AVFrame)(t.raw.UnsafePointer()).quality = C.int(o.Quality * C.FF_QP2LAMBDA)
	return Err(t.raw.AllocBuffer(0))
}

// roundTripSettings translates the options into the encoder's own words.
func roundTripSettings(o RoundTripOptions) (*astiav.Dictionary, error) {
	gop, preset := o.GOP, o.Preset
	if gop == 0 {
		gop = 12
	}
	if preset == "" {
		preset = "veryfast"
	}
	top := map[string]int{"h264": 51, "hevc": 51, "vp9": 63}[o.Codec]
	low := 0
	if top == 0 {
		low, top = 1, 31
	}
	if o.Quality < low || o.Quality > top || gop < 1 || gop > 600 || o.BFrames < 0 || o.BFrames > 8 {
		return nil, fmt.Errorf("quality %d (want %d to %d), GOP %d (1 to 600), %d B-frames (0 to 8)", o.Quality, low, top, gop, o.BFrames)
	}
	q, g, b := strconv.Itoa(o.Quality), strconv.Itoa(gop), strconv.Itoa(o.BFrames)
	pairs := []string{"g", g}
	switch o.Codec {
	case "h264":
		// With mbtree, two encodes of one clip differ now and then on this build of x264, even on one thread.
		pairs = append(pairs, "crf", q, "bf", b, "preset", preset, "rc-lookahead", "8", "x264-params", "mbtree=0")
	case "hevc":
		pairs = append(pairs, "crf", q, "preset", preset, "x265-params",
			"log-level=none:pools=none:frame-threads=1:ctu=32:rc-lookahead=8:bframes="+b+":keyint="+g)
	case "vp9":
		pairs = append(pairs, "crf", q, "b", "0", "deadline", "realtime", "cpu-used", "7", "lag-in-frames", "0")
	default:
		pairs = append(pairs, "flags", "+qscale", "bf", b) // the quantiser itself rides on every frame
	}
	d := astiav.NewDictionary()
	for i := 0; i < len(pairs); i += 2 {
		if err := d.Set(pairs[i], pairs[i+1], 0); err != nil {
			d.Free()
			return nil, Err(err)
		}
	}
	return d, nil
}

func (t *trip) free() {
	if t.enc != nil {
		t.enc.Free()
	}
	if t.dec != nil {
		t.dec.Free()
	}
	if t.raw != nil {
		t.raw.Free()
		t.got.Free()
		t.packet.Free()
	}
}

// encode sends one frame and passes on whatever packets come out. The time stamp is the frame's number.
func (t *trip) encode(fr *media.Frame, number int64) error {
	if err := MakeWritable(t.raw); err != nil {
		return err
	}
	var p Frame
	p.Read(t.raw)
	for plane := range 3 {
		w, h := t.coded.PlaneSize(plane)
		_, rows := t.format.PlaneSize(plane)
		for y := range h {
			dst, src := p.Row(plane, y, w), fr.Row(plane, min(y, rows-1))
			for x := copy(dst, src); x < w; x++ {
				dst[x] = src[len(src)-1]
			}
		}
	}
	t.raw.SetPts(number)
	if err := t.enc.SendFrame(t.raw); err != nil {
		return Err(err)
	}
	return t.pass()
}

// pass moves packets from the encoder to the decoder until the encoder has none; io.EOF from the encoder ends the decoder's input.
func (t *trip) pass() error {
	for {
		switch err := Err(t.enc.ReceivePacket(t.packet)); {
		case errors.Is(err, ErrAgain):
			return nil
		case errors.Is(err, io.EOF):
			if err := Err(t.dec.SendPacket(nil)); err != nil {
				return err
			}
			return t.receive()
		case err != nil:
			return err
		}
		err := Err(t.dec.SendPacket(t.packet))
		t.packet.Unref()
		if err != nil {
			return err
		}
		if err := t.receive(); err != nil {
			return err
		}
	}
}

func (t *trip) finish() error {
	if err := Err(t.enc.SendFrame(nil)); err != nil {
		return err
	}
	return t.pass()
}

// receive copies decoded frames to their places.
func (t *trip) receive() error {
	for {
		err := Err(t.dec.ReceiveFrame(t.got))
		if errors.Is(err, ErrAgain) || errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		err = t.store()
		t.got.Unref()
		if err != nil {
			return err
		}
	}
}

func (t *trip) store() error {
	var p Frame
	p.Read(t.got)
	at := p.PTS
	if at == media.NoTime {
		at = p.BestEffort
	}
	switch {
	case at < 0 || at >= int64(len(t.out)):
		return fmt.Errorf("a frame came back with time stamp %d", at)
	case p.Width != t.coded.Width || p.Height != t.coded.Height || p.Format != astiav.PixelFormatYuv420P:
		return fmt.Errorf("a frame came back as %dx%d in pixel format %d", p.Width, p.Height, p.Format)
	}
	fr := media.NewFrame(t.format)
	for plane := range 3 {
		w, h := t.format.PlaneSize(plane)
		for y := range h {
			copy(fr.Row(plane, y), p.Row(plane, y, w))
		}
	}
	t.out[at] = fr
	return nil
}
