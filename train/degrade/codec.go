package degrade

import (
	"fmt"
	"math/rand/v2"

	"vsr/internal/av"
	"vsr/media"
)

// Codec is a video codec by FFmpeg's name.
type Codec string

// The codecs that recipes use.
const (
	H264  Codec = "h264"
	HEVC  Codec = "hevc"
	VP9   Codec = "vp9"
	MPEG4 Codec = "mpeg4"
	MPEG2 Codec = "mpeg2video"
)

// ParseCodec reads a codec's name.
func ParseCodec(name string) (Codec, error) {
	switch name {
	case "h264", "hevc", "vp9", "mpeg4", "mpeg2video":
		return Codec(name), nil
	case "h265":
		return HEVC, nil
	case "mpeg2":
		return MPEG2, nil
	}
	return "", fmt.Errorf("degrade: codec %q, want h264, hevc, vp9, mpeg4 or mpeg2", name)
}

// codecLimits is the range of the quality setting: CRF or quantiser.
func codecLimits(c Codec) (low, high int) {
	switch c {
	case VP9:
		return 0, 63
	case MPEG4, MPEG2:
		return 1, 31
	}
	return 0, 51
}

// code sends a clip through 8-bit 4:2:0 and a codec. lead frames are coded before it, the clip's own played back and forth, so that
// the clip starts somewhere inside a group of images.
func code(clip []Image, matrix media.Matrix, o av.RoundTripOptions, lead int) ([]Image, error) {
	frames := make([]*media.Frame, lead, lead+len(clip))
	for _, m := range clip {
		frames = append(frames, ToYUV(m, matrix))
	}
	for i := range lead {
		frames[i] = frames[lead+reflect101(i-lead, len(clip))]
	}
	got, err := av.RoundTrip(o, frames)
	if err != nil {
		return nil, err
	}
	out := make([]Image, len(clip))
	for i := range clip {
		out[i] = FromYUV(got[lead+i], clip[i].W, clip[i].H)
	}
	return out, nil
}

// Coded is bicubic reduction followed by one codec at one setting: what a careful encode of a small image looks like.
type Coded struct {
	Factor  int
	Codec   Codec
	Quality int    // CRF for H.264, HEVC and VP9, quantiser for MPEG-2 and MPEG-4
	GOP     int    // default 48
	Preset  string // x264's and x265's, default medium
}

// Validate reports settings that the codec does not have.
func (c Coded) Validate() error {
	if _, err := ParseCodec(string(c.Codec)); err != nil {
		return err
	}
	if low, high := codecLimits(c.Codec); c.Quality < low || c.Quality > high {
		return fmt.Errorf("degrade: %s quality %d, want %d to %d", c.Codec, c.Quality, low, high)
	}
	return nil
}

// Scale implements Recipe.
func (c Coded) Scale() int { return c.Factor }

// Frames implements Recipe.
func (c Coded) Frames() int { return 4 }

// Apply implements Recipe. Nothing in it is random.
func (c Coded) Apply(_ Rand, hr []Image) ([]Image, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	if err := checkClip(hr, c.Factor); err != nil {
		return nil, err
	}
	lr := make([]Image, len(hr))
	for i, m := range hr {
		var err error
		if lr[i], err = Bicubic(m, c.Factor); err != nil {
			return nil, err
		}
		lr[i].Clamp()
	}
	o := av.RoundTripOptions{Codec: string(c.Codec), Quality: c.Quality, GOP: c.GOP, Preset: c.Preset}
	if o.GOP == 0 {
		o.GOP = 48
	}
	if o.Preset == "" {
		o.Preset = "medium"
	}
	if c.Codec != VP9 {
		o.BFrames = 2
	}
	out, err := code(lr, media.MatrixBT709, o, 0)
	if err != nil {
		return nil, fmt.Errorf("degrade: %w", err)
	}
	for _, m := range out {
		m.Quantise()
	}
	return out, nil
}

// codecChoice is how often a codec is met and how hard it is driven.
type codecChoice struct {
	codec     Codec
	share     float64
	low, high int // quality, from good to poor
}

// codecDraw is one codec setting, drawn.
type codecDraw struct {
	options av.RoundTripOptions
	lead    int
}

// drawCodec draws codec, quality (mostly towards the better end), GOP and the clip's position in it. gentle halves the quality range.
func drawCodec(r *rand.Rand, choices []codecChoice, gentle bool) codecDraw {
	choice := r.Float64()
	hard := r.Float64()
	hard *= hard
	if gentle {
		hard /= 2
	}
	return codecSetting(r, pick(choices, choice), hard)
}

// drawFrom draws one of the choices at a quality of hard, from 0 (its best) to 1.
func drawFrom(r *rand.Rand, choices []codecChoice, hard float64) codecDraw {
	return codecSetting(r, pick(choices, r.Float64()), hard)
}

// pick returns the choice at u in [0,1) of the shares.
func pick(choices []codecChoice, u float64) codecChoice {
	i := 0
	for i < len(choices)-1 && u >= choices[i].share {
		u -= choices[i].share
		i++
	}
	return choices[i]
}

// codecSetting draws what is left: GOP, B-frames, preset and the clip's place in the GOP.
func codecSetting(r *rand.Rand, c codecChoice, hard float64) codecDraw {
	o := av.RoundTripOptions{Codec: string(c.codec), Quality: c.low + int(hard*float64(c.high-c.low)+0.5), GOP: 1 + r.IntN(24)}
	b := r.IntN(4)
	if c.codec != VP9 {
		o.BFrames = b
	}
	o.Preset = [...]string{"ultrafast", "superfast", "veryfast", "faster"}[r.IntN(4)]
	return codecDraw{options: o, lead: r.IntN(7)}
}
