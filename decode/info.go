package decode

import (
	"fmt"
	"math"
	"slices"
	"strings"

	astiav "github.com/asticode/go-astiav"

	"vsr/internal/av"
	"vsr/media"
)

// readInfo describes the container and its streams and chooses the video track.
func (s *Source) readInfo() (*media.Info, error) {
	info := &media.Info{Container: s.fc.InputFormat().Name(), Chapters: av.Chapters(s.fc), Metadata: av.Metadata(s.fc), BitRate: max(s.fc.BitRate(), 0), Video: -1}
	if d := s.fc.Duration(); d > 0 {
		info.Duration = float64(d) / 1e6
	}
	info.Images, info.Plays = s.images, plays(s.path)
	best, stills := -1, s.stills()
	for i, st := range s.streams {
		p, err := av.ReadParams(st)
		if err != nil {
			return nil, err
		}
		tb := st.TimeBase()
		t := media.Track{Index: i, Type: trackType(st), Codec: p.CodecName(), TimeBase: media.Rational{Num: tb.Num(), Den: tb.Den()},
			Start: st.StartTime(), Duration: max(st.Duration(), 0), Metadata: av.StreamMetadata(st), Disposition: av.Disposition(st), Params: p}
		t.Cover = t.Disposition&(av.DispositionAttachedPic|av.DispositionTimedThumbs) != 0
		if n := s.opt.Programme; n > 0 && !slices.Contains(av.ProgramNumbers(s.fc, i), n) {
			t.LeftOut = fmt.Sprintf("not of programme %d", n)
		}
		if enhances(p) {
			t.LeftOut = "the enhancement layer of Dolby Vision belongs to the smaller frame"
		}
		info.Tracks = append(info.Tracks, t)
		if score := videoScore(&t, p, stills[i]); score > best {
			best, info.Video = score, i
		}
	}
	if info.Video < 0 {
		if s.opt.Programme > 0 {
			return nil, s.noProgramme()
		}
		return nil, s.noVideo(info)
	}
	if s.opt.VideoTrack > 0 {
		if err := s.nameVideo(info); err != nil {
			return nil, err
		}
	}
	if best == 0 {
		return nil, undecodable(info.VideoTrack())
	}
	s.begins(info)
	err := s.readVideo(info)
	s.takeTurn(info)
	return info, err
}

// noProgramme names the programmes that there are.
func (s *Source) noProgramme() error {
	var have []int
	for i := range s.streams {
		have = append(have, av.ProgramNumbers(s.fc, i)...)
	}
	slices.Sort(have)
	if have = slices.Compact(have); len(have) == 0 {
		return &UnsupportedError{Reason: fmt.Sprintf("programme %d is asked for, and the input has no programmes", s.opt.Programme)}
	}
	return &UnsupportedError{Reason: fmt.Sprintf("programme %d is asked for, and holds no video", s.opt.Programme), Hint: fmt.Sprintf("programmes of the input: %s", strings.Trim(fmt.Sprint(have), "[]"))}
}

// nameVideo takes the video that Options.VideoTrack names.
func (s *Source) nameVideo(info *media.Info) error {
	n := 0
	for i := range info.Tracks {
		if t := &info.Tracks[i]; t.Type == media.TrackVideo && !t.Cover && t.LeftOut == "" {
			if n++; n == s.opt.VideoTrack {
				info.Video = i
				return nil
			}
		}
	}
	return &UnsupportedError{Reason: fmt.Sprintf("video track %d is asked for, and there are %d", s.opt.VideoTrack, n)}
}

// undecodable says which codec it is that FFmpeg does not know, and names protected video.
func undecodable(t *media.Track) error {
	p, _ := t.Params.(*av.Params)
	switch tag := p.Tag(); {
	case protected(p):
		return errProtected
	case t.Codec == "none":
		return &UnsupportedError{Reason: fmt.Sprintf("this FFmpeg does not know the video codec %q (the container's name for it)", tag)}
	}
	return &UnsupportedError{Reason: "this FFmpeg has no decoder for " + t.Codec}
}

// errProtected is what comes of DRM.
var errProtected = &UnsupportedError{Reason: "the video is encrypted (DRM)", Hint: "vsr reads unprotected files only"}

// protected reports whether a stream's tag is one of protected MP4 files.
func protected(p *av.Params) bool { return slices.Contains([]string{"drmi", "encv"}, p.Tag()) }

