package sr

import (
	"fmt"

	"vsr/media"
)

// Resizer changes the size of frames with a Lanczos filter of three lobes, antialiased when it shrinks. It reaches sizes that
// are no multiple of the network's scale. Layout, depth and color stay; chroma stays where its siting says.
//
// A Resizer serves one goroutine at a time.
type Resizer struct {
	from, to     media.Format
	luma, chroma *scaler
}

// NewResizer prepares the filters. The formats may differ in size only, and to may lack alpha.
func NewResizer(from, to media.Format) (*Resizer, error) {
	for _, f := range []media.Format{from, to} {
		if err := f.Validate(); err != nil {
			return nil, fmt.Errorf("sr: resize: %w", err)
		}
	}
	same := from
	same.Width, same.Height, same.Alpha = to.Width, to.Height, from.Alpha && to.Alpha
	if same != to {
		return nil, fmt.Errorf("sr: resize from %v to %v: only the size may change", from, to)
	}
	r := &Resizer{from: from, to: to}
	r.luma, r.chroma = scalers(lanczos3, from, to)
	return r, nil
}

// Resize writes the frame of src into dst, all planes. It does not touch time stamps.
func (r *Resizer) Resize(dst, src *media.Frame) error {
	if src.Format != r.from || dst.Format != r.to {
		return fmt.Errorf("sr: resize made for %v to %v, called with %v to %v", r.from, r.to, src.Format, dst.Format)
	}
	r.planes(dst, src, colorPlanes(dst.Format))
	if dst.Alpha {
		r.alpha(dst, src)
	}
	return nil
}

// planes resizes the first n planes.
func (r *Resizer) planes(dst, src *media.Frame, n int) {
	for p := range n {
		s := r.luma
		if p > 0 {
			s = r.chroma
		}
		s.run(dst, p, src, p)
	}
}

// alpha resizes the last plane.
func (r *Resizer) alpha(dst, src *media.Frame) {
	r.luma.run(dst, dst.Planes()-1, src, src.Planes()-1)
}

// colorPlanes is the number of planes without alpha.
func colorPlanes(f media.Format) int {
	f.Alpha = false
	return f.Planes()
}
