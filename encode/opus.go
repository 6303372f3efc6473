package encode

import (
	"errors"

	"vsr/internal/av"
	"vsr/media"
)

// OpusClock is the clock of an Opus stream's times, whatever its sample rate (RFC 7587, section 4.1).
var OpusClock = media.Rational{Num: 1, Den: 48000}

// Opus turns the packets of an audio track into Opus of one or two channels, as browsers take it over WebRTC.
type Opus struct {
	c     *av.AudioConverter
	track media.Track
}

// NewOpus opens a decoder and an encoder for a track. Close it.
func NewOpus(t *media.Track) (*Opus, error) {
	p, ok := t.Params.(*av.Params)
	if !ok {
		return nil, errors.New("no parameters of the audio")
	}
	var err error
	for _, encoder := range []string{"libopus", "opus"} {
		if !av.HasEncoder(encoder) {
			continue
		}
		var c *av.AudioConverter
		if c, err = av.NewAudioConverter(p, t.TimeBase, encoder, 64_000, 0, 2); err == nil {
			return &Opus{c, media.Track{Type: media.TrackAudio, Codec: "opus", TimeBase: OpusClock, Start: media.NoTime, Metadata: t.Metadata, Params: c.Params()}}, nil
		}
	}
	if err == nil {
		err = errors.New("this FFmpeg has no encoder for Opus")
	}
	return nil, err
}

// OpusTrack describes a stream of Opus of one or two channels that comes from elsewhere, as from a publisher, with times in ticks of OpusClock.
func OpusTrack(channels int) media.Track {
	// RFC 7845 section 5.1: version, channels, pre-skip (312 samples, libopus's own delay), input rate, gain, mapping family.
	head := []byte{'O', 'p', 'u', 's', 'H', 'e', 'a', 'd', 1, byte(channels), 56, 1, 0x80, 0xbb, 0, 0, 0, 0, 0}
	return media.Track{Type: media.TrackAudio, Codec: "opus", TimeBase: OpusClock, Start: media.NoTime, Params: av.NewOpusParams(channels, head)}
}

// OpusSilence is a packet of 20 ms of silence (RFC 6716 section 3.1: CELT, full band, stereo, one frame, whose two bytes say silence).
var OpusSilence = []byte{0xfc, 0xff, 0xfe}

// OpusDuration is the length of an Opus packet in ticks of OpusClock (RFC 6716 section 3.1), 0 for one that is none.
func OpusDuration(packet []byte) int64 {
	if len(packet) == 0 {
		return 0
	}
	config, frames := int(packet[0]>>3), int64(1)
	var frame int64
	switch {
	case config < 12: // SILK
		frame = []int64{480, 960, 1920, 2880}[config%4]
	case config < 16: // hybrid
		frame = []int64{480, 960}[config%2]
	default: // CELT
		frame = []int64{120, 240, 480, 960}[config%4]
	}
	switch packet[0] & 3 {
	case 1, 2:
		frames = 2
	case 3:
		if len(packet) < 2 {
			return 0
		}
		frames = int64(packet[1] & 63)
	}
	return frames * frame
}

// Track describes what comes out: Opus with times in ticks of OpusClock.
func (o *Opus) Track() media.Track { return o.track }

// Convert takes a packet of the track and returns those that are ready. Its track number stays. An error is of that packet alone.
func (o *Opus) Convert(p *media.Packet) ([]*media.Packet, error) {
	list, err := o.c.Convert(p)
	for _, q := range list {
		q.Track = p.Track
		for _, t := range []*int64{&q.PTS, &q.DTS, &q.Duration} {
			if *t != media.NoTime {
				*t = av.Rescale(*t, o.c.TimeBase(), OpusClock)
			}
		}
	}
	return list, err
}

// Close frees everything.
func (o *Opus) Close() { o.c.Close() }

// AAC turns the packets of an audio track into AAC of one or two channels, as HLS has it.
type AAC struct {
	c     *av.AudioConverter
	track media.Track
}

// NewAAC opens a decoder and an encoder for a track. Close it.
func NewAAC(t *media.Track) (*AAC, error) {
	p, ok := t.Params.(*av.Params)
	if !ok {
		return nil, errors.New("no parameters of the audio")
	}
	c, err := av.NewAudioConverter(p, t.TimeBase, "aac", 64_000, 0, 2)
	if err != nil {
		return nil, err
	}
	return &AAC{c, media.Track{Type: media.TrackAudio, Codec: "aac", TimeBase: c.TimeBase(), Start: media.NoTime, Params: c.Params()}}, nil
}

// Track describes what comes out; its Headers are the AudioSpecificConfig.
func (a *AAC) Track() media.Track { return a.track }

// Channels is how many there are.
func (a *AAC) Channels() int { return a.c.Params().Channels() }

// Convert takes a packet of the track and returns those that are ready, in ticks of the time base of Track. An error is of that packet alone.
func (a *AAC) Convert(p *media.Packet) ([]*media.Packet, error) { return a.c.Convert(p) }

// Close frees everything.
func (a *AAC) Close() { a.c.Close() }
