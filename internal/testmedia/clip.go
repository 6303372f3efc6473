package testmedia

import (
	"context"
	"fmt"
	"io"
	"math"
	"os"

	"vsr/encode"
	"vsr/internal/av"
	"vsr/media"
)

// toneRate is the sample rate of the tone.
const toneRate = 44100

// Source gives the units of a synthetic clip, like decode.Source does for a file.
type Source struct {
	opt   Options
	info  *media.Info
	pool  *media.Pool
	next  int
	audio *av.AudioEncoder
	sound []*media.Packet // encoded and not yet given out
	phase int             // samples made
	ended bool            // the tone is drained
}

// New returns a source of the clip.
func New(o Options) (*Source, error) {
	o = o.withDefaults()
	if err := o.Format.Validate(); err != nil {
		return nil, err
	}
	s := &Source{opt: o, pool: media.NewPool(o.Format, 8, nil), ended: o.Tone == 0}
	length := float64(o.Frames) / o.Rate.Float()
	s.info = &media.Info{Container: "testmedia", Format: o.Format, FrameRate: o.Rate, SampleAspect: media.Rational{Num: 1, Den: 1},
		Frames: int64(o.Frames), Duration: length,
		Tracks: []media.Track{{Type: media.TrackVideo, Codec: "rawvideo", TimeBase: s.timeBase(), Disposition: av.DispositionDefault}}}
	if o.Tone > 0 {
		var err error
		if s.audio, err = av.NewAudioEncoder(toneRate); err != nil {
			return nil, fmt.Errorf("testmedia: %w", err)
		}
		s.info.Tracks = append(s.info.Tracks, media.Track{Index: 1, Type: media.TrackAudio, Codec: "aac", TimeBase: media.Rational{Num: 1, Den: toneRate},
			Disposition: av.DispositionDefault, Params: s.audio.Params()})
	}
	return s, nil
}

// timeBase is fine enough that frames do not lie on neighbouring ticks.
func (s *Source) timeBase() media.Rational {
	return media.Rational{Num: s.opt.Rate.Den, Den: s.opt.Rate.Num * 512}
}

// Info describes the clip.
func (s *Source) Info() *media.Info { return s.info }

// Outstanding returns how many frames have not come back.
func (s *Source) Outstanding() int { return s.pool.Outstanding() }

// Next gives the next frame, or a packet of sound when the sound is behind.
func (s *Source) Next(ctx context.Context) (media.Unit, error) {
	if err := s.makeSound(); err != nil {
		return media.Unit{}, err
	}
	if len(s.sound) > 0 {
		p := s.sound[0]
		s.sound = s.sound[1:]
		return media.Unit{Packet: p}, nil
	}
	for s.next < s.opt.Frames && s.opt.Drop != nil && s.opt.Drop(s.next) {
		s.next++
	}
	if s.next >= s.opt.Frames {
		return media.Unit{}, io.EOF
	}
	fr, err := s.pool.Get(ctx)
	if err != nil {
		return media.Unit{}, err
	}
	n := s.next + s.opt.Start
	s.opt.Draw(fr, n)
	fr.PTS, fr.Duration, fr.Scene = int64(n)*512, 512, uint64(s.opt.Scene(n))
	s.next++
	return media.Unit{Frame: fr}, nil
}

// makeSound encodes until the sound has reached the next frame's time.
func (s *Source) makeSound() error {
	for !s.ended && len(s.sound) == 0 {
		at := float64(s.next+1) / s.opt.Rate.Float()
		last := s.next >= s.opt.Frames
		if !last && float64(s.phase) >= at*toneRate {
			return nil
		}
		var samples []float32
		if last && float64(s.phase) >= float64(s.opt.Frames)/s.opt.Rate.Float()*toneRate {
			s.ended = true
		} else {
			samples = make([]float32, s.audio.FrameSize())
			for i := range samples {
				samples[i] = float32(0.25 * math.Sin(2*math.Pi*s.opt.Tone*float64(s.phase+i)/toneRate))
			}
			s.phase += len(samples)
		}
		packets, err := s.audio.Encode(samples)
		if err != nil {
			return fmt.Errorf("testmedia: %w", err)
		}
		first := int64(math.Round(float64(s.opt.Start) / s.opt.Rate.Float() * toneRate))
		for _, p := range packets {
			p.Track = 1
			p.PTS, p.DTS = p.PTS+first, p.DTS+first
			s.sound = append(s.sound, p)
		}
	}
	return nil
}

// Close releases the tone's encoder.
func (s *Source) Close() error {
	if s.audio != nil {
		s.audio.Close()
		s.audio = nil
	}
	return nil
}

// WriteClip encodes a clip into path; the extension chooses the container. An existing file is replaced.
func WriteClip(path string, o Options, e encode.Options) error {
	s, err := New(o)
	if err != nil {
		return err
	}
	defer s.Close()
	sink, err := encode.CreateFile(path, s.Info(), e, encode.FileOptions{Overwrite: true})
	if err != nil {
		return err
	}
	ctx := context.Background()
	for {
		u, err := s.Next(ctx)
		if err == io.EOF {
			return sink.Close()
		}
		if err == nil {
			err = sink.Write(ctx, u)
		}
		if err != nil {
			_ = sink.Abort()
			return err
		}
	}
}

// WriteTurn writes an MPEG transport stream whose frame changes from a's size to b's after a's frames; times go on.
func WriteTurn(path string, a, b Options, e encode.Options) error {
	a, b = a.withDefaults(), b.withDefaults()
	b.Start = a.Start + a.Frames
	var all []byte
	for i, o := range []Options{a, b} {
		part := fmt.Sprintf("%s.%d.ts", path, i)
		defer os.Remove(part)
		if err := WriteClip(part, o, e); err != nil {
			return err
		}
		data, err := os.ReadFile(part)
		if err != nil {
			return err
		}
		all = append(all, data...)
	}
	return os.WriteFile(path, all, 0o666)
}
