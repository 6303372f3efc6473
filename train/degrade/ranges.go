package degrade

import (
	"fmt"
	"math"
	"reflect"
	"strings"
)

// Ranges holds what the recipes draw from: an odds (0 to 1) for every step that is not always taken, and low and high ends. Blur is a
// standard deviation in low-resolution pixels unless said, noise one in 8-bit steps.
type Ranges struct {
	Video  VideoRanges  `yaml:"video"`
	Second SecondRanges `yaml:"second"`
	Light  LightRanges  `yaml:"careful"`
	Coding CodingRanges `yaml:"coding"`
	Codecs CodecRanges  `yaml:"codecs"` // of video and careful
}

// VideoRanges is what Video draws from.
type VideoRanges struct {
	Blur         float64    `yaml:"blur"`
	Sigma        [2]float64 `yaml:"sigma"`
	Noise        float64    `yaml:"noise"`
	NoiseSigma   [2]float64 `yaml:"noise_sigma"`
	Poisson      [2]float64 `yaml:"poisson"` // scale of the noise that grows with light, three in ten of the noisy clips
	Interlaced   float64    `yaml:"interlaced"`
	Sharpen      float64    `yaml:"sharpen"`
	Amount       [2]float64 `yaml:"sharpen_amount"`
	Reupload     float64    `yaml:"reupload"`
	ReuploadSize [2]float64 `yaml:"reupload_size"` // relative, of seven in ten
	Codec        float64    `yaml:"codec"`
}

// SecondRanges is what SecondOrder draws from.
type SecondRanges struct {
	First     StageRanges `yaml:"first"`
	Second    StageRanges `yaml:"second"`
	Gray      float64     `yaml:"gray"`
	JPEG      [2]float64  `yaml:"jpeg"` // quality
	FinalSinc float64     `yaml:"final_sinc"`
}

// StageRanges is one of SecondOrder's two rounds.
type StageRanges struct {
	Blur    float64    `yaml:"blur"`
	Sigma   [2]float64 `yaml:"sigma"` // in pixels of the round's own size
	Up      float64    `yaml:"up"`
	Down    float64    `yaml:"down"`
	Size    [2]float64 `yaml:"size"`
	Noise   [2]float64 `yaml:"noise_sigma"`
	Poisson [2]float64 `yaml:"poisson"`
}

// LightRanges is what Light draws from.
type LightRanges struct {
	Blur  float64    `yaml:"blur"`
	Sigma [2]float64 `yaml:"sigma"`
	Codec float64    `yaml:"codec"`
}

// CodingRanges is what Coding draws from.
type CodingRanges struct {
	Blur       float64     `yaml:"blur"`
	Sigma      [2]float64  `yaml:"sigma"`
	Again      float64     `yaml:"second_generation"`
	Third      float64     `yaml:"third_generation"` // of those with a second
	Resized    float64     `yaml:"resized"`          // of the generations but the last
	Size       [2]float64  `yaml:"size"`
	WrongRange float64     `yaml:"wrong_range"`
	JPEG       float64     `yaml:"motion_jpeg"`
	Quality    [2]float64  `yaml:"jpeg_quality"`
	Codecs     CodecRanges `yaml:"codecs"`
}

// CodecRanges says how often each codec is met and how hard it is driven.
type CodecRanges struct {
	H264  CodecRange `yaml:"h264"`
	HEVC  CodecRange `yaml:"hevc"`
	VP9   CodecRange `yaml:"vp9"`
	MPEG4 CodecRange `yaml:"mpeg4"`
	MPEG2 CodecRange `yaml:"mpeg2"`
}

// CodecRange is one codec: its share, and CRF or quantiser from good to poor.
type CodecRange struct {
	Share   float64 `yaml:"share"`
	Quality [2]int  `yaml:"quality"`
}

