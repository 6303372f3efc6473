package media

import (
	"encoding/binary"
	"fmt"
	"math"
)

// DisplayMatrix says how a player turns, mirrors and moves the frame: rows (a b u), (c d v), (x y w) of ISO/IEC 14496-12, 6.2.2, in 16.16
// fixed point (u, v, w: 2.30). The zero value leaves the frame as it is.
type DisplayMatrix [9]int32

// unit is 1 in the fixed point of the first two columns, one in that of the third.
const (
	unit = 1 << 16
	one  = 1 << 30
)

// ReadDisplayMatrix reads FFmpeg's side data, nine numbers in the machine's byte order. Others than 36 bytes give the zero value.
func ReadDisplayMatrix(b []byte) (m DisplayMatrix) {
	if len(b) != 36 {
		return m
	}
	for i := range m {
		m[i] = int32(binary.NativeEndian.Uint32(b[4*i:]))
	}
	return m
}

// Bytes is FFmpeg's form of it.
func (m DisplayMatrix) Bytes() []byte {
	var b []byte
	for _, v := range m {
		b = binary.NativeEndian.AppendUint32(b, uint32(v))
	}
	return b
}

// Stretch is how many times wider than high the matrix shows a square sample, 1 for most.
func (m DisplayMatrix) Stretch() float64 {
	x, y := math.Hypot(float64(m[0]), float64(m[1])), math.Hypot(float64(m[3]), float64(m[4]))
	if x == 0 || y == 0 {
		return 1
	}
	return x / y
}

// turn is the upper left 2x2 part with its rows brought to length 1, so without any stretching. ok is false when there is nothing in it.
func (m DisplayMatrix) turn() (t [4]float64, ok bool) {
	a, b, c, d := float64(m[0]), float64(m[1]), float64(m[3]), float64(m[4])
	x, y := math.Hypot(a, b), math.Hypot(c, d)
	if x == 0 || y == 0 {
		return t, false
	}
	return [4]float64{a / x, b / x, c / y, d / y}, true
}

// Identity reports whether a player shows the frame as it is: neither turned nor mirrored. Where it lies does not matter, and how it is
// stretched stands in the pixel aspect.
func (m DisplayMatrix) Identity() bool {
	t, ok := m.turn()
	return !ok || t == [4]float64{1, 0, 0, 1}
}

// Same reports whether two matrices turn and mirror alike.
func (m DisplayMatrix) Same(o DisplayMatrix) bool {
	if m.Identity() || o.Identity() {
		return m.Identity() && o.Identity()
	}
	a, _ := m.turn()
	b, _ := o.turn()
	for i := range a {
		if math.Abs(a[i]-b[i]) > 1e-3 {
			return false
		}
	}
	return true
}

// Rotation is the nearest quarter turn clockwise, in degrees, of a matrix that may mirror too.
func (m DisplayMatrix) Rotation() int {
	t, ok := m.turn()
	if !ok {
		return 0
	}
	if m.Mirrored() { // the mirror image left to right is turned
		t[0], t[2] = -t[0], -t[2]
	}
	quarters := math.Round(math.Atan2(t[1], t[0]) * 2 / math.Pi)
	return (int(quarters)*90 + 360) % 360
}

// Mirrored reports whether left and right are exchanged, before any turn.
func (m DisplayMatrix) Mirrored() bool {
	t, ok := m.turn()
	return ok && t[0]*t[3]-t[1]*t[2] < 0
}

// Unstretched is m without its stretching, zero if nothing is left. w and h are the frame's size: the frame still lies in the first quadrant.
func (m DisplayMatrix) Unstretched(w, h int) DisplayMatrix {
	t, ok := m.turn()
	if !ok || m.Identity() {
		return DisplayMatrix{}
	}
	const close = unit / 1000
	x, y := math.Hypot(float64(m[0]), float64(m[1])), math.Hypot(float64(m[3]), float64(m[4]))
	if math.Abs(x-unit) < close && math.Abs(y-unit) < close {
		return m
	}
	out := DisplayMatrix{int32(math.Round(t[0] * unit)), int32(math.Round(t[1] * unit)), 0, int32(math.Round(t[2] * unit)), int32(math.Round(t[3] * unit)), 0, 0, 0, one}
	least := func(p, q int32) int32 { // of the corners' coordinates
		x, y := int64(p)*int64(w), int64(q)*int64(h)
		return int32(max(-min(0, x, y, x+y), math.MinInt32))
	}
	out[6], out[7] = least(out[0], out[3]), least(out[1], out[4])
	return out
}

// String says what a player does: turned by 90 degrees, mirrored.
func (m DisplayMatrix) String() string {
	var s string
	if r := m.Rotation(); r != 0 {
		s = fmt.Sprintf("turned by %d degrees", r)
	}
	switch {
	case m.Mirrored() && s != "":
		return "mirrored and " + s
	case m.Mirrored():
		return "mirrored"
	case s == "" && !m.Identity():
		return "turned or skewed by less than a quarter"
	case s == "":
		return "upright"
	}
	return s
}
