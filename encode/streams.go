package encode

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"

	astiav "github.com/asticode/go-astiav"

	"vsr/internal/av"
	"vsr/media"
)

// outTrack is where the packets of one input track go.
type outTrack struct {
	stream  *astiav.Stream // nil when the track is dropped
	params  *av.Params
	tags    map[string]string
	dispose int
	from    media.Rational
	to      media.Rational
	audio   *av.AudioConverter  // of a track that becomes another codec, nil otherwise
	convert func([]byte) []byte // text subtitles, nil otherwise
	delay   int64               // added to all times
	fixed   bool                // the video track: its times are right already
	started bool
	last    int64   // decoding time before
	times   []int64 // of the packets inside the reordering of a track without decoding times
	bad     int     // packets that the muxer could not parse
	why     string
}

// Start chooses what the container can hold, and writes the header.
func (f *File) Start(info *media.Info) error {
	f.info = info
	f.tracks = make([]outTrack, len(info.Tracks))
	for i := range info.Tracks {
		f.actions = append(f.actions, f.plan(&info.Tracks[i]))
	}
	if a := f.actions[info.Video]; a.Action == Dropped {
		return &RequestError{Reason: fmt.Sprintf("%s cannot hold %s video (%s)", f.muxer, a.Codec, a.Why), Hint: "use another container, .mkv holds everything"}
	}
	if err := f.describes(info); err != nil {
		return err
	}
	f.begin(info)
	for i := range f.tracks {
		if f.tracks[i].params == nil {
			continue
		}
		if err := f.addStream(i); err != nil {
			return err
		}
	}
	if err := f.container(info); err != nil {
		return err
	}
	av.SetStrict(f.fc, f.isMOV())
	if f.isMOV() {
		av.SetURL(f.fc, "file:"+f.temp)
	}
	dict := astiav.NewDictionary()
	defer dict.Free()
	for k, v := range f.muxerOptions(info) {
		_ = dict.Set(k, v, astiav.NewDictionaryFlags())
	}
	f.fc.SetPb(f.pb)
	if err := av.Explain(func() error { return f.fc.WriteHeader(dict) }); err != nil {
		return f.destination(err)
	}
	for i := range f.tracks {
		if t := &f.tracks[i]; t.stream != nil {
			tb := t.stream.TimeBase()
			t.to = media.Rational{Num: tb.Num(), Den: tb.Den()}
		}
	}
	f.noteRounding(info)
	return nil
}

// describes checks what is said about the whole frame. A turned video that comes out lying on its side is not a copy, so a
// container that cannot say it is refused. NUT is for segments, which are joined into another one.
func (f *File) describes(info *media.Info) error {
	if !info.Display.Identity() && !f.isMOV() && f.muxer != "nut" {
		return &RequestError{Reason: fmt.Sprintf("%s cannot say that the frame is %v", f.muxer, info.Display),
			Hint: "use a name that ends in .mp4 or .mov"}
	}
	for _, sd := range info.VideoSideData {
		if sd.Type == av.PacketDolbyVision {
			a := &f.actions[info.Video]
			a.Why = joinWhy(a.Why, "Dolby Vision metadata left out: it describes the smaller frame")
		}
		if name := shapeData[sd.Type]; name != "" && !slices.Contains([]string{"matroska", "webm", "mp4", "nut"}, f.muxer) {
			a := &f.actions[info.Video]
			a.Why = joinWhy(a.Why, fmt.Sprintf("%s is left out: %s has no place for it, .mp4 and .mkv have", name, f.muxer))
		}
	}
	return nil
}

// shapeData are the side data that say how a video is to be looked at, in words.
var shapeData = map[int]string{av.PacketSpherical: "the mapping onto a sphere (360 degrees)", av.PacketStereo3D: "the layout of the two eyes (stereo 3D)"}

// lateStart is the time from which on a video begins at 0 in MP4 and MOV, whose players show nothing up to there; seconds.
const lateStart = 10

