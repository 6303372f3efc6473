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
