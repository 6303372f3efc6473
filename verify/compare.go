package verify

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/big"
	"slices"
	"strings"

	"vsr/media"
)

// Source is what Compare reads. decode.Source is one.
type Source interface {
	Info() *media.Info
	Next(ctx context.Context) (media.Unit, error)
}

// Options configures Compare.
type Options struct {
	SourceName, OutputName string
	// Frames also compares the frames; without it only counts, times, streams and tags are read, which is quick.
	Frames  bool
	AnySize bool // the output's size is not a multiple of the source's (--height)
	// Dropped lists input tracks that the output's container cannot hold as they are, by index, with the reason: they are named,
	// not failed.
	Dropped map[int]string
	// Converted names the codec of tracks in Dropped that are there in another one.
	Converted map[int]string
	// NoChapters says why the output's container has no chapters; empty when it has.
	NoChapters string
	// Reference, when not nil, is a video of the output's size to compute PSNR and SSIM against.
	Reference Source
	// Judge, when not nil, measures each output frame against the reference, too; its numbers are the report's VMAF. NoJudge says why there is none.
	Judge   Judge
	NoJudge string
	// FrameTimes, when not nil, are the times that the frames must have, in the source's ticks, rising: sources that give packets of the
	// video instead of frames (decode.OpenCopy) do not know of frames that were damaged, or of times that were repaired.
	FrameTimes []int64
	Progress   func(frames int)
	// Frame, when not nil, hears of every pair of frames, with Frames only. The frames live until it returns.
	Frame func(n Numbers, src, out *media.Frame)
}

// Judge is a tool that looks at pairs of frames of one size and tells at the end what it thinks of each: FFmpeg's libvmaf.
type Judge interface {
	Add(out, ref *media.Frame) error
	Scores() ([]float64, error) // one for each Add
}

// Numbers is what was measured on one pair of frames: luma, in dB or 8-bit levels.
type Numbers struct {
	Frame       int     `json:"frame"` // from 0
	PTS         int64   `json:"pts"`   // of the source, in its ticks
	Consistency float64 `json:"consistency_psnr"`
	// SourceChange and Change are the mean differences from the frame before, at the source's size; 0 for the first frame and
	// after a change of size.
	SourceChange float64 `json:"source_change"`
	Change       float64 `json:"change"`
	// PSNR and SSIM are against the reference; 0 without one.
	PSNR float64 `json:"psnr,omitempty"`
	SSIM float64 `json:"ssim,omitempty"`
	// VMAF is known when all frames have been seen: see Report.VMAF.
	VMAF float64 `json:"vmaf,omitempty"`
}

// Compare reads both to their ends. The error is about reading; what differs stands in the report.
func Compare(ctx context.Context, src, out Source, o Options) (*Report, error) {
	r := &Report{Source: o.SourceName, Output: o.OutputName, OK: true}
	a, b := newReader(src), newReader(out)
	defer a.drop()
	defer b.drop()
	compareInfo(r, src.Info(), out.Info(), o)
	p, err := compareFrames(ctx, a, b, o)
	if err != nil {
		return nil, err
	}
	for _, x := range []*reader{a, b} {
		if !x.frames {
			slices.Sort(x.tracks[x.info.Video].pts)
		}
	}
	if v := &a.tracks[a.info.Video]; o.FrameTimes != nil {
		v.pts, v.count = o.FrameTimes, len(o.FrameTimes)
		if len(v.pts) > 0 {
			v.first = v.pts[0]
		}
	}
	shift := commonShift(r, a, b)
	compareVideo(r, a, b, shift)
	compareTracks(r, a, b, shift, o)
	if p != nil {
		p.judge(r)
		if o.Reference != nil {
			p.against(r, o)
		}
		r.FrameQuality = &p.FrameQuality
	}
	return r, nil
}