// DefaultRanges are those of the built-in models.
func DefaultRanges() Ranges {
	return Ranges{
		Video: VideoRanges{Blur: 0.75, Sigma: [2]float64{0.1, 0.7}, Noise: 0.5, NoiseSigma: [2]float64{0.25, 9.25}, Poisson: [2]float64{0.05, 0.8},
			Interlaced: 0.06, Sharpen: 0.15, Amount: [2]float64{0.2, 0.8}, Reupload: 0.25, ReuploadSize: [2]float64{0.6, 1.3}, Codec: 0.88},
		Second: SecondRanges{
			First: StageRanges{Blur: 1, Sigma: [2]float64{0.2, 3}, Up: 0.2, Down: 0.7, Size: [2]float64{0.15, 1.5}, Noise: [2]float64{1, 30},
				Poisson: [2]float64{0.05, 3}},
			Second: StageRanges{Blur: 0.8, Sigma: [2]float64{0.2, 1.5}, Up: 0.3, Down: 0.4, Size: [2]float64{0.3, 1.2}, Noise: [2]float64{1, 25},
				Poisson: [2]float64{0.05, 2.5}},
			Gray: 0.4, JPEG: [2]float64{30, 95}, FinalSinc: 0.8,
		},
		Light: LightRanges{Blur: 0.4, Sigma: [2]float64{0.1, 0.35}, Codec: 0.85},
		Coding: CodingRanges{Blur: 0.4, Sigma: [2]float64{0.1, 0.45}, Again: 0.3, Third: 0.25, Resized: 0.4, Size: [2]float64{0.6, 1.4},
			WrongRange: 0.03, JPEG: 0.08, Quality: [2]float64{20, 85},
			// Driven harder than Codecs, to the rates of poor uploads, phones and video CDs.
			Codecs: CodecRanges{CodecRange{0.5, [2]int{18, 38}}, CodecRange{0.15, [2]int{20, 38}}, CodecRange{0.13, [2]int{20, 52}},
				CodecRange{0.12, [2]int{2, 14}}, CodecRange{0.1, [2]int{2, 14}}}},
		// What people have: mostly H.264 from phones and the web, old discs and rips, newer streams.
		Codecs: CodecRanges{CodecRange{0.5, [2]int{16, 32}}, CodecRange{0.15, [2]int{18, 34}}, CodecRange{0.15, [2]int{18, 44}},
			CodecRange{0.1, [2]int{2, 8}}, CodecRange{0.1, [2]int{2, 8}}},
	}
}

// choices lists the codecs in the order of the draw.
func (c CodecRanges) choices() []codecChoice {
	one := func(codec Codec, r CodecRange) codecChoice {
		return codecChoice{codec, r.Share, r.Quality[0], r.Quality[1]}
	}
	return []codecChoice{one(H264, c.H264), one(HEVC, c.HEVC), one(VP9, c.VP9), one(MPEG4, c.MPEG4), one(MPEG2, c.MPEG2)}
}

// Validate reports, by its key, the first value that no recipe can draw from.
func (r Ranges) Validate() error {
	if err := checkRanges("", reflect.ValueOf(r)); err != nil {
		return err
	}
	for name, c := range map[string]CodecRanges{"codecs": r.Codecs, "coding.codecs": r.Coding.Codecs} {
		sum := 0.0
		for _, k := range c.choices() {
			if low, high := codecLimits(k.codec); k.low < low || k.high > high {
				return fmt.Errorf("%s: %s quality %d to %d, want %d to %d", name, k.codec, k.low, k.high, low, high)
			}
			sum += k.share
		}
		if math.Abs(sum-1) > 0.01 {
			return fmt.Errorf("%s: the shares add up to %g, want 1", name, sum)
		}
	}
	return nil
}

// checkRanges takes every number for an odds and every pair for a range.
func checkRanges(key string, v reflect.Value) error {
	switch x := v.Interface().(type) {
	case float64:
		if !(x >= 0 && x <= 1) {
			return fmt.Errorf("%s = %g, want 0 to 1", key, x)
		}
	case [2]float64:
		if !(x[0] >= 0 && x[1] >= x[0] && x[1] <= 255) {
			return fmt.Errorf("%s = [%g, %g], want 0 <= low <= high", key, x[0], x[1])
		}
	case [2]int:
		if x[0] < 0 || x[1] < x[0] {
			return fmt.Errorf("%s = [%d, %d], want 0 <= good <= poor", key, x[0], x[1])
		}
	default:
		for i := range v.NumField() {
			name := strings.TrimPrefix(key+"."+v.Type().Field(i).Tag.Get("yaml"), ".")
			if err := checkRanges(name, v.Field(i)); err != nil {
				return err
			}
		}
	}
	return nil
}

// or returns r, or the default ranges when it is nil.
func (r *Ranges) or() *Ranges {
	if r == nil {
		return &standard
	}
	return r
}

var standard = DefaultRanges()
