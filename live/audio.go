package live

import (
	"vsr/encode"
	"vsr/media"
)

// The audio of a source that FFmpeg reads becomes Opus and goes through the pipeline as packets beside the frames, so that both leave together.

// audioOf opens a converter for the first audio track of a source; nil where there is none or it cannot be had, which is a line in the log.
func (s *Session) audioOf(info *media.Info) *audioTrack {
	for i := range info.Tracks {
		t := &info.Tracks[i]
		if t.Type != media.TrackAudio {
			continue
		}
		o, err := encode.NewOpus(t)
		if err != nil {
			s.log.Warn("the audio of the source is left out", "stage", stageDecode, "codec", t.Codec, "err", err)
			continue
		}
		return &audioTrack{index: i, base: t.TimeBase, opus: o}
	}
	return nil
}

// audioTrack is the audio track of a source.
type audioTrack struct {
	index int            // in the source
	base  media.Rational // of its packets
	opus  *encode.Opus
	last  int64 // time of the packet before
	given bool
}

// convert gives the Opus packets that are ready, as units of track 1. Packets that do not decode are skipped: there will be others. shift, in
// seconds, is added to all times.
func (a *audioTrack) convert(p *media.Packet, shift float64) (list []media.Unit) {
	if p.Track != a.index {
		return nil
	}
	packets, _ := a.opus.Convert(p)
	for _, q := range packets {
		q.Track = 1
		if d := int64(shift / encode.OpusClock.Float()); d != 0 {
			q.PTS, q.DTS = q.PTS+d, q.DTS+d
		}
		if a.given && q.PTS < a.last+q.Duration/2 { // the audio of the round before is longer than its video
			continue
		}
		a.last, a.given = q.PTS, true
		list = append(list, media.Unit{Packet: q})
	}
	return list
}

func (a *audioTrack) close() {
	if a != nil {
		a.opus.Close()
	}
}