// begins finds out where an input begins whose clock is kept and does not begin at 0, as a segment of a longer recording.
func (s *Source) begins(info *media.Info) {
	const least = 2000 // bits a second: with fewer the length was measured across a jump of the clock
	if av.Discontinuous(s.fc) && info.BitRate > 0 && info.BitRate < least {
		info.Duration, info.BitRate = 0, 0
		for i := range info.Tracks {
			info.Tracks[i].Duration = 0
		}
	}
	start := s.fc.StartTime()
	if s.live || av.Discontinuous(s.fc) || start == media.NoTime || start <= 0 {
		return
	}
	s.begin = float64(start) / 1e6
	if strings.HasPrefix(info.Container, "matroska") && info.Duration > s.begin { // there it is the time of the end
		info.Duration -= s.begin
	}
	const close = 0.5 // seconds: sound that only primes its decoder
	v := info.VideoTrack()
	if at := float64(v.Start) * v.TimeBase.Float(); v.Start != media.NoTime && at > s.begin && at < s.begin+close {
		s.begin = at
	}
}

// videoScore ranks a track: -1 for no video, 0 for video without a decoder, else videos before single images, default tracks before others, then
// by size, then by order.
func videoScore(t *media.Track, p *av.Params, still bool) int {
	if t.Type != media.TrackVideo || t.Cover || t.LeftOut != "" {
		return -1
	}
	if astiav.FindDecoder(p.CodecID()) == nil {
		return 0
	}
	w, h := p.Size()
	score := 1 + min(w*h, 1<<40)
	if t.Disposition&av.DispositionDefault != 0 {
		score += 1 << 41
	}
	if !still {
		score += 1 << 42
	}
	return score
}

// stills marks the tracks that hold a single image beside a video, as drones and dashcams write for a thumbnail. Where the container does not
// count its frames, a codec for images is taken for that sign.
func (s *Source) stills() []bool {
	images := []string{"mjpeg", "png", "bmp", "webp", "tiff", "gif", "jpegls", "ppm"}
	out := make([]bool, len(s.streams))
	for i, st := range s.streams {
		n := st.NbFrames()
		codec := st.CodecParameters().CodecID().Name()
		out[i] = n == 1 || n == 0 && slices.Contains(images, codec)
	}
	return out
}

func (s *Source) noVideo(info *media.Info) error {
	covers := 0
	for _, t := range info.Tracks {
		if t.Cover {
			covers++
		}
	}
	switch {
	case len(info.Tracks) == 0:
		return &UnsupportedError{Reason: "no streams in the input"}
	case covers > 0:
		return &UnsupportedError{Reason: "no video stream, only cover art", NoVideo: true}
	}
	return &UnsupportedError{Reason: "no video stream", NoVideo: true, Hint: "the input holds only " + kinds(info)}
}

func kinds(info *media.Info) string {
	seen, out := map[media.TrackType]bool{}, ""
	for _, t := range info.Tracks {
		if !seen[t.Type] {
			if out != "" {
				out += " and "
			}
			out += t.Type.String()
		}
		seen[t.Type] = true
	}
	return out
}

// readVideo fills in what concerns the chosen track.
func (s *Source) readVideo(info *media.Info) error {
	st := s.streams[info.Video]
	t := info.VideoTrack()
	s.refine(t)
	p := videoParams(info)
	w, h := p.Size()
	l := s.opt.Limits
	if w > l.Width || h > l.Height || w*h > l.Pixels {
		return &UnsupportedError{Reason: fmt.Sprintf("frame of %dx%d is over the limit of %dx%d and %d pixels", w, h, l.Width, l.Height, l.Pixels)}
	}
	s.crop, s.codedWidth, s.codedHeight = s.cleanAperture(info.Video, w, h), w, h
	w, h = w-s.crop.left-s.crop.right, h-s.crop.top-s.crop.bottom
	if t.TimeBase.Num <= 0 || t.TimeBase.Den <= 0 {
		return &UnsupportedError{Reason: "the video track has no time base"}
	}
	rate := st.AvgFrameRate()
	if rate.Num() <= 0 || rate.Den() <= 0 {
		rate = s.fc.GuessFrameRate(st, nil)
	}
	info.FrameRate = media.Rational{Num: rate.Num(), Den: rate.Den()}
	sar := s.fc.GuessSampleAspectRatio(st, nil)
	info.SampleAspect = media.Rational{Num: sar.Num(), Den: max(sar.Den(), 1)}
	info.VideoSideData = nil
	for _, sd := range p.SideData {
		switch sd.Type {
		case av.PacketDisplayMatrix:
			showAs(info, sd.Data, w, h)
			continue
		case av.PacketDolbyVision:
			if err := dolbyVision(sd.Data); err != nil {
				return err
			}
		}
		info.VideoSideData = append(info.VideoSideData, sd)
	}
	info.Interlaced = p.Interlaced()
	info.Frames = st.NbFrames()
	if info.Frames <= 0 {
		seconds := info.Duration
		if t.Duration > 0 {
			seconds = float64(t.Duration) * t.TimeBase.Float()
		}
		info.Frames = int64(math.Round(seconds * info.FrameRate.Float()))
	}
	if s.opt.Start > 0 || s.opt.Duration > 0 {
		s.cutInfo(info)
	}
	return nil
}