// reader takes frames one at a time from a source and keeps the times of everything that passes by.
type reader struct {
	src     Source
	info    *media.Info
	tracks  []series
	held    *media.Frame // the frame last returned
	last    int64        // its duration
	changed int
	frames  bool // the video comes decoded
}

func newReader(s Source) *reader {
	r := &reader{src: s, info: s.Info(), tracks: make([]series, len(s.Info().Tracks))}
	for i, t := range r.info.Tracks {
		r.tracks[i].sample, r.tracks[i].swap = sampleSize(t.Codec), strings.HasSuffix(t.Codec, "be")
	}
	return r
}

// next returns the next frame, which lives until the next call, or nil at the end.
func (r *reader) next(ctx context.Context) (*media.Frame, error) {
	r.drop()
	for {
		u, err := r.src.Next(ctx)
		switch {
		case errors.Is(err, io.EOF):
			return nil, nil
		case errors.Is(err, media.ErrFormatChanged):
			r.changed++
			continue
		case err != nil:
			return nil, err
		}
		if p := u.Packet; p != nil && p.Track >= 0 && p.Track < len(r.tracks) {
			r.tracks[p.Track].add(p.PTS, p.Data)
		}
		if f := u.Frame; f != nil {
			r.tracks[r.info.Video].add(f.PTS, nil)
			r.held, r.last, r.frames = f, f.Duration, true
			return f, nil
		}
	}
}

func (r *reader) drop() {
	if r.held != nil {
		r.held.Release()
		r.held = nil
	}
}

func compareFrames(ctx context.Context, a, b *reader, o Options) (*frameMeter, error) {
	var p *frameMeter
	if o.Frames {
		p = newFrameMeter()
	}
	var ref *reader
	if p != nil && o.Reference != nil {
		ref = newReader(o.Reference)
		p.judging = o.Judge
		defer ref.drop()
	}
	for n := 1; ; n++ {
		fa, err := a.next(ctx)
		if err != nil {
			return nil, fmt.Errorf("verify: source: %w", err)
		}
		fb, err := b.next(ctx)
		if err != nil {
			return nil, fmt.Errorf("verify: output: %w", err)
		}
		if fa == nil && fb == nil {
			return p, nil
		}
		if p != nil && fa != nil && fb != nil {
			one := p.add(fa, fb)
			if ref != nil {
				fr, err := ref.next(ctx)
				if err != nil {
					return nil, fmt.Errorf("verify: reference: %w", err)
				}
				p.reference(fr, fb, &one)
			}
			if o.Frame != nil {
				o.Frame(one, fa, fb)
			}
		}
		if o.Progress != nil {
			o.Progress(n)
		}
	}
}

// originless are containers whose clock has no origin: their first time is taken for 0, so a stream that begins before the video moves it.
var originless = []string{"mpegts", "mpeg", "ogg"}

// lateStart is from which time on, in seconds, MP4 outputs begin at 0 instead: their players would show nothing until then.
const lateStart = 10

// commonShift is how much later the output lies as a whole, nil for not at all. It is allowed where one of the containers has no origin of
// its own, and where the output takes the late start of a long recording's part away.
func commonShift(r *Report, a, b *reader) *big.Rat {
	va, vb := &a.tracks[a.info.Video], &b.tracks[b.info.Video]
	ta, tb := a.info.VideoTrack().TimeBase, b.info.VideoTrack().TimeBase
	if len(va.pts) == 0 || len(vb.pts) == 0 || va.pts[0] == media.NoTime || vb.pts[0] == media.NoTime || ta.Den == 0 || tb.Den == 0 ||
		near(va.pts[0], ta, vb.pts[0], tb, slack(ta, tb)) {
		return nil
	}
	free := slices.Contains(originless, a.info.Container) || slices.Contains(originless, b.info.Container)
	late := strings.HasPrefix(b.info.Container, "mov") && seconds(va.pts[0], ta) >= lateStart && seconds(vb.pts[0], tb) < lateStart
	if !free && !late {
		return nil
	}
	shift := difference(va.pts[0], ta, vb.pts[0], tb)
	x, _ := shift.Float64()
	r.add(false, "start", true, "all streams lie %+.6f s from where they lay", x)
	return shift
}

