package encode

import (
	"fmt"
	"log/slog"
	"slices"
	"strings"
)

// CRFZero is the codec's own 0, as FFmpeg's -crf 0: its best, for x264 in 8 bits lossless. Codecs without a CRF do not know it.
const CRFZero = -2

// Options of the video encoder. The zero value is x264 at a quality meant for keeping.
type Options struct {
	Codec   string `yaml:"codec"`   // x264 (default), x264rgb, x265, svtav1, vp9, vp8, prores, ffv1, png, h264_nvenc, hevc_nvenc
	CRF     int    `yaml:"crf"`     // quality, lower is better; 0 takes the codec's default; -1 is lossless where the codec can; or CRFZero
	Preset  string `yaml:"preset"`  // the codec's own presets; empty takes our default
	PixFmt  string `yaml:"pix_fmt"` // FFmpeg pixel format, as in yuv420p10le; empty keeps the source's layout and depth
	Threads int    `yaml:"threads"` // 0 lets the encoder decide

	KeyframeSeconds float64 `yaml:"keyframe_seconds"` // longest distance of keyframes, default 10 s, 2 s with ZeroLatency

	// For live output: no B-frames, no lookahead, headers in every keyframe. BitRate caps the rate with a buffer of BufferSeconds.
	ZeroLatency   bool    `yaml:"-"`
	BitRate       int64   `yaml:"-"` // bits a second, 0 for constant quality
	BufferSeconds float64 `yaml:"-"` // default 0.5

	GPU    *GPU              `yaml:"-"` // nil: frames come from the host
	FFmpeg map[string]string `yaml:"-"` // further private options of the encoder
	Logger *slog.Logger      `yaml:"-"` // nil discards
}

// Validate reports the first value that makes no sense.
func (o Options) Validate() error {
	c, err := findCodec(o.Codec)
	switch {
	case err != nil:
		return err
	case o.CRF < CRFZero || o.CRF > c.worst && c.worst > 0:
		return &RequestError{Reason: fmt.Sprintf("crf %d for %s, want -1 to %d", o.CRF, c.name, c.worst)}
	case o.CRF == CRFZero && (c.crf == 0 || c.gpu):
		return &RequestError{Reason: c.name + " has no crf 0", Hint: "crf -1 is lossless where the codec can"}
	case o.CRF == -1 && !c.lossless:
		return &RequestError{Reason: c.name + " has no lossless mode here", Hint: "use ffv1 or x264"}
	case o.Preset != "" && len(c.presets) > 0 && !slices.Contains(c.presets, o.Preset):
		return &RequestError{Reason: fmt.Sprintf("unknown preset %q of %s", o.Preset, c.name), Hint: "known are " + strings.Join(c.presets, ", ")}
	case o.Threads < 0:
		return &RequestError{Reason: fmt.Sprintf("threads %d, want 0 or more", o.Threads)}
	case !(o.KeyframeSeconds >= 0) || !(o.BufferSeconds >= 0) || o.BitRate < 0:
		return &RequestError{Reason: "negative keyframe distance, buffer or bit rate"}
	}
	return nil
}

func (o Options) withDefaults() Options {
	if o.KeyframeSeconds == 0 {
		o.KeyframeSeconds = 10
		if o.ZeroLatency {
			o.KeyframeSeconds = 2
		}
	}
	if o.BufferSeconds == 0 {
		o.BufferSeconds = 0.5
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	return o
}
