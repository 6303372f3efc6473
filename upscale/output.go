package upscale

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"vsr/encode"
	"vsr/media"
)

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

// defaultOutput names the output beside the input: the stem with the size, and the ending of the input, or one whose container holds what
// is in it. info may be nil.
func defaultOutput(in, suffix, encoder string, info *media.Info) string {
	stem, name := strings.TrimSuffix(in, filepath.Ext(in)), in
	if strings.Contains(in, "://") || in == "-" {
		stem, name = "out", "out"
	}
	return stem + "_" + suffix + encode.Extension(info, name, encoder)
}

// forPipe settles what goes to standard output: the format, and with an empty codec frames as they are, or without loss in Matroska.
func (o *Options) forPipe(out string, info *media.Info) {
	if out != "-" {
		return
	}
	if o.Container == "" {
		if o.Container = encode.StreamNUT; info.Container == "yuv4mpegpipe" {
			o.Container = encode.StreamY4M
		}
	}
	if o.Encode.Codec == "" {
		if o.Encode.Codec = "raw"; o.Container == encode.StreamMatroska {
			o.Encode.Codec = "ffv1"
		}
	}
}

// suffixOf is the part of the default name that says how much larger the frames are.
func suffixOf(scale, height int) string {
	if height > 0 {
		return fmt.Sprintf("%dp", height)
	}
	return fmt.Sprintf("x%d", scale)
}

// outputName returns the name to write, and refuses to write over the input.
func (o *Options) outputName(input string, scale int, info *media.Info) (string, error) {
	out := o.Output
	if out == "" {
		out = defaultOutput(input, suffixOf(scale, o.SR.Height), o.Encode.Codec, info)
		if o.Place != nil {
			var err error
			if out, err = o.Place(out); err != nil {
				return "", err
			}
		}
	}
	a, errA := os.Stat(input)
	b, errB := os.Stat(out)
	if errA == nil && errB == nil && os.SameFile(a, b) {
		return "", requestError("name another Options.Output", "%s is both input and output", filepath.Base(out))
	}
	if errB == nil && b.IsDir() {
		return "", &Error{Kind: Output, Err: fmt.Errorf("%s is a folder", out), Hint: "name a file in it as Options.Output"}
	}
	return out, nil
}