// dolbyVision refuses frames that mean nothing without their metadata. conf is FFmpeg's AVDOVIDecoderConfigurationRecord, eight bytes;
// byte 2 is the profile and byte 7 the compatibility of the base layer: 0 is with nothing, 1 HDR10, 2 SDR, 4 HLG.
func dolbyVision(conf []byte) error {
	if len(conf) < 8 || conf[7] != 0 {
		return nil // the base layer is a video of its own, and is taken for that
	}
	return &UnsupportedError{Reason: fmt.Sprintf("Dolby Vision profile %d: its base layer has colours that only the metadata explain", conf[2]),
		Hint: "convert it to HDR10 first"}
}

// enhances reports whether a track is the enhancement layer of Dolby Vision alone (profile 7 in two tracks): bit by bit it corrects the frames
// of another track. Bytes 4 to 6 of the record say whether metadata, enhancement layer and base layer are in the track.
func enhances(p *av.Params) bool {
	for _, sd := range p.SideData {
		if sd.Type == av.PacketDolbyVision && len(sd.Data) >= 8 && sd.Data[5] != 0 && sd.Data[6] == 0 {
			return true
		}
	}
	return false
}

// cutInfo adapts the estimates and chapters to Start and Duration.
func (s *Source) cutInfo(info *media.Info) {
	length := max(info.Duration-s.opt.Start, 0)
	if s.opt.Duration > 0 && (length == 0 || s.opt.Duration < length) {
		length = s.opt.Duration
	}
	if info.Duration > 0 {
		info.Frames = int64(math.Round(float64(info.Frames) * length / info.Duration))
	}
	info.Duration = length
	if s.opt.KeepTimes {
		return
	}
	s.shiftTimecodes(info)
	var kept []media.Chapter
	for _, c := range info.Chapters {
		shift := int64(math.Round((s.begin + s.opt.Start) / c.TimeBase.Float()))
		end := int64(math.Round(length / c.TimeBase.Float()))
		c.Start, c.End = max(c.Start-shift, 0), c.End-shift
		if length > 0 {
			c.End = min(c.End, end)
		}
		if c.End > c.Start {
			kept = append(kept, c)
		}
	}
	info.Chapters = kept
}

// showAs takes over a display matrix for frames of w x h. What it stretches goes into the pixel aspect, where FFmpeg has not put it already:
// it does so for files that have no other aspect.
func showAs(info *media.Info, matrix []byte, w, h int) {
	m := media.ReadDisplayMatrix(matrix)
	const close = 0.01
	a := info.SampleAspect.Float()
	if s := m.Stretch(); math.Abs(s-1) > close && (a == 0 || math.Abs(a/s-1) > close) {
		if a == 0 {
			a = 1
		}
		info.SampleAspect = av.Approximate(a*s, 4096)
	}
	info.Display = m.Unstretched(w, h)
	info.Rotation = info.Display.Rotation()
	if info.Display != (media.DisplayMatrix{}) {
		info.VideoSideData = append(info.VideoSideData, media.SideData{Type: av.PacketDisplayMatrix, Data: info.Display.Bytes()})
	}
}

func trackType(st *astiav.Stream) media.TrackType {
	switch st.CodecParameters().MediaType() {
	case astiav.MediaTypeVideo:
		return media.TrackVideo
	case astiav.MediaTypeAudio:
		return media.TrackAudio
	case astiav.MediaTypeSubtitle:
		return media.TrackSubtitle
	case astiav.MediaTypeData:
		return media.TrackData
	case astiav.MediaTypeAttachment:
		return media.TrackAttachment
	}
	return media.TrackOther
}

// adoptSideData lifts HDR metadata that only the first frame carries (SEI) to the stream, where muxers and encoders want it.
func (s *Source) adoptSideData() {
	for _, sd := range s.first.SideData {
		t := -1
		switch sd.Type {
		case av.FrameMastering:
			t = av.PacketMastering
		case av.FrameLightLevel:
			t = av.PacketLightLevel
		case av.FrameStereo3D: // the same structures
			t = av.PacketStereo3D
		case av.FrameSpherical:
			t = av.PacketSpherical
		case av.FrameDisplayMatrix:
			t = av.PacketDisplayMatrix
			if s.opt.Autorotate {
				continue
			}
		}
		if t < 0 || hasSideData(s.info.VideoSideData, t) {
			continue
		}
		s.info.VideoSideData = append([]media.SideData{}, s.info.VideoSideData...)
		if t == av.PacketDisplayMatrix {
			showAs(s.info, sd.Data, s.first.Width, s.first.Height)
			continue
		}
		s.info.VideoSideData = append(s.info.VideoSideData, media.SideData{Type: t, Data: sd.Data})
	}
}

func hasSideData(list []media.SideData, t int) bool {
	for _, sd := range list {
		if sd.Type == t {
			return true
		}
	}
	return false
}

// videoParams are those of the video, which this package has put there.
func videoParams(info *media.Info) *av.Params {
	p, _ := info.VideoTrack().Params.(*av.Params)
	return p
}
