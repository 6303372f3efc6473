package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"vsr/decode"
	"vsr/encode"
	"vsr/internal/synth"
	"vsr/media"
)

// clip is a file with its truth.
type clip struct {
	File   string
	Kind   string
	Seed   uint64
	Frames int
	Events []synth.Event
}

// writeClips makes all clips, and truth.json beside them.
func writeClips(o options) (list []clip, err error) {
	var so = synth.Options{Width: o.width, Height: o.height}
	if so.Stills, err = readStills(o.stills); err != nil {
		return nil, err
	}
	for _, kind := range o.kinds {
		for n := range o.seeds {
			seed := o.seed(n)
			c, err := synth.New(kind, seed, so)
			if err != nil {
				return nil, err
			}
			path := filepath.Join(o.work, fmt.Sprintf("%s_%d.mkv", kind, seed))
			if _, err := os.Stat(path); err != nil { // else it is left from before
				if err := writeClip(path, c); err != nil {
					return nil, fmt.Errorf("%s: %w", path, err)
				}
			}
			list = append(list, clip{path, kind, seed, c.Frames, c.Events})
		}
	}
	b, err := json.Marshal(list)
	if err != nil {
		return nil, err
	}
	return list, os.WriteFile(filepath.Join(o.work, "truth.json"), b, 0o666)
}

// writeClip encodes a clip as its kind says: nearly lossless, or at a low rate, or twice with two codecs.
func writeClip(path string, c *synth.Clip) error {
	codec := encode.Options{Codec: "x264", CRF: 14, Preset: "veryfast", Threads: 2}
	if c.BitRate > 0 {
		codec.BitRate, codec.CRF = c.BitRate*int64(c.Format().Width*c.Format().Height)/(320*180), 20
	}
	if c.Generations < 2 {
		return encodeFrames(path, info(c), codec, drawn(c))
	}
	first := path + ".first.webm"
	defer os.Remove(first)
	o := codec
	o.Codec, o.Preset = "vp8", ""
	if err := encodeFrames(first, info(c), o, drawn(c)); err != nil {
		return err
	}
	src, err := decode.Open(context.Background(), first, decode.Options{})
	if err != nil {
		return err
	}
	defer src.Close()
	return encodeFrames(path, src.Info(), codec, func() (*media.Frame, error) {
		for {
			u, err := src.Next(context.Background())
			if err != nil || u.Frame != nil {
				return u.Frame, err
			}
			u.Release()
		}
	})
}

func info(c *synth.Clip) *media.Info {
	return &media.Info{Container: "synth", Format: c.Format(), FrameRate: media.Rational{Num: c.Rate, Den: 1}, SampleAspect: media.Rational{Num: 1, Den: 1},
		Frames: int64(c.Frames), Duration: float64(c.Frames) / float64(c.Rate),
		Tracks: []media.Track{{Type: media.TrackVideo, Codec: "rawvideo", TimeBase: media.Rational{Num: 1, Den: c.Rate}}}}
}

// drawn gives the clip's frames one by one, then io.EOF.
func drawn(c *synth.Clip) func() (*media.Frame, error) {
	pool, i := media.NewPool(c.Format(), 8, nil), 0
	return func() (*media.Frame, error) {
		if i == c.Frames {
			return nil, io.EOF
		}
		fr, err := pool.Get(context.Background())
		if err != nil {
			return nil, err
		}
		c.Draw(fr, i)
		fr.PTS, fr.Duration = int64(i), 1
		i++
		return fr, nil
	}
}

func encodeFrames(path string, info *media.Info, o encode.Options, next func() (*media.Frame, error)) error {
	sink, err := encode.CreateFile(path, info, o, encode.FileOptions{Overwrite: true})
	if err != nil {
		return err
	}
	for {
		fr, err := next()
		if errors.Is(err, io.EOF) {
			return sink.Close()
		}
		if err == nil {
			err = sink.Write(context.Background(), media.Unit{Frame: fr})
		}
		if err != nil {
			return errors.Join(err, sink.Abort())
		}
	}
}