func compareVideo(r *Report, a, b *reader, shift *big.Rat) {
	va, vb := &a.tracks[a.info.Video], &b.tracks[b.info.Video]
	ta, tb := a.info.VideoTrack().TimeBase, b.info.VideoTrack().TimeBase
	r.must("frames", va.count == vb.count, "%d to %d", va.count, vb.count)
	if len(va.pts) > 0 && va.pts[0] == media.NoTime && !a.frames {
		r.add(false, "frame times", false, "not compared: packets of the source have no times, only decoding tells them")
		return
	}
	diff := compareTimes(va, ta, vb, tb, shift, 1, 0)
	detail := fmt.Sprintf("equal in rational time (ticks %v to %v)", ta, tb)
	if diff != "" {
		detail = "frame " + diff
	}
	r.must("frame times", diff == "", "%s", detail)
	if a.last > 0 && b.last > 0 {
		r.add(false, "last frame's duration", near(a.last, ta, b.last, tb, max(ta.Float(), tb.Float())),
			"%.6f to %.6f s", seconds(a.last, ta), seconds(b.last, tb))
	}
	if a.changed != b.changed {
		r.add(false, "format changes", false, "%d in the source, %d in the output: what comes later is brought to the first size and colour", a.changed, b.changed)
	}
}

// compareTracks matches the passthrough tracks in order, type by type.
func compareTracks(r *Report, a, b *reader, shift *big.Rat, o Options) {
	used := make([]bool, len(b.info.Tracks))
	for i := range a.info.Tracks {
		t := &a.info.Tracks[i]
		if i == a.info.Video {
			continue
		}
		name := fmt.Sprintf("stream %d (%s %s)", i, t.Type, t.Codec)
		wanted := *t
		if to := o.Converted[i]; to != "" {
			wanted.Codec = to
		}
		j := match(b.info, used, &wanted)
		if why, ok := o.Dropped[i]; ok {
			if strings.HasPrefix(why, "dropped") {
				j = -1
			}
			if j >= 0 {
				used[j] = true
			}
			// What was to become another codec must be there in it, unless there is nothing of it.
			r.add(o.Converted[i] != "" && a.tracks[i].count > 0, name, j >= 0, "not in the output as it was: %s", why)
			if x := &a.tracks[i]; j >= 0 && x.sample > 0 && sampleKind(t.Codec) == sampleKind(b.info.Tracks[j].Codec) {
				y := &b.tracks[j]
				r.add(x.bytes == y.bytes, name+" samples", x.bytes == y.bytes && x.sum == y.sum, "%d to %d bytes of samples", x.bytes, y.bytes)
			}
			continue
		}
		if j < 0 {
			// Muxers leave out a stream that has nothing in it, as one that begins after the part that was asked for.
			empty := a.tracks[i].count == 0 && t.Type != media.TrackAttachment && !t.Cover
			r.add(!empty, name, false, "missing in the output%s", map[bool]string{true: "; nothing is in it"}[empty])
			continue
		}
		used[j] = true
		compareTrack(r, name, a, i, b, j, shift)
	}
}

func match(out *media.Info, used []bool, t *media.Track) int {
	for j := range out.Tracks {
		u := &out.Tracks[j]
		if j != out.Video && !used[j] && u.Type == t.Type && u.Cover == t.Cover && (sameCodec(u.Codec, t.Codec) || t.Type == media.TrackSubtitle) {
			return j
		}
	}
	return -1
}

// sameCodec knows that MP4 has one name for all layers of MPEG audio, and that samples are the same in either order of their bytes.
func sameCodec(a, b string) bool {
	layer := func(c string) string {
		if c == "mp1" || c == "mp2" {
			return "mp3"
		}
		return c
	}
	return layer(a) == layer(b) || sampleSize(a) > 0 && sampleKind(a) == sampleKind(b)
}

