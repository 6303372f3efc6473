package encode

import (
	"path/filepath"
	"slices"
	"strings"

	astiav "github.com/asticode/go-astiav"

	"vsr/internal/av"
	"vsr/media"
)

// extensions are the endings of outputs, each with the video codecs (FFmpeg's names) that players expect in it; nil means all.
var extensions = map[string][]string{
	".mkv":  nil,
	".mp4":  {"h264", "hevc", "av1", "vp9"},
	".m4v":  {"h264", "hevc"},
	".mov":  {"h264", "hevc", "prores"},
	".webm": {"vp9", "vp8", "av1"},
	".ts":   {"h264", "hevc"},
	".m2ts": {"h264", "hevc"},
	".mts":  {"h264", "hevc"},
	".3gp":  {"h264"},
}

// family is FFmpeg's name of what a codec of Options makes.
func family(name string) string {
	c, err := findCodec(name)
	if err != nil {
		return name
	}
	switch c.name {
	case "x264", "x264rgb", "h264_nvenc":
		return "h264"
	case "x265", "hevc_nvenc":
		return "hevc"
	case "svtav1":
		return "av1"
	}
	return c.name
}

// Extension proposes the ending of an output's name: that of the source's name where its container holds the codec and loses no more of the other
// streams than another would, else a related one, else .mkv. name is the source's file name; info, which may be nil, lists its streams;
// codecName is as in Options.Codec.
func Extension(info *media.Info, name, codecName string) string {
	ext := filepath.Ext(name)
	own := strings.ToLower(ext)
	if image := imageExtension(info, own); image != "" {
		if image == own {
			return ext
		}
		return image
	}
	related := map[string][]string{".mp4": {".mov"}, ".m4v": {".mp4", ".mov"}, ".3gp": {".mp4", ".3gp"}, ".ts": {".m2ts"}}
	candidates := append([]string{own}, related[own]...)
	if own == ".3gp" { // phones and browsers of today
		candidates = candidates[1:]
	}
	best, least := ".mkv", 1<<30
	for _, c := range append(candidates, ".mkv") {
		codecs, known := extensions[c]
		if !known || codecs != nil && !slices.Contains(codecs, family(codecName)) {
			continue
		}
		if n := losses(info, c); n < least {
			best, least = c, n
		}
	}
	if best == own {
		return ext // in its own spelling
	}
	return best
}

// losses counts the audio and subtitle streams that a container would not hold as they are or as text.
func losses(info *media.Info, ext string) (n int) {
	if info == nil {
		return 0
	}
	fc, err := astiav.AllocOutputFormatContext(nil, "", "x"+ext)
	if err != nil {
		return 1 << 20
	}
	f := &File{path: "x" + ext, fc: fc, muxer: av.OutputName(fc), info: info, opt: FileOptions{Audio: AudioCopy}, tracks: make([]outTrack, len(info.Tracks))}
	defer f.free()
	for i := range info.Tracks {
		t := &info.Tracks[i]
		if i != info.Video && (t.Type == media.TrackAudio || t.Type == media.TrackSubtitle) && f.plan(t).Action == Dropped {
			n++
		}
	}
	return n
}

// imageExtension is the ending for an input that is an image, still or animated: its own if vsr writes such files, else .png; empty for others.
func imageExtension(info *media.Info, own string) string {
	switch {
	case own == ".png" && info != nil && info.Images == nil && strings.Contains(info.Container, "apng"):
		return ".apng"
	case ImageCodec(own) != "":
		return own
	case info != nil && (info.Images != nil || strings.HasSuffix(info.Container, "_pipe")):
		return ".png"
	}
	return ""
}
