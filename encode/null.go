package encode

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"hash"

	"vsr/media"
)

// Null is a sink that throws everything away, to measure all other stages.
type Null struct{ Frames, Packets int64 }

// Write counts and releases u.
func (n *Null) Write(ctx context.Context, u media.Unit) error {
	if u.Frame != nil {
		n.Frames++
	}
	if u.Packet != nil {
		n.Packets++
	}
	u.Release()
	return ctx.Err()
}

// Close does nothing.
func (n *Null) Close() error { return nil }

// Hash is a sink that keeps a hash of each frame's frame and one of all frames with their time stamps.
type Hash struct {
	frames []FrameHash
	all    hash.Hash
}

// FrameHash is the SHA-256 of the visible samples of one frame, plane by plane, as they are in memory.
type FrameHash struct {
	PTS int64
	Sum [32]byte
}

// NewHash returns an empty Hash.
func NewHash() *Hash { return &Hash{all: sha256.New()} }

// Write hashes a frame and releases u; packets are let go.
func (h *Hash) Write(ctx context.Context, u media.Unit) error {
	defer u.Release()
	if f := u.Frame; f != nil {
		one := FrameHash{PTS: f.PTS, Sum: Sum(f)}
		h.frames = append(h.frames, one)
		h.all.Write(binary.LittleEndian.AppendUint64(nil, uint64(f.PTS)))
		h.all.Write(one.Sum[:])
	}
	return ctx.Err()
}

// Sum hashes the format and the visible samples of a frame.
func Sum(f *media.Frame) (sum [32]byte) {
	s := sha256.New()
	s.Write([]byte(f.Format.String()))
	for p := range f.Planes() {
		_, rows := f.PlaneSize(p)
		for y := range rows {
			s.Write(f.Row(p, y))
		}
	}
	s.Sum(sum[:0])
	return sum
}

// Close does nothing.
func (h *Hash) Close() error { return nil }

// Frames returns the hashes in order.
func (h *Hash) Frames() []FrameHash { return h.frames }

// Total returns the hash over all frames and time stamps, in hexadecimal.
func (h *Hash) Total() string { return hex.EncodeToString(h.all.Sum(nil)) }
