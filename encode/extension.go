package encode

import (
	"path/filepath"
	"slices"
	"strings"

	"vsr/media"
)

// Extension proposes a file name extension for an output: that of the source where its container can hold the video codec and all tracks, else the
// first of .mp4, .mov and .mkv that loses the least. name is the source's file name and codec as in Options.Codec.
func Extension(info *media.Info, name, codecName string) string {
	c, err := findCodec(codecName)
	if err != nil {
		c, _ = findCodec("")
	}
	own := strings.ToLower(filepath.Ext(name))
	candidates := []string{".mp4", ".mov", ".mkv"}
	switch {
	case strings.Contains(info.Container, "matroska") && own == ".webm":
		candidates = []string{".webm", ".mkv"}
	case strings.Contains(info.Container, "matroska"):
		candidates = []string{".mkv"}
	case strings.Contains(info.Container, "mov") && own == ".mov":
		candidates = []string{".mov", ".mkv"}
	case info.Container == "mpegts":
		candidates = []string{".ts", ".mp4", ".mkv"}
	}
	for _, ext := range candidates {
		if videoFits(c.name, ext) && audioFits(info, ext) {
			return ext
		}
	}
	return ".mkv"
}

func videoFits(codec, ext string) bool {
	switch ext {
	case ".mp4":
		return slices.Contains([]string{"x264", "x265", "svtav1", "vp9"}, codec)
	case ".mov":
		return slices.Contains([]string{"x264", "x265", "prores"}, codec)
	case ".webm":
		return slices.Contains([]string{"vp8", "vp9", "svtav1"}, codec)
	case ".ts":
		return slices.Contains([]string{"x264", "x265"}, codec)
	}
	return true
}

// audioFits looks at sound only: other tracks are rarer, and what is lost of them is listed.
func audioFits(info *media.Info, ext string) bool {
	for _, t := range info.Tracks {
		if t.Type != media.TrackAudio {
			continue
		}
		ok := true
		switch ext {
		case ".mp4":
			ok = slices.Contains([]string{"aac", "mp3", "mp2", "ac3", "eac3", "opus", "alac", "flac", "dts"}, t.Codec)
		case ".mov":
			ok = slices.Contains([]string{"aac", "mp3", "mp2", "ac3", "eac3", "alac"}, t.Codec) || strings.HasPrefix(t.Codec, "pcm_")
		case ".webm":
			ok = t.Codec == "opus" || t.Codec == "vorbis"
		case ".ts":
			ok = slices.Contains(transportCodecs, t.Codec)
		}
		if !ok {
			return false
		}
	}
	return true
}