// begin takes the start of a part of a longer recording off all times, where players would wait for it.
func (f *File) begin(info *media.Info) {
	v := info.VideoTrack()
	if !f.isMOV() || v.Start == media.NoTime || float64(v.Start)*v.TimeBase.Float() < lateStart {
		return
	}
	f.start = v.Start
	for i := range f.tracks {
		t := &f.tracks[i]
		t.delay -= av.Rescale(v.Start, v.TimeBase, t.from)
	}
	a := &f.actions[info.Video]
	a.Why = joinWhy(a.Why, fmt.Sprintf("the clock of the input begins at %.3f s, that of the output at 0", float64(v.Start)*v.TimeBase.Float()))
}

// noteRounding says so when the container's clock cannot hold the video's times exactly.
func (f *File) noteRounding(info *media.Info) {
	t := f.tracks[info.Video]
	// from is a whole number of to ticks when from.Num*to.Den is divisible by from.Den*to.Num.
	if (int64(t.from.Num)*int64(t.to.Den))%(int64(t.from.Den)*int64(t.to.Num)) != 0 {
		a := &f.actions[info.Video]
		a.Why = joinWhy(a.Why, fmt.Sprintf("times rounded from 1/%d to 1/%d s", t.from.Den, t.to.Den))
	}
}

// addStream makes the output stream of track i.
func (f *File) addStream(i int) error {
	t := &f.tracks[i]
	st := f.fc.NewStream(nil)
	if st == nil {
		return fmt.Errorf("out of memory")
	}
	if err := t.params.Apply(f.fc, st); err != nil {
		return err
	}
	if f.isMOV() && i == f.info.Video && t.params.CodecName() == "hevc" {
		av.SetCodecTag(st, "hvc1") // Apple's players take no other
	}
	tb := t.from
	if i == f.info.Video { // 1/den divides every time of num/den, and muxers look at den only
		tb.Num = 1
	}
	st.SetTimeBase(astiav.NewRational(tb.Num, tb.Den))
	av.SetStreamMetadata(st, t.tags)
	av.SetDisposition(st, t.dispose)
	if f.looseTimes() && t.params.CodecName() == "opus" {
		// Matroska stores times before the codec delay is taken off; FFmpeg 5.1 writes the delay but leaves adding it to us, later ones add it.
		if head := t.params.ExtraData(); len(head) >= 12 { // OpusHead, RFC 7845 section 5.1: pre-skip
			skip := int(head[10]) | int(head[11])<<8
			av.SetInitialPadding(st, skip)
			if !av.MatroskaAddsDelay() {
				t.delay += av.Rescale(int64(skip), OpusClock, t.from)
			}
		}
	}
	t.stream = st
	return nil
}

// container writes tags and chapters.
func (f *File) container(info *media.Info) error {
	tags := keepTags(info.Metadata, "encoder", "major_brand", "minor_version", "compatible_brands")
	if cut := f.shortenTags(tags); len(cut) > 0 {
		f.actions = append(f.actions, StreamAction{Index: -1, Type: "metadata", Codec: strings.Join(cut, ","), Action: Converted, Why: "shortened to what QuickTime holds"})
	}
	av.SetMetadata(f.fc, tags)
	if f.isMOV() {
		if lost := unknownMOVTags(tags); len(lost) > 0 {
			f.actions = append(f.actions, StreamAction{Index: -1, Type: "metadata", Codec: strings.Join(lost, ","), Action: Dropped, Why: f.muxer + " has no place for these tags"})
		}
	}
	if len(info.Chapters) == 0 {
		return nil
	}
	if f.muxer == "mpegts" || f.muxer == "avi" || f.muxer == "flv" || f.muxer == "mpeg" {
		f.actions = append(f.actions, StreamAction{Index: -1, Type: "chapters", Action: Dropped, Why: f.muxer + " has no chapters"})
		return nil
	}
	for _, c := range info.Chapters {
		if c.TimeBase.Num > 0 && c.TimeBase.Den > 0 && f.start != 0 {
			by := av.Rescale(f.start, info.VideoTrack().TimeBase, c.TimeBase)
			c.Start, c.End = c.Start-by, c.End-by
		}
		if c.TimeBase.Num <= 0 || c.TimeBase.Den <= 0 || c.End < c.Start {
			continue
		}
		if err := av.AddChapter(f.fc, c); err != nil {
			return err
		}
	}
	f.actions = append(f.actions, StreamAction{Index: -1, Type: "chapters", Action: Copied})
	return nil
}

