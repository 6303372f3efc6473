package encode

import (
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"

	astiav "github.com/asticode/go-astiav"

	"vsr/internal/av"
	"vsr/media"
)

// plan decides what becomes of a track; f.tracks gets its parameters unless it is dropped.
func (f *File) plan(t *media.Track) StreamAction {
	a := StreamAction{Index: t.Index, Type: t.Type.String(), Codec: t.Codec, Action: Copied}
	p, ok := t.Params.(*av.Params)
	switch {
	case t.LeftOut != "":
		a.Action, a.Why = Dropped, t.LeftOut
		return a
	case !ok || p == nil:
		a.Action, a.Why = Dropped, "no codec parameters"
		return a
	}
	out := outTrack{params: p, tags: streamTags(t), dispose: t.Disposition, from: t.TimeBase}
	if out.from.Num <= 0 || out.from.Den <= 0 {
		out.from = media.Rational{Num: 1, Den: 1000}
	}
	switch {
	case t.Index == f.info.Video:
		a.Action, out.fixed = Encoded, true
	case t.Cover:
		f.planCover(t, &out, &a)
	case t.Type == media.TrackAttachment && f.muxer != "matroska":
		a.Action, a.Why = Dropped, f.muxer+" has no attachments"
	case t.Type == media.TrackAttachment:
		if out.tags["filename"] == "" {
			out.tags["filename"] = fmt.Sprintf("attachment-%d", t.Index)
		}
		if out.tags["mimetype"] == "" {
			out.tags["mimetype"] = "application/octet-stream"
		}
	case t.Type == media.TrackData && f.isRemade(t, p, &a):
		return a
	}
	if a.Action != Dropped {
		why := f.holds(&out, t)
		if t.Type == media.TrackAudio && f.convertsAll() && !f.isA(t.Codec) {
			why = "Options.Audio " + string(f.opt.Audio)
		}
		if why != "" {
			if t.Type == media.TrackAudio && f.opt.Audio != AudioCopy && f.planAudio(t, &out, &a, why) {
				why = ""
			}
			if t.Type == media.TrackSubtitle && f.planText(t, &out, &a) {
				why = f.holds(&out, t)
			}
			if why != "" {
				a.Action, a.Why = Dropped, why
			}
		}
	}
	if a.Action != Dropped {
		if f.isM2TS() && t.Type == media.TrackSubtitle && out.tags["language"] != "" {
			a.Why = joinWhy(a.Why, "its language is left out: FFmpeg writes none into .m2ts")
		}
		if f.isMOV() && !t.Cover {
			a.Why = joinWhy(a.Why, f.movTrackTags(out.tags))
		}
		f.tracks[t.Index] = out
	}
	return a
}

// planCover keeps cover art in the container's own way.
func (f *File) planCover(t *media.Track, out *outTrack, a *StreamAction) {
	switch {
	case f.muxer == "mp4" || f.muxer == "ipod":
	case f.muxer == "matroska" && out.params.Frame != nil:
		ext, mime := "jpg", "image/jpeg"
		if t.Codec == "png" {
			ext, mime = "png", "image/png"
		}
		out.params = av.NewAttachmentParams(out.params.CodecID(), out.params.Frame.Data)
		out.dispose = 0
		if out.tags["filename"] == "" {
			out.tags["filename"] = "cover." + ext
		}
		out.tags["mimetype"] = mime
		out.convert = func([]byte) []byte { return nil } // the frame is in the header
		a.Action, a.Why = Converted, "stored as an attachment"
	default:
		a.Action, a.Why = Dropped, f.muxer+" has no cover art"
	}
}

// isRemade recognises data tracks that the muxer writes by itself from chapters or tags.
func (f *File) isRemade(t *media.Track, p *av.Params, a *StreamAction) bool {
	switch {
	case strings.HasPrefix(p.Tag(), "text") && len(f.info.Chapters) > 0 && t.Codec == "bin_data":
		a.Action, a.Why = Converted, "chapter titles, written again from the chapters"
	case p.Tag() == "tmcd" && (f.muxer == "mp4" || f.muxer == "mov") && f.hasTimecode():
		a.Action, a.Why = Converted, "time code, written again from its tag"
	default:
		return false
	}
	return true
}

