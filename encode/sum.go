package encode

import (
	"crypto/sha256"

	"vsr/media"
)

// Sum is the SHA-256 of the format and the visible samples of a frame.
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
