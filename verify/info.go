package verify

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"vsr/media"
)

// compareInfo checks all that the containers' headers say.
func compareInfo(r *Report, src, out *media.Info, o Options) {
	scale := 0
	if src.Format.Width > 0 && out.Format.Width%src.Format.Width == 0 {
		scale = out.Format.Width / src.Format.Width
	}
	ok := scale >= 1 && src.Format.Height*scale == out.Format.Height
	r.add(false, "size", ok || o.AnySize, "%dx%d to %dx%d", src.Format.Width, src.Format.Height, out.Format.Width, out.Format.Height)
	s, t := src.Format.Color, out.Format.Color
	if out.VideoTrack().Codec == "prores" && t.Range == media.RangeLimited { // it knows no other, and frames are converted
		s.Range = media.RangeUnspecified
	}
	switch c := out.VideoTrack().Codec; {
	case c == "gif" || c == "apng": // no tags; frames are converted
		s = media.Color{Matrix: media.MatrixUnspecified, Primaries: media.PrimariesUnspecified, Transfer: media.TransferUnspecified, Range: media.RangeUnspecified}
	case out.StoredRGB: // the matrix that it is read with is ours
		s.Matrix, s.Range = media.MatrixUnspecified, media.RangeUnspecified
	}
	r.must("colour tags", sameColor(s, t), "%s to %s", colorString(s), colorString(t))
	r.add(false, "bit depth", out.Format.Depth >= src.Format.Depth, "%d to %d", src.Format.Depth, out.Format.Depth)
	r.must("pixel aspect", sameAspect(src.SampleAspect, out.SampleAspect, out), "%v to %v", src.SampleAspect, out.SampleAspect)
	r.must("rotation", (src.Rotation-out.Rotation)%360 == 0 && src.Display.Same(out.Display), "%v to %v", shown(src), shown(out))
	compareChapters(r, src.Chapters, out.Chapters, o.NoChapters)
	lost := lostKeys(src.Metadata, out.Metadata)
	r.add(false, "metadata", len(lost) == 0, "%d of %d entries kept%s", len(src.Metadata)-len(lost), len(src.Metadata), listed(lost))
}

// shown says how a player turns the frames.
func shown(i *media.Info) string {
	if i.Display.Identity() {
		return fmt.Sprintf("%d degrees", i.Rotation)
	}
	return i.Display.String()
}

// sameColor treats what the source leaves unspecified as free, and gray frames have no siting.
func sameColor(s, t media.Color) bool {
	free := func(unspecified, a, b uint8) bool { return a == unspecified || a == b }
	if s.Matrix == media.MatrixRGB { // what it is stored as is the encoder's choice
		s.Matrix, s.Range = media.MatrixUnspecified, media.RangeUnspecified
	}
	return free(2, uint8(s.Matrix), uint8(t.Matrix)) && free(0, uint8(s.Range), uint8(t.Range)) &&
		free(2, uint8(s.Primaries), uint8(t.Primaries)) && free(2, uint8(s.Transfer), uint8(t.Transfer))
}

func colorString(c media.Color) string {
	return fmt.Sprintf("matrix %s, primaries %s, transfer %s, range %s", c.Matrix.Name(), c.Primaries.Name(), c.Transfer.Name(), c.Range.Name())
}

// sameAspect compares to the precision of the output: Matroska and WebM store the shown width in whole samples, bitstreams have fractions of
// 16 bits.
func sameAspect(a, b media.Rational, out *media.Info) bool {
	if a.Num == 0 || a.Den == 0 {
		return true
	}
	if b.Num == 0 || b.Den == 0 {
		b = media.Rational{Num: 1, Den: 1} // square samples need no tag
	}
	off := 1e-4
	if strings.HasPrefix(out.Container, "matroska") && out.Format.Width > 0 {
		off = 1 / (float64(out.Format.Width) * min(a.Float(), 1))
	}
	return a.Num*b.Den == b.Num*a.Den || abs(b.Float()/a.Float()-1) <= off
}

func compareChapters(r *Report, src, out []media.Chapter, none string) {
	if len(src) == 0 && len(out) == 0 {
		return
	}
	if none != "" {
		r.add(false, "chapters", len(src) == 0, "%d to %d: %s", len(src), len(out), none)
		return
	}
	ok := len(src) == len(out)
	for i := range min(len(src), len(out)) {
		ok = ok && near(src[i].Start, src[i].TimeBase, out[i].Start, out[i].TimeBase, 0.0011) &&
			src[i].Metadata["title"] == out[i].Metadata["title"]
	}
	r.must("chapters", ok, "%d to %d", len(src), len(out))
}

// ignored are entries that every muxer writes anew or that describe the file, not the video.
var ignored = []string{"encoder", "major_brand", "minor_version", "compatible_brands", "duration", "creation_time", "handler_name", "vendor_id",
	"bps", "number_of_frames", "number_of_bytes", "_statistics_writing_app", "_statistics_writing_date_utc", "_statistics_tags", "encoder_options"}

func lostKeys(src, out map[string]string) []string {
	have := map[string]string{}
	for k, v := range out {
		have[strings.ToLower(k)] = v
	}
	var lost []string
	for _, k := range slices.Sorted(maps.Keys(src)) {
		low := strings.ToLower(k)
		if slices.Contains(ignored, low) || strings.HasPrefix(low, "bps-") || strings.HasPrefix(low, "duration-") {
			continue
		}
		if have[low] != src[k] {
			lost = append(lost, k)
		}
	}
	return lost
}

func listed(names []string) string {
	if len(names) == 0 {
		return ""
	}
	return "; lost: " + strings.Join(names, ", ")
}
