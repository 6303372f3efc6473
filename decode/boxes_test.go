package decode

import (
	"bytes"
	"encoding/binary"
	"testing"
)

// box wraps content, as MP4 does.
func box(kind string, parts ...[]byte) []byte {
	content := bytes.Join(parts, nil)
	return append(append(binary.BigEndian.AppendUint32(nil, uint32(8+len(content))), kind...), content...)
}

// FuzzBoxes hands damaged boxes and packs to the readers of what FFmpeg does not tell. They must end, and no aperture may be larger than its frame.
func FuzzBoxes(f *testing.F) {
	clap := make([]byte, 32)
	for i, v := range []uint32{140, 1, 100, 1, 0, 1, 0, 1} {
		binary.BigEndian.PutUint32(clap[4*i:], v)
	}
	entry := box("avc1", make([]byte, 78), box("clap", clap))
	trak := append(box("tkhd", make([]byte, 84)), box("mdia", box("minf", box("stbl", box("stsd", make([]byte, 8), entry))))...)
	if _, found := apertureOf(trak); found == nil {
		f.Fatal("the seed has no aperture")
	}
	f.Add(trak, uint16(160), uint16(120))
	f.Add([]byte{0, 0, 1, 0xba, 0x44, 0, 4, 0, 4, 1, 0, 1, 0x89, 0xc3, 0xf8, 0, 0, 1, 0xbd, 0, 9, 0x81, 0x80, 5, 0x21, 0, 1, 0, 1, 0x20}, uint16(1), uint16(1))
	f.Fuzz(func(t *testing.T, data []byte, w, h uint16) {
		if w == 0 || h == 0 {
			return
		}
		if _, b := apertureOf(data); b != nil {
			c := readAperture(b, int(w), int(h))
			if c.left < 0 || c.top < 0 || c.right < 0 || c.bottom < 0 || c.left+c.right >= int(w) || c.top+c.bottom >= int(h) {
				t.Fatalf("%+v of %dx%d", c, w, h)
			}
		}
		if at := lastStream(bytes.NewReader(data)); at < 0 || at > int64(len(data)) {
			t.Fatalf("a stream begins at %d of %d bytes", at, len(data))
		}
	})
}