// shortenTags cuts what is longer than a QuickTime string, whose length has 16 bits: FFmpeg would write a wrong length. It names what it cut.
func (f *File) shortenTags(tags map[string]string) (cut []string) {
	const most = 1<<16 - 1
	if f.muxer != "mov" {
		return nil
	}
	for _, k := range slices.Sorted(maps.Keys(tags)) {
		if len(tags[k]) > most {
			tags[k] = shortName(tags[k], most)
			cut = append(cut, k)
		}
	}
	return cut
}

func (f *File) isMOV() bool {
	return slices.Contains([]string{"mp4", "mov", "ipod", "3gp", "3g2", "psp", "f4v", "ismv"}, f.muxer)
}

// movTags are the container tags that FFmpeg's MP4 and MOV muxers write (movenc.c, mov_write_ilst_tag and mov_write_udta_tag).
var movTags = []string{"title", "artist", "album_artist", "composer", "album", "date", "creation_time", "comment", "genre", "copyright", "grouping", "lyrics",
	"description", "synopsis", "show", "episode_id", "network", "keywords", "location", "encoding_tool", "performer", "author", "track", "disc",
	"tmpo", "compilation", "hd_video", "media_type", "gapless_playback", "timecode", "language", "rating", "year", "make", "model"}

func unknownMOVTags(tags map[string]string) []string {
	var lost []string
	for _, k := range slices.Sorted(maps.Keys(tags)) {
		base, _, _ := strings.Cut(k, "-") // title-eng
		if !slices.Contains(movTags, strings.ToLower(base)) {
			lost = append(lost, k)
		}
	}
	return lost
}

// muxerOptions makes MP4 and MOV keep exact times: the video track's own scale, and edit lists in a scale that fits all tracks.
func (f *File) muxerOptions(info *media.Info) map[string]string {
	out := map[string]string{}
	switch {
	case f.isMOV():
		scale := int64(info.VideoTrack().TimeBase.Den)
		for scale < 10000 { // as the muxer does for the track itself
			scale *= 2
		}
		out["video_track_timescale"] = strconv.FormatInt(scale, 10)
		movie := scale
		for i, t := range f.tracks {
			if t.stream == nil || info.Tracks[i].Type != media.TrackAudio {
				continue
			}
			if rate := int64(t.params.SampleRate()); rate > 0 && lcm(movie, rate) <= 1<<24 {
				movie = lcm(movie, rate)
			}
		}
		out["movie_timescale"] = strconv.FormatInt(movie, 10)
		out["movflags"] = "+faststart" // the index in front, so that players on the web begin at once
	case f.looseTimes():
		out["default_mode"] = "passthrough"
		if f.keepsNegative(info) {
			out["avoid_negative_ts"] = "disabled"
		}
	case f.muxer == "mpegts":
		out["mpegts_copyts"] = "1"
	}
	if option, value := f.plays(info); option != "" {
		out[option] = value
	}
	out["max_interleave_delta"] = strconv.FormatInt(interleaveDelta(info), 10)
	if f.piped {
		out["flush_packets"] = "1"
	}
	if f.opt.Growing {
		out["flush_packets"] = "1"
		if f.isMOV() {
			out["movflags"] = "frag_keyframe+empty_moov+default_base_moof"
		} else if f.looseTimes() {
			out["cluster_time_limit"] = "1000" // ms
		}
	}
	for k, v := range f.opt.FFmpeg {
		out[k] = v
	}
	return out
}

// plays is the option of an animation's muxer that says how often it is shown: as the input, or for ever. A GIF counts how often it is
// shown again.
func (f *File) plays(info *media.Info) (option, value string) {
	n := info.Plays
	switch f.muxer {
	case "apng":
		return "plays", strconv.Itoa(max(n, 0))
	case "webp":
		return "loop", strconv.Itoa(max(n, 0))
	case "gif":
		switch {
		case n == 1:
			return "loop", "-1"
		case n > 1:
			return "loop", strconv.Itoa(n - 1)
		}
		return "loop", "0"
	}
	return "", ""
}

