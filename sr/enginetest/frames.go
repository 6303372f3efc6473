package enginetest

import (
	"bytes"
	"encoding/binary"
	"math/rand/v2"
	"slices"

	"vsr/media"
)

// margin is the number of spare bytes at the end of every row.
const margin = 26

// newFrame returns a frame whose rows are neither tight nor aligned, filled with garbage of the given seed.
func newFrame(f media.Format, seed uint64) *media.Frame {
	fr := &media.Frame{Format: f}
	rng := rand.New(rand.NewPCG(seed, 1))
	for p := range f.Planes() {
		w, h := f.PlaneSize(p)
		fr.Stride[p] = w*f.BytesPerSample() + margin
		fr.Plane[p] = make([]byte, fr.Stride[p]*h)
		for i := range fr.Plane[p] {
			fr.Plane[p][i] = byte(rng.Uint32())
		}
	}
	return fr
}

// frame returns a frame with a smooth, colored frame and some noise: what a network may meet.
func testFrame(f media.Format, seed uint64) *media.Frame {
	fr := newFrame(f, seed)
	rng := rand.New(rand.NewPCG(seed, 2))
	top := float64(int(1)<<f.Depth - 1)
	for p := range f.Planes() {
		w, h := f.PlaneSize(p)
		at, dx, dy := rng.Float64(), rng.Float64()-0.5, rng.Float64()-0.5
		for y := range h {
			for x := range w {
				v := at + dx*float64(x)/float64(w) + dy*float64(y)/float64(h) + 0.2*(rng.Float64()-0.5)
				put(fr, p, x, y, uint16(unit(v)*top))
			}
		}
	}
	return fr
}

func put(f *media.Frame, p, x, y int, v uint16) {
	if row := f.Row(p, y); f.BytesPerSample() == 1 {
		row[x] = byte(v)
	} else {
		binary.LittleEndian.PutUint16(row[2*x:], v)
	}
}

// copyFrame copies everything, the bytes between the rows included.
func copyFrame(f *media.Frame) *media.Frame {
	c := &media.Frame{Format: f.Format, Stride: f.Stride}
	for p := range f.Planes() {
		c.Plane[p] = slices.Clone(f.Plane[p])
	}
	return c
}

// colorPlanes is the number of planes without alpha.
func colorPlanes(f media.Format) int {
	f.Alpha = false
	return f.Planes()
}

// sameFrame compares the samples of all planes but alpha.
func sameFrame(a, b *media.Frame) bool {
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

// sameElsewhere compares everything that is no sample of a color plane.
func sameElsewhere(a, b *media.Frame) bool {
	for p := range a.Planes() {
		w, h := a.PlaneSize(p)
		skip := w * a.BytesPerSample()
		if p >= colorPlanes(a.Format) {
			skip = 0
		}
		for y := range h {
			from, to := y*a.Stride[p]+skip, (y+1)*a.Stride[p]
			if !bytes.Equal(a.Plane[p][from:to], b.Plane[p][from:to]) {
				return false
			}
		}
	}
	return true
}

func sameBytes(a, b *media.Frame) bool { return sameFrame(a, b) && sameElsewhere(a, b) }

// formats are the kinds of frame that an engine must take, at one size.
func formats(w, h int) []media.Format {
	f := func(l media.Layout, depth int, m media.Matrix, r media.Range, s media.Siting) media.Format {
		return media.Format{Width: w, Height: h, Layout: l, Depth: depth,
			Color: media.Color{Matrix: m, Range: r, Siting: s, Primaries: media.PrimariesUnspecified, Transfer: media.TransferUnspecified}}
	}
	alpha := f(media.YUV420, 8, media.MatrixBT709, media.RangeLimited, 1)
	alpha.Alpha = true
	return []media.Format{
		f(media.YUV420, 8, media.MatrixBT709, media.RangeLimited, 1), alpha,
		f(media.YUV420, 10, media.MatrixBT2020NCL, media.RangeLimited, 3),
		f(media.YUV420, 8, media.MatrixUnspecified, media.RangeUnspecified, 0),
		f(media.YUV420, 8, media.MatrixSMPTE170M, media.RangeFull, 2),
		f(media.YUV420, 12, media.MatrixBT470BG, media.RangeLimited, 4),
		f(media.YUV420, 8, media.MatrixFCC, media.RangeLimited, 5),
		f(media.YUV420, 8, media.MatrixSMPTE240M, media.RangeLimited, 6),
		f(media.YUV422, 8, media.MatrixSMPTE170M, media.RangeLimited, 1),
		f(media.YUV422, 10, media.MatrixBT709, media.RangeFull, 2),
		f(media.YUV444, 8, media.MatrixBT709, media.RangeLimited, 0),
		f(media.YUV444, 16, media.MatrixBT2020NCL, media.RangeFull, 0),
		f(media.YUV444, 8, media.MatrixRGB, media.RangeFull, 0),
		f(media.YUV444, 10, media.MatrixRGB, media.RangeLimited, 0),
		f(media.Gray, 8, media.MatrixBT709, media.RangeFull, 0),
		f(media.Gray, 10, media.MatrixUnspecified, media.RangeUnspecified, 0),
	}
}

// sizes has the smallest, odd ones, primes, and thin ones in both directions.
var sizes = [][2]int{{1, 1}, {1, 2}, {2, 1}, {3, 3}, {1, 19}, {23, 1}, {5, 4}, {17, 9}, {16, 16}, {33, 7}}