// hasTimecode reports whether the muxer of MP4 and MOV will make a timecode track: it looks for the tag in the file's and in the video's.
func (f *File) hasTimecode() bool {
	return f.info.Metadata["timecode"] != "" || f.info.VideoTrack().Metadata["timecode"] != ""
}

// transportCodecs is what FFmpeg writes into MPEG-TS under its right name; it takes anything else as nameless private data.
var transportCodecs = []string{"h264", "hevc", "mpeg1video", "mpeg2video", "mpeg4", "cavs", "dirac", "vc1", "aac", "aac_latm", "mp2", "mp3", "ac3", "eac3",
	"dts", "truehd", "opus", "dvb_subtitle", "dvb_teletext", "timed_id3", "scte_35"}

// blurayCodecs is what it writes into the transport streams of Blu-ray besides.
var blurayCodecs = []string{"hdmv_pgs_subtitle", "pcm_bluray"}

// holds asks the muxer whether it takes a track, by writing a header of it alone into memory. Empty means yes.
func (f *File) holds(out *outTrack, t *media.Track) string {
	if q := av.QueryCodec(f.fc, out.params); q == 0 && t.Type != media.TrackAttachment && !t.Cover {
		return fmt.Sprintf("%s cannot hold %s", f.muxer, out.params.CodecName())
	}
	if name := out.params.CodecName(); f.muxer == "mpegts" && !slices.Contains(transportCodecs, name) && !(f.isM2TS() && slices.Contains(blurayCodecs, name)) {
		if slices.Contains(blurayCodecs, name) {
			return "mpegts holds " + name + " only under a name that ends in .m2ts"
		}
		return "mpegts cannot hold " + name
	}
	if f.muxer == "matroska" && t.Type == media.TrackData {
		return "matroska holds no data tracks"
	}
	trial, err := astiav.AllocOutputFormatContext(nil, f.muxer, "x"+filepath.Ext(f.path))
	if err != nil {
		return err.Error()
	}
	defer trial.Free()
	av.SetStrict(trial, f.isMOV())
	st := trial.NewStream(nil)
	if st == nil {
		return "out of memory"
	}
	if err := out.params.Apply(trial, st); err != nil {
		return err.Error()
	}
	st.SetTimeBase(astiav.NewRational(out.from.Num, out.from.Den))
	av.SetStreamMetadata(st, out.tags)
	av.SetDisposition(st, out.dispose)
	if err := av.DryHeader(trial); err != nil {
		return fmt.Sprintf("%s cannot hold %s: %v", f.muxer, out.params.CodecName(), err)
	}
	return ""
}

// isM2TS reports whether the output is a transport stream of the kind that Blu-ray and AVCHD have.
func (f *File) isM2TS() bool {
	ext := strings.ToLower(filepath.Ext(f.path))
	return f.muxer == "mpegts" && (ext == ".m2ts" || ext == ".mts")
}

// streamTags are the tags that stay true. Matroska's statistics describe the old stream.
func streamTags(t *media.Track) map[string]string {
	return keepTags(t.Metadata, "encoder", "duration", "bps", "number_of_frames", "number_of_bytes", "_statistics_writing_app",
		"_statistics_writing_date_utc", "_statistics_tags", "vendor_id", "source_id")
}

// movTrackTags fits the tags of a track into what MP4 and MOV hold, and says what is lost.
func (f *File) movTrackTags(tags map[string]string) string {
	if title := tags["title"]; title != "" { // there is no other place for it
		tags["handler_name"] = title
	}
	var lost []string
	for _, k := range slices.Sorted(maps.Keys(tags)) {
		if !slices.Contains([]string{"language", "handler_name", "title", "timecode", "rotate", "creation_time", "encoder", "filename", "mimetype"}, strings.ToLower(k)) {
			lost = append(lost, k)
		}
	}
	if len(lost) == 0 {
		return ""
	}
	return "tags not kept: " + strings.Join(lost, ", ")
}

// keepTags copies m without the named keys, whatever their case or language suffix. The result is never nil.
func keepTags(m map[string]string, not ...string) map[string]string {
	out := maps.Clone(m)
	if out == nil {
		return map[string]string{}
	}
	for k := range m {
		base, _, _ := strings.Cut(strings.ToLower(k), "-")
		if slices.Contains(not, base) {
			delete(out, k)
		}
	}
	return out
}
