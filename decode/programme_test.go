package decode_test

import (
	"encoding/binary"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"vsr/decode"
	"vsr/encode"
	"vsr/internal/testmedia"
	"vsr/media"
)

// crc is the CRC-32 of MPEG-2 sections (ISO/IEC 13818-1, annex A).
func crc(b []byte) (c uint32) {
	c = 0xffffffff
	for _, v := range b {
		c ^= uint32(v) << 24
		for range 8 {
			c = c<<1 ^ map[bool]uint32{true: 0x04c11db7}[c>>31 == 1]
		}
	}
	return c
}

// twoProgrammes puts two transport streams of FFmpeg's into one: PIDs of the second are moved, and the table of programmes names both, as 1
// and 2.
func twoProgrammes(t *testing.T, a, b string) string {
	t.Helper()
	const packet, table, moved = 188, 0x1000, 0x300
	pid := func(p []byte) int { return int(binary.BigEndian.Uint16(p[1:]) & 0x1fff) }
	setPID := func(p []byte, n int) { binary.BigEndian.PutUint16(p, binary.BigEndian.Uint16(p)&0xe000|uint16(n)) }
	// section edits the section in a packet that begins one, and writes its checksum anew.
	section := func(p []byte, edit func(s []byte)) {
		s := p[5+p[4]:]
		s = s[:3+int(binary.BigEndian.Uint16(s[1:])&0xfff)]
		edit(s)
		binary.BigEndian.PutUint32(s[len(s)-4:], crc(s[:len(s)-4]))
	}
	var lists [2][][]byte
	for i, path := range []string{a, b} {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for at := 0; at+packet <= len(text); at += packet {
			lists[i] = append(lists[i], text[at:at+packet])
		}
	}
	var out []byte
	for _, p := range lists[0] {
		if pid(p) == 0 { // the table: one more programme of four bytes, in the filling
			s := p[5+p[4]:]
			n := int(binary.BigEndian.Uint16(s[1:]) & 0xfff)
			copy(s[3+n-4:], []byte{0, 2, 0xe0 | table>>8 | moved>>8, 0})
			binary.BigEndian.PutUint16(s[1:], binary.BigEndian.Uint16(s[1:])&0xf000|uint16(n+4))
			section(p, func([]byte) {})
		}
	}
	for n := range max(len(lists[0]), len(lists[1])) {
		if n < len(lists[0]) {
			out = append(out, lists[0][n]...)
		}
		if n >= len(lists[1]) || pid(lists[1][n]) < 0x20 { // tables of the second
			continue
		}
		p := lists[1][n]
		if pid(p) == table {
			section(p, func(s []byte) {
				binary.BigEndian.PutUint16(s[3:], 2) // the number of the programme
				setPID(s[8:], int(binary.BigEndian.Uint16(s[8:])&0x1fff)+moved)
				for at := 12 + int(binary.BigEndian.Uint16(s[10:])&0xfff); at+5 <= len(s)-4; at += 5 + int(binary.BigEndian.Uint16(s[at+3:])&0xfff) {
					setPID(s[at+1:], int(binary.BigEndian.Uint16(s[at+1:])&0x1fff)+moved)
				}
			})
		}
		setPID(p[1:], pid(p)+moved)
		out = append(out, p...)
	}
	path := filepath.Join(t.TempDir(), "two.ts")
	if err := os.WriteFile(path, out, 0o666); err != nil {
		t.Fatal(err)
	}
	return path
}

// The programme that is asked for is the video and its audio; what is of another is marked. One that is not there is refused with those that are.
func TestProgramme(t *testing.T) {
	dir := t.TempDir()
	var paths []string
	for i, w := range []int{64, 48} {
		f := media.Format{Width: w, Height: 32, Layout: media.YUV420, Depth: 8, Color: media.Color{Matrix: media.MatrixBT709, Range: media.RangeLimited, Primaries: 1, Transfer: 1}}
		path := filepath.Join(dir, string(rune('a'+i))+".ts")
		if err := testmedia.WriteClip(path, testmedia.Options{Format: f, Frames: 12 + i, Tone: 440}, encode.Options{Preset: "ultrafast"}); err != nil {
			t.Fatal(err)
		}
		paths = append(paths, path)
	}
	path := twoProgrammes(t, paths[0], paths[1])
	for n, want := range map[int]int{0: 64, 1: 64, 2: 48} {
		src, err := decode.Open(t.Context(), path, decode.Options{Programme: n})
		if err != nil {
			t.Fatal(err)
		}
		left := 0
		for _, tr := range src.Info().Tracks {
			if tr.LeftOut != "" {
				left++
			}
		}
		if got := src.Info().Format.Width; got != want || len(src.Info().Tracks) != 4 || left != map[bool]int{true: 2}[n > 0] {
			t.Errorf("programme %d: %d wide, want %d; %d tracks, %d left out", n, got, want, len(src.Info().Tracks), left)
		}
		src.Close()
	}
	if _, err := decode.Open(t.Context(), path, decode.Options{Programme: 7}); err == nil || !strings.Contains(err.Error(), "programme 7") {
		t.Errorf("a programme that is not there: %v", err)
	}
}
