package media

import (
	"fmt"
	"sync/atomic"
	"time"
)

// Align is the alignment in bytes of every plane row of a pooled frame.
const Align = 64

// Frame is one decoded frame in planar form. Rows may be longer than the frame: always step by Stride.
type Frame struct {
	Format
	Plane  [4][]byte // sample bytes from the first row on
	Stride [4]int    // bytes from one row to the next
	// Surface, when not nil, says that the frame lies on a GPU: there are no planes.
	Surface *Surface

	PTS      int64  // presentation time in ticks of the video track's time base
	Duration int64  // ticks of the same time base, 0 if unknown
	Scene    uint64 // number of the scene, from 1; 0 before the scene stage has seen the frame
	Like     uint64 // number of the earlier scene that this one returns to, as shot and reverse shot do; 0 without one
	Repeat   bool   // true when the decoded bytes equal those of the frame before it

	// Captured is when a live frame arrived; zero for files.
	Captured time.Time

	// SideData carries frame-level data through untouched (HDR10+ and the like). Nil for most frames.
	SideData []SideData

	refs  atomic.Int32
	pool  *Pool
	block []byte // one allocation behind all planes
}

// SideData is a typed blob with the numbering of FFmpeg's AVFrameSideDataType or AVPacketSideDataType.
type SideData struct {
	Type int
	Data []byte
}

// NewFrame allocates a frame outside any pool. It panics if the format is not valid.
func NewFrame(f Format) *Frame {
	fr := &Frame{}
	fr.allocate(f, func(n int) []byte { return make([]byte, n) })
	fr.refs.Store(1)
	return fr
}

func (fr *Frame) allocate(f Format, alloc func(int) []byte) {
	if err := f.Validate(); err != nil {
		panic(err)
	}
	fr.Format = f
	total := Align
	var offset [4]int
	for p := range f.Planes() {
		w, h := f.PlaneSize(p)
		fr.Stride[p] = (w*f.BytesPerSample() + Align - 1) / Align * Align
		offset[p] = total
		total += fr.Stride[p] * h
	}
	fr.block = alloc(total)
	shift := alignOffset(fr.block)
	for p := range f.Planes() {
		_, h := f.PlaneSize(p)
		start := offset[p] - Align + shift
		fr.Plane[p] = fr.block[start : start+fr.Stride[p]*h : start+fr.Stride[p]*h]
	}
}

// Row returns the bytes of row y of plane p, exactly as long as the frame is wide.
func (fr *Frame) Row(p, y int) []byte {
	w, _ := fr.PlaneSize(p)
	o := y * fr.Stride[p]
	return fr.Plane[p][o : o+w*fr.BytesPerSample()]
}

// Retain adds an owner, to fan a frame out. After that nobody may write to it.
func (fr *Frame) Retain() {
	if fr.refs.Add(1) < 2 {
		fr.refs.Add(-1) // it stays released: a release after this one panics too
		panic(fmt.Sprintf("media: retain of a released frame, pts %d, %v", fr.PTS, fr.Format))
	}
}

// Release gives up one ownership. The last one returns the memory to its pool. Releasing twice panics.
func (fr *Frame) Release() {
	switch n := fr.refs.Add(-1); {
	case n < 0:
		panic(fmt.Sprintf("media: frame released twice, pts %d, %v", fr.PTS, fr.Format))
	case n == 0 && fr.pool != nil:
		fr.pool.put(fr)
	}
}

// CopyProps copies the time, scene and side data of src, not the frame.
func (fr *Frame) CopyProps(src *Frame) {
	fr.PTS, fr.Duration, fr.Scene, fr.Like, fr.Repeat, fr.SideData = src.PTS, src.Duration, src.Scene, src.Like, src.Repeat, src.SideData
	fr.Captured = src.Captured
}
