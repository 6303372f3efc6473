package encode

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"vsr/internal/fault"
	"vsr/media"
)

// codec is what we know about one FFmpeg encoder.
type codec struct {
	name     string // ours
	aliases  []string
	encoder  string // FFmpeg's
	crf      int    // default quality; 0 when the codec has none
	worst    int    // largest crf
	lossless bool
	even     bool // needs even sizes where chroma is subsampled
	ordered  bool // packets leave in order of presentation
	// rated encoders take their time base for the frame rate (rate control, headers). They pass time stamps through untouched, so they get
	// the average rate as time base and the stamps in ticks of the track.
	rated  bool
	preset string // default
	// presets that the encoder knows; some complain on stderr about others. Empty for numbers.
	presets []string
	rgb     bool // RGB stays RGB
	gpu     bool // NVENC: frames may come from a GPU, as NV12 or P010
	deep    bool // with GPU: 10 bits too
	set     func(o Options, c codec, info *media.Info, p *private)
}

// private collects the private options of an encoder.
type private struct {
	dict   map[string]string
	params []string // for -x264-params and the like
}

var speeds = []string{"ultrafast", "superfast", "veryfast", "faster", "fast", "medium", "slow", "slower", "veryslow", "placebo"}

var nvencSpeeds = []string{"p1", "p2", "p3", "p4", "p5", "p6", "p7"}

// codecs are the encoders that we offer. x265 has no lossless mode here: that of version 3.5 changes a few samples.
var codecs = []codec{
	{name: "x264", aliases: []string{"h264", "libx264", "avc"}, encoder: "libx264", crf: 17, worst: 51, lossless: true, even: true, preset: "medium", presets: speeds, set: setX264},
	{name: "x264rgb", aliases: []string{"libx264rgb"}, encoder: "libx264rgb", crf: 17, worst: 51, lossless: true, preset: "medium", presets: speeds, rgb: true, set: setX264},
	{name: "x265", aliases: []string{"h265", "hevc", "libx265"}, encoder: "libx265", crf: 19, worst: 51, even: true, rated: true, preset: "medium", presets: speeds, set: setX265},
	{name: "svtav1", aliases: []string{"av1", "libsvtav1"}, encoder: "libsvtav1", crf: 26, worst: 63, even: true, ordered: true, rated: true, preset: "6", set: setSVT},
	{name: "vp9", aliases: []string{"libvpx-vp9"}, encoder: "libvpx-vp9", crf: 24, worst: 63, lossless: true, ordered: true, rated: true, preset: "2", set: setVPX},
	{name: "vp8", aliases: []string{"libvpx"}, encoder: "libvpx", crf: 10, worst: 63, ordered: true, rated: true, preset: "2", set: setVPX},
	{name: "prores", aliases: []string{"prores_ks"}, encoder: "prores_ks", even: true, ordered: true, set: func(Options, codec, *media.Info, *private) {}},
	{name: "h264_nvenc", encoder: "h264_nvenc", crf: 19, worst: 51, lossless: true, even: true, preset: "p5", presets: nvencSpeeds, gpu: true, set: setNVENC},
	{name: "hevc_nvenc", encoder: "hevc_nvenc", crf: 21, worst: 51, lossless: true, even: true, preset: "p5", presets: nvencSpeeds, gpu: true, deep: true, set: setNVENC},
	{name: "ffv1", encoder: "ffv1", lossless: true, ordered: true, rgb: true, set: setFFV1},
	{name: "png", encoder: "png", lossless: true, ordered: true, rgb: true, set: func(Options, codec, *media.Info, *private) {}},
}

// Aliases lists the other names by which Options.Codec knows a codec of Codecs, as h264 for x264.
func Aliases(name string) []string {
	for _, c := range codecs {
		if c.name == name {
			return slices.Clone(c.aliases)
		}
	}
	return nil
}

// Codecs lists the names that Options.Codec takes.
func Codecs() []string {
	var out []string
	for _, c := range codecs {
		out = append(out, c.name)
	}
	return out
}

func findCodec(name string) (codec, error) {
	if name == "" {
		name = "x264"
	}
	var known []string
	for _, list := range [][]codec{codecs, imageCodecs, pipeCodecs} {
		for _, c := range list {
			if c.name == name || slices.Contains(c.aliases, name) {
				return c, nil
			}
			known = append(append(known, c.name), c.aliases...)
		}
	}
	return codec{}, &RequestError{Reason: fmt.Sprintf("unknown codec %q", name), Hint: fault.DidYouMean(name, known, "known are "+strings.Join(Codecs(), ", "))}
}

