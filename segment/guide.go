package segment

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"

	"vsr/media"
)

// Mark identifies one frame of the source by its time and a checksum of its picture. Whoever comes to a piece by seeking can
// tell by it that the decoder gave the frames that decoding from the start gives.
type Mark struct {
	PTS int64
	Sum uint32
}

// Cut says at which frame a scene begins.
type Cut struct {
	Frame int64  `json:"frame"`
	Scene uint64 `json:"scene"`
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// MarkOf computes the mark of a frame.
func MarkOf(f *media.Frame) Mark {
	sum := crc32.Checksum(fmt.Append(nil, f.Format, f.Color), castagnoli)
	for p := range f.Planes() {
		_, h := f.PlaneSize(p)
		for y := range h {
			sum = crc32.Update(sum, castagnoli, f.Row(p, y))
		}
	}
	return Mark{f.PTS, sum}
}

// Guide is what one pass over the source has found: a mark for each frame, 16 bytes, and the scene cuts. Workers that begin in
// the middle are led by it. It only grows; Orders that were taken stay valid.
type Guide struct {
	marks []Mark
	cuts  []Cut
}

// Add takes note of the next frame, whose scene must be set.
func (g *Guide) Add(f *media.Frame) {
	if n := len(g.cuts); n == 0 || g.cuts[n-1].Scene != f.Scene {
		g.cuts = append(g.cuts, Cut{int64(len(g.marks)), f.Scene})
	}
	g.marks = append(g.marks, MarkOf(f))
}

// Frames is how many there are.
func (g *Guide) Frames() int64 { return int64(len(g.marks)) }

// Order is all that a worker has to know of a piece.
type Order struct {
	Piece
	Before *Piece // nil for the first
	Lead   []Mark // the frames of its first scene that lie before it
	Marks  []Mark // its own frames
	Cuts   []Cut  // scenes that it has frames of, in order
}

// Order returns that of a piece whose frames have all been added.
func (g *Guide) Order(p Piece, before *Piece) (Order, error) {
	if p.First < 0 || p.Frames < 1 || p.First+p.Frames > int64(len(g.marks)) {
		return Order{}, fmt.Errorf("piece %d has frames %d to %d, %d are known", p.Index, p.First, p.First+p.Frames, len(g.marks))
	}
	o := Order{Piece: p, Before: before, Marks: g.marks[p.First : p.First+p.Frames : p.First+p.Frames]}
	for _, c := range g.cuts {
		if c.Frame >= p.First+p.Frames {
			break
		}
		if c.Frame <= p.First {
			o.Cuts = o.Cuts[:0]
		}
		o.Cuts = append(o.Cuts, c)
	}
	if len(o.Cuts) == 0 || o.Cuts[0].Scene != p.Scene || o.Cuts[len(o.Cuts)-1].Scene != p.LastScene || o.Marks[0].PTS != p.FirstPTS {
		return Order{}, fmt.Errorf("piece %d does not fit the frames and scenes that were found", p.Index)
	}
	o.Lead = g.marks[o.Cuts[0].Frame:p.First:p.First]
	return o, nil
}

// SceneOf returns the scene of frame n of the film, which must be one of the order's.
func (o *Order) SceneOf(n int64) uint64 {
	scene := o.Scene
	for _, c := range o.Cuts {
		if c.Frame > n {
			break
		}
		scene = c.Scene
	}
	return scene
}

// SetGuide puts a guide into the plan.
func (p *Plan) SetGuide(g *Guide) {
	p.Cuts = g.cuts
	p.Marks = make([]byte, 0, 7*len(g.marks))
	last := int64(0)
	for _, m := range g.marks {
		p.Marks = binary.AppendVarint(p.Marks, m.PTS-last)
		p.Marks = binary.LittleEndian.AppendUint32(p.Marks, m.Sum)
		last = m.PTS
	}
}

// Guide reads the guide that SetGuide has put into the plan.
func (p *Plan) Guide() (*Guide, error) {
	g := &Guide{cuts: p.Cuts}
	last := int64(0)
	for b := p.Marks; len(b) > 0; {
		step, n := binary.Varint(b)
		if n <= 0 || len(b) < n+4 {
			return nil, errors.New("plan: the list of frames is damaged")
		}
		last += step
		g.marks = append(g.marks, Mark{last, binary.LittleEndian.Uint32(b[n:])})
		b = b[n+4:]
	}
	next := int64(0)
	for _, c := range g.cuts {
		if c.Frame < next || c.Frame >= int64(len(g.marks)) {
			return nil, fmt.Errorf("plan: a scene begins at frame %d of %d", c.Frame, len(g.marks))
		}
		next = c.Frame + 1
	}
	return g, nil
}

// Times returns the times of all frames.
func (g *Guide) Times() []int64 {
	list := make([]int64, len(g.marks))
	for i, m := range g.marks {
		list[i] = m.PTS
	}
	return list
}