// sameBytes compares the sizes of two tracks. AAC has a header of 7 or 9 bytes in each packet of a transport stream, and none elsewhere;
// DVB subtitles have three bytes around each packet there; H.264 and HEVC have start codes or sizes of other lengths, and may repeat headers.
func sameBytes(codec string, x, y *series) bool {
	d := max(x.bytes-y.bytes, y.bytes-x.bytes)
	n := int64(x.count)
	switch codec {
	case "aac":
		return d == 0 || d == 7*n || d == 9*n
	case "dvb_subtitle":
		return d%3 == 0 && d <= 3*n
	case "h264", "hevc":
		const headers = 256 // bytes: parameter sets, a byte more for each slice
		return d <= headers*n
	}
	return d == 0
}

// packetSlack is how far the time of a copied packet may move, in seconds: MP4's edit lists begin at a whole tick of the video.
const packetSlack = 0.001

// beforeZero is how much audio may begin before 0 to be moved to 0 in WebM, in seconds: Vorbis primes its decoder so.
const beforeZero = 0.01

func compareTrack(r *Report, name string, a *reader, i int, b *reader, j int, shift *big.Rat) {
	t, u := &a.info.Tracks[i], &b.info.Tracks[j]
	x, y := &a.tracks[i], &b.tracks[j]
	least := packetSlack
	if before := -seconds(x.first, t.TimeBase); strings.HasPrefix(b.info.Container, "matroska") && x.count > 0 && before > 0 && before < beforeZero {
		least += before // WebM has no times below 0
	}
	if size := sampleSize(t.Codec); size > 0 && size == sampleSize(u.Codec) {
		// It has no packets of its own: each container cuts it where it likes.
		same, what := x.bytes == y.bytes, ""
		if same && x.sum != y.sum && sampleKind(t.Codec) == sampleKind(u.Codec) {
			same, what = false, ", with other values"
		}
		r.must(name+" samples", same, "%d to %d bytes of samples%s", x.bytes, y.bytes, what)
		first := &series{pts: x.pts[:min(1, len(x.pts))]}
		if diff := compareTimes(first, t.TimeBase, y, u.TimeBase, shift, 2, least); diff != "" {
			r.must(name+" times", false, "packet %s", diff)
		}
	} else {
		r.must(name+" packets", x.count == y.count && (sameBytes(t.Codec, x, y) || t.Codec != u.Codec), "%d of %d bytes to %d of %d bytes", x.count, x.bytes, y.count, y.bytes)
		if diff := compareTimes(x, t.TimeBase, y, u.TimeBase, shift, 2, least); diff != "" {
			r.must(name+" times", false, "packet %s", diff)
		}
	}
	if lang := t.Metadata["language"]; lang != "" && lang != "und" {
		r.must(name+" language", sameLanguage(lang, u.Metadata["language"]), "%q to %q", lang, u.Metadata["language"])
	}
	const forcedAndDefault = 0x1 | 0x40 // AV_DISPOSITION_DEFAULT, AV_DISPOSITION_FORCED
	r.add(false, name+" flags", t.Disposition&forcedAndDefault == u.Disposition&forcedAndDefault, "%#x to %#x", t.Disposition, u.Disposition)
	if t.Type == media.TrackAudio && x.count > 0 && y.count > 0 {
		before := seconds(x.first, t.TimeBase) - seconds(a.tracks[a.info.Video].first, a.info.VideoTrack().TimeBase)
		after := seconds(y.first, u.TimeBase) - seconds(b.tracks[b.info.Video].first, b.info.VideoTrack().TimeBase)
		r.must(name+" offset to video", abs(before-after) < 0.001+least, "%.4f to %.4f s", before, after)
	}
}

func abs(x float64) float64 { return max(x, -x) }