func (p *private) quality(o Options, c codec) {
	switch {
	case o.CRF == CRFZero:
		p.dict["crf"] = "0"
	case o.CRF >= 0:
		p.dict["crf"] = strconv.Itoa(cmpOr(o.CRF, c.crf))
	}
}

func cmpOr(a, b int) int {
	if a != 0 {
		return a
	}
	return b
}

func setX264(o Options, c codec, info *media.Info, p *private) {
	p.quality(o, c)
	if o.CRF == -1 {
		p.dict["qp"] = "0"
	}
	p.dict["forced-idr"] = "1"
	p.dict["preset"] = strOr(o.Preset, c.preset)
	if o.ZeroLatency {
		p.dict["preset"] = strOr(o.Preset, "veryfast")
		p.dict["tune"] = "zerolatency"
		p.params = append(p.params, "repeat-headers=1")
	}
	if m, ok := mastering(info); ok {
		p.params = append(p.params, "mastering-display="+m.x265())
	}
	if l, ok := lightLevel(info); ok {
		p.params = append(p.params, fmt.Sprintf("cll=%d,%d", l[0], l[1]))
	}
}

func setX265(o Options, c codec, info *media.Info, p *private) {
	p.quality(o, c)
	p.dict["forced-idr"] = "1"
	p.dict["preset"] = strOr(o.Preset, c.preset)
	p.params = append(p.params, "open-gop=0", "log-level=error")
	if o.Threads > 0 {
		p.params = append(p.params, "pools="+strconv.Itoa(o.Threads))
	}
	if o.ZeroLatency {
		p.dict["preset"] = strOr(o.Preset, "ultrafast")
		p.dict["tune"] = "zerolatency"
		p.params = append(p.params, "repeat-headers=1")
	}
	m, hdr := mastering(info)
	if hdr {
		p.params = append(p.params, "master-display="+m.x265())
	}
	if l, ok := lightLevel(info); ok {
		p.params, hdr = append(p.params, fmt.Sprintf("max-cll=%d,%d", l[0], l[1])), true
	}
	if hdr || info.Format.Color.Transfer == media.TransferPQ {
		p.params = append(p.params, "hdr10=1", "hdr10-opt=1")
	}
}

func setSVT(o Options, c codec, info *media.Info, p *private) {
	p.quality(o, c)
	if !o.ZeroLatency && o.BitRate == 0 { // the only mode that takes keyframes from outside
		p.params = append(p.params, "enable-force-key-frames=1")
	}
	p.dict["preset"] = strOr(o.Preset, c.preset)
	if o.ZeroLatency {
		p.dict["preset"] = strOr(o.Preset, "10")
		p.params = append(p.params, "pred-struct=1", "lookahead=0")
	}
	if o.Threads > 0 {
		p.params = append(p.params, "lp="+strconv.Itoa(o.Threads))
	}
	if m, ok := mastering(info); ok {
		p.params = append(p.params, "mastering-display="+m.decimal())
	}
	if l, ok := lightLevel(info); ok {
		p.params = append(p.params, fmt.Sprintf("content-light=%d,%d", l[0], l[1]))
	}
}

func setVPX(o Options, c codec, _ *media.Info, p *private) {
	p.quality(o, c)
	p.dict["cpu-used"] = strOr(o.Preset, c.preset)
	p.dict["deadline"] = "good"
	if c.name == "vp9" {
		p.dict["row-mt"] = "1"
		if o.CRF == -1 {
			p.dict["lossless"] = "1"
		}
	}
	if o.ZeroLatency {
		p.dict["deadline"], p.dict["lag-in-frames"] = "realtime", "0"
		p.dict["cpu-used"] = strOr(o.Preset, "8")
	}
}

// setNVENC asks for constant quality. FFmpeg knows these options; they are not tested on a real GPU.
func setNVENC(o Options, c codec, _ *media.Info, p *private) {
	p.dict["preset"] = strOr(o.Preset, c.preset)
	p.dict["forced-idr"] = "1"
	switch {
	case o.CRF == -1:
		p.dict["tune"] = "lossless"
	case o.BitRate == 0:
		p.dict["rc"], p.dict["b"] = "vbr", "0"
		p.dict["cq"] = strconv.Itoa(cmpOr(o.CRF, c.crf))
	}
	if c.name == "h264_nvenc" && o.CRF >= 0 {
		p.dict["profile"] = "high"
	}
	if o.ZeroLatency {
		p.dict["preset"], p.dict["tune"] = strOr(o.Preset, "p3"), "ull"
		p.dict["zerolatency"], p.dict["delay"] = "1", "0"
	}
}

func setFFV1(_ Options, _ codec, _ *media.Info, p *private) {
	p.dict["level"], p.dict["slicecrc"] = "3", "1"
}

func strOr(a, b string) string {
	if a != "" {
		return a
	}
	return b
}
