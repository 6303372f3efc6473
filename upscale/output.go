package upscale

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// holders are the output endings that vsr writes, each with the video codecs that its container can hold; nil means all.
var holders = map[string][]string{
	".mkv":  nil,
	".mp4":  {"h264", "hevc", "av1", "vp9"},
	".m4v":  {"h264", "hevc"},
	".mov":  {"h264", "hevc", "prores"},
	".webm": {"vp9", "vp8", "av1"},
	".ts":   {"h264", "hevc"},
	".m2ts": {"h264", "hevc"},
	".mts":  {"h264", "hevc"},
	".3gp":  nil,
}

// family returns what an encoder's name makes: h264 for libx264 and so on.
func family(encoder string) string {
	if encoder == "" || encoder == "avc" {
		return "h264"
	}
	for _, f := range [][2]string{
		{"264", "h264"}, {"265", "hevc"}, {"hevc", "hevc"}, {"av1", "av1"}, {"vp9", "vp9"}, {"prores", "prores"}, {"ffv1", "ffv1"},
	} {
		if strings.Contains(encoder, f[0]) {
			return f[1]
		}
	}
	return encoder
}

// defaultOutput names the output beside the input: the stem with the size, and the input's ending where vsr can write it
// and it can hold the codec. Phone clips become mp4, everything else mkv, which holds all.
func defaultOutput(in, suffix, encoder string) string {
	ext := filepath.Ext(in)
	stem := strings.TrimSuffix(in, ext)
	if strings.Contains(in, "://") || in == "-" {
		stem, ext = "out", ""
	}
	codec, lower := family(encoder), strings.ToLower(ext)
	can, known := holders[lower]
	switch {
	case lower == ".3gp" && slices.Contains(holders[".mp4"], codec):
		ext = ".mp4"
	case lower == ".3gp", !known, can != nil && !slices.Contains(can, codec):
		ext = ".mkv"
	}
	return stem + "_" + suffix + ext
}

// suffixOf is the part of the default name that says how much larger the frames are.
func suffixOf(scale, height int) string {
	if height > 0 {
		return fmt.Sprintf("%dp", height)
	}
	return fmt.Sprintf("x%d", scale)
}

// outputName returns the name to write, and refuses to write over the input.
func (o *Options) outputName(input string, scale int) (string, error) {
	out := o.Output
	if out == "" {
		out = defaultOutput(input, suffixOf(scale, o.SR.Height), o.Encode.Codec)
	}
	a, errA := os.Stat(input)
	b, errB := os.Stat(out)
	if errA == nil && errB == nil && os.SameFile(a, b) {
		return "", requestError("name another file with -o", "%s is both input and output", filepath.Base(out))
	}
	if errB == nil && b.IsDir() {
		return "", &Error{Kind: Output, Err: fmt.Errorf("%s is a folder", out), Hint: "name a file in it with -o"}
	}
	return out, nil
}
