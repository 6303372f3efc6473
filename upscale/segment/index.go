package segment

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"slices"

	"vsr/media"
)

// Fingerprint identifies one frame of the source by its time and a checksum of its samples. A worker that seeks to a segment compares
// fingerprints to know that the decoder gave the frames that decoding from the start gives.
type Fingerprint struct {
	PTS int64
	Sum uint32
}

// Cut says at which frame a scene begins.
type Cut struct {
	Frame int64  `json:"frame"`
	Scene uint64 `json:"scene"`
	Like  uint64 `json:"like,omitempty"` // the earlier scene that it returns to
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// FingerprintOf computes the fingerprint of a frame.
func FingerprintOf(f *media.Frame) Fingerprint {
	sum := crc32.Checksum(fmt.Append(nil, f.Format, f.Color), castagnoli)
	for p := range f.Planes() {
		_, h := f.PlaneSize(p)
		for y := range h {
			sum = crc32.Update(sum, castagnoli, f.Row(p, y))
		}
	}
	return Fingerprint{f.PTS, sum}
}

// FrameIndex is what one pass over the source has found: a fingerprint of each frame, 16 bytes, and the scene cuts. Workers that begin
// in the middle of the source follow it. It only grows; tasks that were taken from it stay valid.
type FrameIndex struct {
	frames []Fingerprint
	cuts   []Cut
}

// Add appends the next frame, whose scene must be set.
func (x *FrameIndex) Add(f *media.Frame) {
	if n := len(x.cuts); n == 0 || x.cuts[n-1].Scene != f.Scene {
		x.cuts = append(x.cuts, Cut{int64(len(x.frames)), f.Scene, f.Like})
	}
	x.frames = append(x.frames, FingerprintOf(f))
}

// Frames is how many frames were added.
func (x *FrameIndex) Frames() int64 { return int64(len(x.frames)) }

// Task is all that a worker needs to make a segment.
type Task struct {
	Range
	Before       *Range        // the segment before; nil for the first
	Lead         []Fingerprint // the frames of its first scene that lie before it
	Fingerprints []Fingerprint // its own frames
	Cuts         []Cut         // scenes that it has frames of, in order
	Returns      []Scene       // earlier scenes that those return to, each once
}

// Scene is a scene with all its frames.
type Scene struct {
	Number uint64
	First  int64 // number of its first frame
	Frames []Fingerprint
}

// Task returns the task of a segment whose frames have all been added.
func (x *FrameIndex) Task(r Range, before *Range) (Task, error) {
	if r.First < 0 || r.Frames < 1 || r.First+r.Frames > int64(len(x.frames)) {
		return Task{}, fmt.Errorf("segment %d has frames %d to %d, %d are known", r.Index, r.First, r.First+r.Frames, len(x.frames))
	}
	t := Task{Range: r, Before: before, Fingerprints: x.frames[r.First : r.First+r.Frames : r.First+r.Frames]}
	for _, c := range x.cuts {
		if c.Frame >= r.First+r.Frames {
			break
		}
		if c.Frame <= r.First {
			t.Cuts = t.Cuts[:0]
		}
		t.Cuts = append(t.Cuts, c)
	}
	if len(t.Cuts) == 0 || t.Cuts[0].Scene != r.Scene || t.Cuts[len(t.Cuts)-1].Scene != r.LastScene || t.Fingerprints[0].PTS != r.FirstPTS {
		return Task{}, fmt.Errorf("segment %d does not fit the frames and scenes that were found", r.Index)
	}
	t.Lead = x.frames[t.Cuts[0].Frame:r.First:r.First]
	for _, c := range t.Cuts {
		if s, ok := x.scene(c.Like); ok && !slices.ContainsFunc(t.Returns, func(r Scene) bool { return r.Number == s.Number }) {
			t.Returns = append(t.Returns, s)
		}
	}
	return t, nil
}

// scene finds a scene that has ended.
func (x *FrameIndex) scene(number uint64) (s Scene, ok bool) {
	i := slices.IndexFunc(x.cuts, func(c Cut) bool { return c.Scene == number })
	if i < 0 || i+1 == len(x.cuts) {
		return s, false
	}
	first, end := x.cuts[i].Frame, x.cuts[i+1].Frame
	return Scene{number, first, x.frames[first:end:end]}, true
}

// SceneOf returns the cut that begins the scene of frame n of the video, which must be one of the task's.
func (t *Task) SceneOf(n int64) Cut {
	scene := t.Cuts[0]
	for _, c := range t.Cuts {
		if c.Frame > n {
			break
		}
		scene = c
	}
	return scene
}

// SetFrameIndex writes a frame index into the plan.
func (p *Plan) SetFrameIndex(x *FrameIndex) {
	p.Cuts = x.cuts
	p.Fingerprints = make([]byte, 0, 7*len(x.frames))
	last := int64(0)
	for _, f := range x.frames {
		p.Fingerprints = binary.AppendVarint(p.Fingerprints, f.PTS-last)
		p.Fingerprints = binary.LittleEndian.AppendUint32(p.Fingerprints, f.Sum)
		last = f.PTS
	}
}

// FrameIndex reads the frame index that SetFrameIndex has written into the plan.
func (p *Plan) FrameIndex() (*FrameIndex, error) {
	x := &FrameIndex{cuts: p.Cuts}
	last := int64(0)
	for b := p.Fingerprints; len(b) > 0; {
		step, n := binary.Varint(b)
		if n <= 0 || len(b) < n+4 {
			return nil, errors.New("plan: the list of frames is damaged")
		}
		last += step
		x.frames = append(x.frames, Fingerprint{last, binary.LittleEndian.Uint32(b[n:])})
		b = b[n+4:]
	}
	next := int64(0)
	for _, c := range x.cuts {
		if c.Frame < next || c.Frame >= int64(len(x.frames)) {
			return nil, fmt.Errorf("plan: a scene begins at frame %d of %d", c.Frame, len(x.frames))
		}
		next = c.Frame + 1
	}
	return x, nil
}

// Task reads from the plan what a worker needs of segment i.
func (p *Plan) Task(i int) (Task, error) {
	if i < 0 || i >= len(p.Segments) {
		return Task{}, fmt.Errorf("segment %d: the plan has segments 0 to %d", i, len(p.Segments)-1)
	}
	x, err := p.FrameIndex()
	if err != nil {
		return Task{}, err
	}
	var before *Range
	if i > 0 {
		before = &p.Segments[i-1]
	}
	t, err := x.Task(p.Segments[i], before)
	if err != nil {
		return t, fmt.Errorf("plan: %w", err)
	}
	return t, nil
}

// Times returns the times of all frames.
func (x *FrameIndex) Times() []int64 {
	list := make([]int64, len(x.frames))
	for i, f := range x.frames {
		list[i] = f.PTS
	}
	return list
}
