package segment

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"

	"vsr/decode"
	"vsr/encode"
	"vsr/internal/av"
	"vsr/media"
)

// JoinOptions configures Join.
type JoinOptions struct {
	Input  string         // the source, for its other tracks
	Decode decode.Options // as in the run that made the pieces: Start and Duration matter
	Output encode.FileOptions
	Size   func(media.Info) media.Info // what the output looks like, from the source's description
}

// Join writes the pieces' video, not encoded anew, and the source's other tracks into path. It returns what became of each track.
// The output appears under its name when it is whole.
func Join(ctx context.Context, s *Store, pieces []Record, path string, o JoinOptions) ([]encode.StreamAction, error) {
	if len(pieces) == 0 {
		return nil, fmt.Errorf("segment: join: %w", encode.ErrNoFrames)
	}
	src, err := decode.OpenCopy(ctx, o.Input, o.Decode)
	if err != nil {
		return nil, err
	}
	defer src.Close()
	video := &pieceReader{store: s, pieces: pieces}
	defer video.close()
	if err := video.open(ctx); err != nil {
		return nil, err
	}
	info := o.Size(*src.Info())
	info.Tracks = append([]media.Track(nil), info.Tracks...)
	t, made := info.VideoTrack(), video.track()
	t.Codec, t.Params, t.TimeBase = made.Codec, made.Params, made.TimeBase
	file, err := encode.NewFile(path, o.Output)
	if err != nil {
		return nil, fmt.Errorf("encode: %w", err)
	}
	if err := merge(ctx, file, &info, video, src); err != nil {
		file.Abort()
		return nil, fmt.Errorf("segment: join: %w", err)
	}
	actions := file.Actions()
	if err := file.Close(); err != nil {
		return nil, fmt.Errorf("encode: %w", err)
	}
	for i := range actions {
		if actions[i].Index == info.Video {
			actions[i].Action = encode.Encoded
		}
	}
	return actions, nil
}

// merge writes both sides in the order of their decoding times, so that the muxer has little to hold.
func merge(ctx context.Context, file *encode.File, info *media.Info, video *pieceReader, src *decode.Source) error {
	if err := file.Start(info); err != nil {
		return err
	}
	other := func() (*media.Packet, error) {
		for {
			u, err := src.Next(ctx)
			if err != nil {
				return nil, err
			}
			if u.Packet != nil && u.Packet.Track != info.Video {
				return u.Packet, nil
			}
		}
	}
	a, errA := video.next(ctx)
	b, errB := other()
	for errA == nil || errB == nil {
		if errA == nil && (errB != nil || earlier(a, video.track().TimeBase, b, info.Tracks[b.Track].TimeBase)) {
			a.Track = info.Video
			if err := file.WritePacket(a); err != nil {
				return err
			}
			a, errA = video.next(ctx)
			continue
		}
		if err := file.WritePacket(b); err != nil {
			return err
		}
		b, errB = other()
	}
	for _, err := range []error{errA, errB} {
		if !errors.Is(err, io.EOF) {
			return err
		}
	}
	return nil
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

// pieceReader gives the video packets of one piece after the other.
type pieceReader struct {
	store  *Store
	pieces []Record
	at     int
	src    *decode.Source
	extra  []byte // codec headers of the first piece
	first  media.Track
	frames int64
	last   int64 // decoding time of the packet before
	begun  bool
}

func (p *pieceReader) open(ctx context.Context) error {
	r := p.pieces[p.at]
	src, err := decode.OpenCopy(ctx, p.store.Path(r), decode.Options{})
	if err != nil {
		return fmt.Errorf("piece %d: %w", r.Index, err)
	}
	p.src, p.frames = src, 0
	head := src.Info().VideoTrack().Params.(*av.Params).ExtraData()
	if p.at == 0 {
		p.first, p.extra = *src.Info().VideoTrack(), head
	}
	if !bytes.Equal(head, p.extra) || src.Info().VideoTrack().TimeBase != p.first.TimeBase {
		return fmt.Errorf("piece %d was encoded with other headers than the first: it cannot be joined", r.Index)
	}
	return nil
}

// track describes the video as the pieces hold it.
func (p *pieceReader) track() *media.Track { return &p.first }

// next returns the next packet, io.EOF after the last piece.
func (p *pieceReader) next(ctx context.Context) (*media.Packet, error) {
	for {
		u, err := p.src.Next(ctx)
		if err == nil && u.Packet != nil {
			p.frames++
			k := *u.Packet
			if p.begun && k.DTS <= p.last { // the start of a piece reaches back by the encoder's delay
				k.DTS = min(p.last+1, k.PTS)
			}
			p.last, p.begun = k.DTS, true
			return &k, nil
		}
		if !errors.Is(err, io.EOF) {
			if err == nil {
				continue
			}
			return nil, err
		}
		if r := p.pieces[p.at]; p.frames != r.Frames {
			return nil, fmt.Errorf("piece %d holds %d frames, its record says %d", r.Index, p.frames, r.Frames)
		}
		p.close()
		if p.at++; p.at == len(p.pieces) {
			return nil, io.EOF
		}
		if err := p.open(ctx); err != nil {
			return nil, err
		}
	}
}

func (p *pieceReader) close() {
	if p.src != nil {
		p.src.Close()
		p.src = nil
	}
}
