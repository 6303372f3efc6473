package cpu

import (
	"bytes"

	"vsr/media"
)

// repeat remembers one frame and its result, so that an exact copy of the frame, or of a part of it, costs no computation.
// The bytes are compared, so the result is the one that computing again would give.
type repeat struct {
	valid    bool
	src, dst *media.Frame
	kernels  *kernels
}

// knows reports whether src is like the remembered frame but for its samples.
func (r *repeat) knows(src *media.Frame, k *kernels) bool {
	return r.valid && r.kernels == k && r.src.Format == src.Format
}

func (r *repeat) fill(dst *media.Frame) { copySamples(dst, r.dst) }

func (r *repeat) forget() { r.valid = false }

// memory makes r.src and r.dst.
func (r *repeat) memory(dst, src *media.Frame) {
	if r.src == nil || r.src.Format != src.Format {
		r.src, r.dst = media.NewFrame(src.Format), media.NewFrame(dst.Format)
	}
}

// colorPlanes is the number of planes that engines look at: all but alpha.
func colorPlanes(f media.Format) int {
	if f.Layout == media.Gray {
		return 1
	}
	return 3
}

func equalSamples(a, b *media.Frame) bool {
	for p := range colorPlanes(a.Format) {
		_, h := a.PlaneSize(p)
		for y := range h {
			if !bytes.Equal(a.Row(p, y), b.Row(p, y)) {
				return false
			}
		}
	}
	return true
}

func copySamples(dst, src *media.Frame) {
	for p := range colorPlanes(dst.Format) {
		_, h := dst.PlaneSize(p)
		for y := range h {
			copy(dst.Row(p, y), src.Row(p, y))
		}
	}
}
