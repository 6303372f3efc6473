package decode

import (
	"encoding/binary"
	"fmt"
	"math"

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
	best := -1
	for i, st := range s.streams {
		p, err := av.ReadParams(st)
		if err != nil {
			return nil, err
		}
		tb := st.TimeBase()
		t := media.Track{Index: i, Type: trackType(st), Codec: p.CodecName(), TimeBase: media.Rational{Num: tb.Num(), Den: tb.Den()},
			Start: st.StartTime(), Duration: max(st.Duration(), 0), Metadata: av.StreamMetadata(st), Disposition: av.Disposition(st), Params: p}
		t.Cover = t.Disposition&(av.DispositionAttachedPic|av.DispositionTimedThumbs) != 0
		info.Tracks = append(info.Tracks, t)
		if score := videoScore(&t, p); score > best {
			best, info.Video = score, i
		}
	}
	if info.Video < 0 {
		return nil, s.noVideo(info)
	}
	if best == 0 {
		return nil, &UnsupportedError{Reason: "this FFmpeg has no decoder for " + info.VideoTrack().Codec}
	}
	return info, s.readVideo(info)
}

// videoScore ranks a track: -1 for no video, 0 for video without a decoder, else default tracks first, then by size, then by order.
func videoScore(t *media.Track, p *av.Params) int {
	if t.Type != media.TrackVideo || t.Cover {
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
	return score
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
		return &UnsupportedError{Reason: "no video stream, only cover art"}
	}
	return &UnsupportedError{Reason: "no video stream", Hint: "the input holds only " + kinds(info)}
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
	p := t.Params.(*av.Params)
	w, h := p.Size()
	l := s.opt.Limits
	if w > l.Width || h > l.Height || w*h > l.Pixels {
		return &UnsupportedError{Reason: fmt.Sprintf("picture of %dx%d is over the limit of %dx%d and %d pixels", w, h, l.Width, l.Height, l.Pixels)}
	}
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
	info.VideoSideData = p.SideData
	for _, sd := range p.SideData {
		switch sd.Type {
		case av.PacketDisplayMatrix:
			info.Rotation = rotation(sd.Data)
		case av.PacketDolbyVision:
			if err := dolbyVision(sd.Data); err != nil {
				return err
			}
		}
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

// dolbyVision refuses pictures that mean nothing without their metadata. conf is FFmpeg's AVDOVIDecoderConfigurationRecord, eight bytes;
// byte 2 is the profile and byte 7 the compatibility of the base layer: 0 is with nothing, 1 HDR10, 2 SDR, 4 HLG.
func dolbyVision(conf []byte) error {
	if len(conf) < 8 || conf[7] != 0 {
		return nil // the base layer is a video of its own, and is taken for that
	}
	return &UnsupportedError{Reason: fmt.Sprintf("Dolby Vision profile %d: its base layer has colours that only the metadata explain", conf[2]),
		Hint: "convert it to HDR10 first"}
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
	var kept []media.Chapter
	for _, c := range info.Chapters {
		shift := int64(math.Round(s.opt.Start / c.TimeBase.Float()))
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

// rotation reads a display matrix (nine 16.16 fixed point numbers) as degrees clockwise, to the nearest quarter turn.
func rotation(matrix []byte) int {
	if len(matrix) < 36 {
		return 0
	}
	at := func(i int) float64 { return float64(int32(binary.NativeEndian.Uint32(matrix[4*i:]))) }
	scale0, scale1 := math.Hypot(at(0), at(3)), math.Hypot(at(1), at(4))
	if scale0 == 0 || scale1 == 0 {
		return 0
	}
	turn := math.Round(math.Atan2(at(1)/scale1, at(0)/scale0) * 2 / math.Pi)
	return (int(turn)*90 + 360) % 360
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

// adoptSideData lifts HDR metadata that only the first picture carries (SEI) to the stream, where muxers and encoders want it.
func (s *Source) adoptSideData() {
	for _, sd := range s.first.SideData {
		t := -1
		switch sd.Type {
		case av.FrameMastering:
			t = av.PacketMastering
		case av.FrameLightLevel:
			t = av.PacketLightLevel
		case av.FrameDisplayMatrix:
			t = av.PacketDisplayMatrix
		}
		if t < 0 || hasSideData(s.info.VideoSideData, t) {
			continue
		}
		list := append([]media.SideData{}, s.info.VideoSideData...)
		s.info.VideoSideData = append(list, media.SideData{Type: t, Data: sd.Data})
		if t == av.PacketDisplayMatrix {
			s.info.Rotation = rotation(sd.Data)
		}
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
