package segment

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"

	"vsr/decode"
	"vsr/internal/av"
	"vsr/media"
)

// packetTimes are the presentation times of a segment's packets in decoding order, moved so that the first frame stands at first:
// NUT has no negative times, so its muxer shifts a segment whose decoding begins before zero.
func packetTimes(ctx context.Context, path string, first int64, tb media.Rational) (pts []int64, offset int64, err error) {
	src, err := decode.OpenCopy(ctx, path, decode.Options{})
	if err != nil {
		return nil, 0, err
	}
	defer src.Close()
	for {
		u, err := src.Next(ctx)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, 0, err
		}
		pts = append(pts, av.Rescale(u.Packet.PTS, src.Info().VideoTrack().TimeBase, tb))
	}
	if len(pts) == 0 {
		return nil, 0, errors.New("its file holds no frames")
	}
	offset = first - slices.Min(pts)
	for i := range pts {
		pts[i] += offset
	}
	return pts, offset, nil
}

// Times reads the times of all frames of some segments, in order, in ticks of tb.
func (s *Store) Times(ctx context.Context, segments []Record, tb media.Rational) ([]int64, error) {
	var all []int64
	for _, r := range segments {
		pts, _, err := packetTimes(ctx, s.Path(r), r.FirstPTS, tb)
		if err != nil {
			return nil, fmt.Errorf("segment: segment %d: %w", r.Index, err)
		}
		all = append(all, pts...)
	}
	slices.Sort(all)
	return all, nil
}

// inspect checks that the file of an attempt holds the frames of its record, and fills in Delay.
func inspect(ctx context.Context, path string, r *Record, tb media.Rational) error {
	pts, _, err := packetTimes(ctx, path, r.FirstPTS, tb)
	if err != nil {
		return err
	}
	sorted := slices.Sorted(slices.Values(pts))
	if n := len(pts); int64(n) != r.Frames || sorted[n-1] != r.LastPTS {
		return fmt.Errorf("its file holds %d frames up to %d and not the %d up to %d of its record", n, sorted[n-1], r.Frames, r.LastPTS)
	}
	r.Delay = 0
	for i, t := range pts {
		rank, _ := slices.BinarySearch(sorted, t)
		r.Delay = max(r.Delay, i-rank)
	}
	return nil
}

// reader gives the video packets of one segment after the other, as if one encoder had made them. NUT keeps neither durations
// nor decoding times, so both are computed from the presentation times of the whole output.
type reader struct {
	store    *Store
	segments []Record
	to       media.Track // as the output announces it
	index    int         // of that track
	delay    int         // frames that decoding is ahead, the same over the output
	at       int
	src      *decode.Source
	from     media.Rational
	offset   int64           // what the segment's times lack
	order    []int64         // the last delay frames before the segment, and those of the segment, in order of presentation
	before   int             // how many of order stand before the segment
	length   map[int64]int64 // duration of each frame of the segment by its time
	frames   int             // given out of this segment
}

func newReader(s *Store, segments []Record, info *media.Info) *reader {
	p := &reader{store: s, segments: segments, to: *info.VideoTrack(), index: info.Video}
	for _, r := range segments {
		p.delay = max(p.delay, r.Delay)
	}
	return p
}

func (p *reader) open(ctx context.Context) error {
	r := p.segments[p.at]
	if err := p.times(ctx, r); err != nil {
		return fmt.Errorf("segment %d: %w", r.Index, err)
	}
	src, err := decode.OpenCopy(ctx, p.store.Path(r), decode.Options{})
	if err != nil {
		return fmt.Errorf("segment %d: %w", r.Index, err)
	}
	made := src.Info().VideoTrack()
	p.src, p.frames, p.from = src, 0, made.TimeBase
	if made.Codec != p.to.Codec || !bytes.Equal(extraData(made), extraData(&p.to)) {
		return fmt.Errorf("segment %d was made by another encoder than that of this program: it cannot be joined", r.Index)
	}
	return nil
}

// times reads the times of a segment's frames and computes how long each stands.
func (p *reader) times(ctx context.Context, r Record) error {
	pts, offset, err := packetTimes(ctx, p.store.Path(r), r.FirstPTS, p.to.TimeBase)
	if err != nil {
		return err
	}
	if int64(len(pts)) != r.Frames {
		return fmt.Errorf("its file holds %d frames, its record says %d", len(pts), r.Frames)
	}
	slices.Sort(pts)
	p.length, p.offset = make(map[int64]int64, len(pts)), offset
	for i, t := range pts[1:] {
		p.length[pts[i]] = t - pts[i]
	}
	p.length[r.LastPTS] = r.LastDuration
	if p.at+1 < len(p.segments) {
		p.length[r.LastPTS] = p.segments[p.at+1].FirstPTS - r.LastPTS
	}
	p.before = min(len(p.order), p.delay)
	p.order = append(slices.Clone(p.order[len(p.order)-p.before:]), pts...)
	return nil
}

// next returns the next packet, io.EOF after the last segment.
func (p *reader) next(ctx context.Context) (*media.Packet, error) {
	for {
		u, err := p.src.Next(ctx)
		if err == nil {
			return p.moved(u.Packet)
		}
		if !errors.Is(err, io.EOF) {
			return nil, err
		}
		if r := p.segments[p.at]; int64(p.frames) != r.Frames {
			return nil, fmt.Errorf("segment %d holds %d frames, its record says %d", r.Index, p.frames, r.Frames)
		}
		if p.at+1 == len(p.segments) {
			return nil, io.EOF
		}
		p.close()
		p.at++
		if err := p.open(ctx); err != nil {
			return nil, err
		}
	}
}

// moved puts a packet onto the output's track.
func (p *reader) moved(k *media.Packet) (*media.Packet, error) {
	if p.frames >= len(p.order)-p.before {
		return nil, fmt.Errorf("segment %d has more frames than a moment ago", p.segments[p.at].Index)
	}
	k.Track = p.index
	k.PTS = av.Rescale(k.PTS, p.from, p.to.TimeBase) + p.offset
	k.Duration = p.length[k.PTS]
	if i := p.frames + p.before - p.delay; i >= 0 {
		k.DTS = p.order[i]
	} else { // before the output's first frame
		step := max(p.length[p.order[0]], 1)
		k.DTS = p.order[0] + int64(i)*step
	}
	p.frames++
	return k, nil
}

func (p *reader) close() {
	if p.src != nil {
		p.src.Close()
		p.src = nil
	}
}

// extraData is the codec's header of a track, nil if it has none.
func extraData(t *media.Track) []byte {
	if p, ok := t.Params.(*av.Params); ok {
		return p.ExtraData()
	}
	return nil
}
