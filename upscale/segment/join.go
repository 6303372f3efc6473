package segment

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"

	"vsr/decode"
	"vsr/encode"
	"vsr/internal/av"
	"vsr/media"
)

// JoinOptions configures Join.
type JoinOptions struct {
	Input  string         // the source, for its other tracks
	Decode decode.Options // as in the run that made the segments: Start and Duration matter
	Encode encode.Options // as in the run that made the segments
	Output encode.FileOptions
	Info   *media.Info // what the output looks like: the source's description with the format of the large frames
	// Cut ends the other tracks where the video ends: the segments are not all of the output.
	Cut bool
	// Begun is told the temporary name of the output, empty for a sequence of images, before anything is written into it; nil is not told.
	Begun func(temp string) error
}

// Join writes the segments' video, not encoded anew, and the source's other tracks into path. It returns what became of each track.
// The output, and each image of a sequence, appears under its name when it is whole.
func Join(ctx context.Context, s *Store, segments []Record, path string, o JoinOptions) ([]encode.StreamAction, error) {
	if len(segments) == 0 {
		return nil, fmt.Errorf("segment: join: %w", encode.ErrNoFrames)
	}
	src, err := decode.OpenCopy(ctx, o.Input, o.Decode)
	if err != nil {
		return nil, err
	}
	defer src.Close()
	info, about, err := describe(o.Info, o.Encode)
	if err != nil {
		return nil, err
	}
	if have := len(src.Info().Tracks); have != len(info.Tracks) {
		return nil, fmt.Errorf("segment: join: the source has %d streams now, and had %d", have, len(info.Tracks))
	}
	video := newReader(s, segments, info)
	defer video.close()
	if err := video.open(ctx); err != nil {
		return nil, fmt.Errorf("segment: join: %w", err)
	}
	file, temp, err := newOutput(path, o.Output)
	if err != nil {
		return nil, fmt.Errorf("encode: %w", err)
	}
	if o.Begun != nil {
		if err := o.Begun(temp); err != nil {
			_ = file.Abort()
			return nil, fmt.Errorf("segment: join: %w", &encode.DestinationError{Path: path, Err: err})
		}
	}
	m := merger{file: file, info: info, video: video, src: src, end: math.MaxInt64}
	if last := segments[len(segments)-1]; o.Cut {
		m.end = last.LastPTS + max(last.LastDuration, 1)
	}
	if err := m.run(ctx); err != nil {
		_ = file.Abort()
		return nil, fmt.Errorf("segment: join: %w", err)
	}
	actions := file.Actions()
	if err := file.Close(); err != nil {
		return nil, fmt.Errorf("encode: %w", err)
	}
	for i := range actions {
		if actions[i].Index == info.Video {
			actions[i].Action, actions[i].Why = encode.Encoded, joined(about, actions[i].Why)
		}
	}
	return actions, nil
}

// output is what segments are joined into: an encode.File or encode.Images.
type output interface {
	encode.PacketWriter
	Actions() []encode.StreamAction
	Abort() error
}

// newOutput opens the output and gives the name under which it grows, empty for images.
func newOutput(path string, o encode.FileOptions) (out output, temp string, err error) {
	if encode.IsSequence(path) {
		out, err = encode.NewImages(path, o)
		return out, "", err
	}
	file, err := encode.NewFile(path, o)
	if err != nil {
		return nil, "", err
	}
	return file, file.Temp(), nil
}

func joined(a, b string) string {
	if a != "" && b != "" {
		return a + "; " + b
	}
	return a + b
}

// describe opens the encoder once more to learn how its track is to be announced: NUT keeps neither side data nor every tag.
// about is what the encoder had to say of the video.
func describe(info *media.Info, o encode.Options) (out *media.Info, about string, err error) {
	sink, err := encode.Create(info, o, announcement{})
	if err != nil {
		return nil, "", err
	}
	for _, a := range sink.Actions() {
		if a.Index == info.Video {
			about = a.Why
		}
	}
	out = sink.Info()
	return out, about, sink.Abort()
}

// announcement is a writer that is only told what would come.
type announcement struct{}

func (announcement) Start(*media.Info) error         { return nil }
func (announcement) WritePacket(*media.Packet) error { return nil }
func (announcement) Close() error                    { return nil }
func (announcement) GlobalHeader() bool              { return true }

// merger writes both sides in the order of their decoding times, so that the muxer has little to hold.
type merger struct {
	file  output
	info  *media.Info
	video *reader
	src   *decode.Source
	end   int64 // of the video, in ticks of its track; other packets from there on are left out
}

func (m *merger) run(ctx context.Context) error {
	if err := m.file.Start(m.info); err != nil {
		return err
	}
	a, errA := m.video.next(ctx)
	b, errB := m.other(ctx)
	for errA == nil || errB == nil {
		if errA == nil && (errB != nil || earlier(a, m.info.VideoTrack().TimeBase, b, m.info.Tracks[b.Track].TimeBase)) {
			if err := m.file.WritePacket(a); err != nil {
				return err
			}
			a, errA = m.video.next(ctx)
			continue
		}
		if errA != nil && !errors.Is(errA, io.EOF) {
			return errA
		}
		if err := m.file.WritePacket(b); err != nil {
			return err
		}
		b, errB = m.other(ctx)
	}
	for _, err := range []error{errA, errB} {
		if !errors.Is(err, io.EOF) {
			return err
		}
	}
	return nil
}

// other returns the next packet of the source that is not of the video.
func (m *merger) other(ctx context.Context) (*media.Packet, error) {
	for {
		u, err := m.src.Next(ctx)
		if err != nil {
			return nil, err
		}
		p := u.Packet
		if p == nil || p.Track == m.info.Video {
			continue
		}
		if p.PTS != media.NoTime && m.end != math.MaxInt64 &&
			av.Compare(p.PTS, m.info.Tracks[p.Track].TimeBase, m.end, m.info.VideoTrack().TimeBase) >= 0 {
			continue
		}
		return p, nil
	}
}

// earlier reports whether packet a is to be decoded before b. A packet without a time (cover art) goes first.
func earlier(a *media.Packet, ta media.Rational, b *media.Packet, tb media.Rational) bool {
	x, y := a.DTS, b.DTS
	if y == media.NoTime {
		y = b.PTS
	}
	if y == media.NoTime {
		return false
	}
	return av.Compare(x, ta, y, tb) <= 0
}
