package decode

import (
	"context"
	"errors"
	"io"

	astiav "github.com/asticode/go-astiav"

	"vsr/internal/av"
	"vsr/media"
)

// Cadence says how the two fields of the frames belong together.
type Cadence string

// The kinds of cadence.
const (
	CadenceUnknown     Cadence = ""            // too little moves to tell
	CadenceInterlaced  Cadence = "interlaced"  // each field shows a moment of its own
	CadenceProgressive Cadence = "progressive" // both show the same one, whatever the file says (PsF)
	CadenceTelecine    Cadence = "telecine"    // frames by 3:2 pulldown
)

const (
	cadencePlaces = 3  // in which the video is looked at, spread over its length
	cadenceFrames = 60 // in each
)

// fieldCount is what FFmpeg's idet found.
type fieldCount struct {
	interlaced, progressive int
	repeats                 [cadenceFrames]bool // frames whose one field is that of the frame before
	frames, top, bottom     int
}

// FindCadence looks at some hundred frames of a file, at its beginning and farther in, by FFmpeg's idet. Interlaced videos alone are worth the question.
func FindCadence(ctx context.Context, path string, o Options) (Cadence, error) {
	o.Deinterlace, o.FieldRate, o.GPU, o.Strict = DeinterlaceOff, false, nil, false
	var kinds [cadencePlaces]Cadence
	begin, length := o.Start, o.Duration
	for i := range kinds {
		if i > 0 {
			if length < cadencePlaces*cadenceFrames/10 { // the places would overlap
				break
			}
			o.Start = begin + length*float64(i)/cadencePlaces
		}
		s, err := Open(ctx, path, o)
		if err != nil {
			return CadenceUnknown, err
		}
		if length == 0 {
			length = s.Info().Duration
		}
		n, err := s.countFields(ctx)
		s.Close()
		if err != nil {
			return CadenceUnknown, err
		}
		kinds[i] = n.cadence()
	}
	all := CadenceUnknown
	for _, k := range kinds {
		switch {
		case k == CadenceUnknown:
		case all == CadenceUnknown:
			all = k
		case all != k: // mixed: by the frame, then
			return CadenceInterlaced, nil
		}
	}
	return all, nil
}

// countFields runs frames through idet.
func (s *Source) countFields(ctx context.Context) (n fieldCount, err error) {
	var idet *filter
	out := astiav.AllocFrame()
	defer out.Free()
	defer func() {
		if idet != nil {
			idet.close()
		}
	}()
	drain := func() {
		for idet.pull(out) == nil {
			n.add(out)
			out.Unref()
		}
	}
	s.inspect = func(f *astiav.Frame) error {
		var p av.Frame
		p.Read(f)
		if idet != nil && !idet.fits(&p) {
			return io.EOF
		}
		if idet == nil {
			if idet, err = newFilter(&p, s.info.VideoTrack().TimeBase, "idet"); err != nil {
				return err
			}
		}
		c := f.Clone()
		defer c.Free()
		if err := idet.push(c); err != nil {
			return err
		}
		drain()
		return nil
	}
	for n.frames < cadenceFrames {
		u, err := s.Next(ctx)
		u.Release()
		if errors.Is(err, io.EOF) || errors.Is(err, media.ErrFormatChanged) {
			break
		}
		if err != nil {
			return n, err
		}
	}
	if idet != nil && n.frames < cadenceFrames && idet.push(nil) == nil {
		drain()
	}
	return n, nil
}

func (n *fieldCount) add(f *astiav.Frame) {
	if n.frames == cadenceFrames {
		return
	}
	switch av.FrameMetadata(f, "lavfi.idet.single.current_frame") {
	case "tff", "bff":
		n.interlaced++
	case "progressive":
		n.progressive++
	}
	switch av.FrameMetadata(f, "lavfi.idet.repeated.current_frame") {
	case "top":
		n.top++
		n.repeats[n.frames] = true
	case "bottom":
		n.bottom++
		n.repeats[n.frames] = true
	}
	n.frames++
}

// cadence judges what was counted.
func (n *fieldCount) cadence() Cadence {
	const least = 15 // frames that tell something
	if n.interlaced+n.progressive < least {
		return CadenceUnknown
	}
	if n.pulledDown() {
		return CadenceTelecine
	}
	if n.interlaced*30 <= n.progressive {
		return CadenceProgressive
	}
	return CadenceInterlaced
}

// pulledDown reports whether two of five frames repeat a field, one a top and one a bottom field, always in the same places.
func (n *fieldCount) pulledDown() bool {
	total := n.top + n.bottom
	if total*10 < 3*n.frames || total*2 > n.frames || 4*n.top < total || 4*n.bottom < total {
		return false
	}
	var at [cycle]int
	for i, r := range n.repeats[:n.frames] {
		if r {
			at[i%cycle]++
		}
	}
	best, next := 0, 0
	for _, c := range at {
		if c > best {
			best, next = c, best
		} else if c > next {
			next = c
		}
	}
	return 10*(best+next) >= 9*total
}