// finalDelay tells the muxers of animations how long the last frame is shown: they go by the time of the next one, which there is none of.
func (f *File) finalDelay() error {
	switch f.muxer {
	case "gif":
		return av.SetMuxerOption(f.fc, "final_delay", strconv.Itoa(int(math.Round(f.last*100))))
	case "apng":
		return av.SetMuxerOption(f.fc, "final_delay", fmt.Sprintf("%d/1000", int(math.Round(f.last*1000))))
	}
	return nil
}

// keepsNegative reports whether the only times below 0 are those of sound that is there to prime its decoder. Without it FFmpeg would move the
// whole programme by some 20 ms, so that nothing is negative. Matroska stores such times; WebM players refuse them, except as the codec delay of Opus.
func (f *File) keepsNegative(info *media.Info) bool {
	if start := info.VideoTrack().Start; start == media.NoTime || start < 0 {
		return false
	}
	for i, t := range f.tracks {
		if t.stream != nil && f.muxer == "webm" && info.Tracks[i].Type == media.TrackAudio && info.Tracks[i].Codec != "opus" {
			return false
		}
	}
	return true
}

// interleaveDelta is how long the muxer waits for packets of one stream while it has those of others, in microseconds. Encoders look ahead by
// some sixty frames, which is long where frames are slides.
func interleaveDelta(info *media.Info) int64 {
	const least, most, frames = 10_000_000, 3_600_000_000, 120
	rate := info.FrameRate.Float()
	if rate <= 0 {
		return least
	}
	return int64(min(max(least, frames/rate*1e6), most))
}

func lcm(a, b int64) int64 {
	x, y := a, b
	for y != 0 {
		x, y = y, x%y
	}
	return a / x * b
}

// time moves a packet's times into the output's time base.
func (t *outTrack) time(p *media.Packet, loose bool) {
	p.Duration = av.Rescale(p.Duration, t.from, t.to)
	if p.PTS != media.NoTime {
		p.PTS += t.delay
	}
	if p.DTS != media.NoTime {
		p.DTS += t.delay
	}
	if p.DTS == media.NoTime {
		p.DTS = t.order(p.PTS)
	}
	p.PTS, p.DTS = av.Rescale(p.PTS, t.from, t.to), av.Rescale(p.DTS, t.from, t.to)
	if p.DTS == media.NoTime {
		if p.DTS = p.PTS; p.DTS == media.NoTime {
			if !t.started {
				p.DTS = 0
			} else {
				p.DTS = t.last + 1
			}
		}
	}
	if p.PTS == media.NoTime && t.convert != nil {
		p.PTS = p.DTS
	}
	if t.started && (p.DTS < t.last || p.DTS == t.last && !loose) {
		p.DTS = t.last + 1
		if loose {
			p.DTS = t.last
		}
	}
	if p.PTS != media.NoTime && p.PTS < p.DTS {
		p.PTS = p.DTS
	}
	t.started, t.last = true, p.DTS
}

// order gives the decoding time of a packet of a container without such times (Matroska): where packets are shown in another order than they are
// decoded in, the times of the last packets, sorted, are those of decoding, earlier by the delay of the decoder.
func (t *outTrack) order(pts int64) int64 {
	delay := t.params.VideoDelay()
	if pts == media.NoTime || delay == 0 {
		return pts
	}
	if len(t.times) == 0 {
		step := max(av.Rescale(1, media.Rational{Num: t.params.AverageRate.Den, Den: max(t.params.AverageRate.Num, 1)}, t.from), 1)
		for i := delay; i > 0; i-- {
			t.times = append(t.times, pts-int64(i)*step)
		}
	}
	t.times = append(t.times, pts)
	slices.Sort(t.times)
	first := t.times[0]
	t.times = t.times[1:]
	return first
}
