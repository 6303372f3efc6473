package sr

import (
	"context"
	"errors"
	"fmt"

	"vsr/media"
)

// Bicubic is the smallest Engine: it enlarges each plane with a Catmull-Rom cubic and knows nothing of degradations. It is
// the baseline that networks are compared with, and the double for tests of everything around an engine.
type Bicubic struct {
	scale        int
	format       media.Format // that the scalers are made for
	luma, chroma *scaler
	closed       bool
}

var _ Engine = (*Bicubic)(nil)

var errClosed = errors.New("sr: engine is closed")

// NewBicubic returns an engine for a scale of 1 to 16.
func NewBicubic(scale int) (*Bicubic, error) {
	if scale < 1 || scale > 16 {
		return nil, fmt.Errorf("sr: bicubic scale %d, want 1 to 16", scale)
	}
	return &Bicubic{scale: scale}, nil
}

// bicubicDegradation says nothing, but knows who made it.
type bicubicDegradation struct{ owner *Bicubic }

// Close implements Degradation.
func (*bicubicDegradation) Close() error { return nil }

// Estimate implements Engine: the vector is a single zero.
func (b *Bicubic) Estimate(ctx context.Context, _ *media.Frame) ([]float32, error) {
	if b.closed {
		return nil, errClosed
	}
	return make([]float32, 1), ctx.Err()
}

// Modulate implements Engine.
func (b *Bicubic) Modulate(ctx context.Context, d []float32) (Degradation, error) {
	if b.closed {
		return nil, errClosed
	}
	if len(d) != 1 {
		return nil, fmt.Errorf("sr: bicubic: degradation vector of %d values, want 1", len(d))
	}
	return &bicubicDegradation{b}, ctx.Err()
}

// Upscale implements Engine.
func (b *Bicubic) Upscale(ctx context.Context, dst, src *media.Frame, d Degradation) error {
	if b.closed {
		return errClosed
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	if k, ok := d.(*bicubicDegradation); !ok || k.owner != b {
		return errors.New("sr: bicubic: this degradation was made by another engine")
	}
	if want := src.Format.Scaled(b.scale); dst.Format != want {
		return fmt.Errorf("sr: bicubic: output frame is %v, want %v with the input's color", dst.Format, want)
	}
	if b.luma == nil || b.format != src.Format {
		b.luma, b.chroma = scalers(catmullRom, src.Format, dst.Format)
		b.format = src.Format
	}
	for p := range colorPlanes(src.Format) {
		s := b.luma
		if p > 0 {
			s = b.chroma
		}
		s.run(dst, p, src, p)
	}
	return nil
}

// Scale implements Engine.
func (b *Bicubic) Scale() int { return b.scale }

// Close implements Engine.
func (b *Bicubic) Close() error {
	b.closed, b.luma, b.chroma = true, nil, nil
	return nil
}
