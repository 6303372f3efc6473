package decode

import (
	"encoding/binary"
	"os"
	"strings"

	"vsr/internal/av"
)

// crop is how much of the coded frame is not shown, in samples.
type crop struct{ left, top, right, bottom int }

// cleanAperture reads the part of the frame that a track of an MP4 or QuickTime file is to show (clap; ISO/IEC 14496-12, 12.1.4), which FFmpeg
// leaves out. w and h are the size of the coded frame.
func (s *Source) cleanAperture(track, w, h int) (c crop) {
	if !s.rereadable() || !strings.HasPrefix(s.fc.InputFormat().Name(), "mov") {
		return c
	}
	f, err := os.Open(s.path)
	if err != nil {
		return c
	}
	defer f.Close()
	_, moov, err := av.ReadMoov(f)
	if err != nil {
		return c
	}
	av.WalkBoxes(moov, func(kind string, from, to int) {
		if kind == "trak" {
			if id, clap := apertureOf(moov[from:to]); clap != nil && id == s.streams[track].ID() {
				c = readAperture(clap, w, h)
			}
		}
	})
	return c
}

// apertureOf gives the number of a track and the content of its first clap box, nil without.
func apertureOf(trak []byte) (id int, clap []byte) {
	inside := map[string]int{"mdia": 0, "minf": 0, "stbl": 0, "stsd": 8} // bytes before the boxes in them
	var walk func(b []byte)
	walk = func(b []byte) {
		av.WalkBoxes(b, func(kind string, from, to int) {
			box := b[from:to]
			head, container := inside[kind]
			switch {
			case kind == "tkhd" && len(box) >= 24:
				at := 12
				if box[0] == 1 { // times of 64 bits
					at = 20
				}
				id = int(binary.BigEndian.Uint32(box[at:]))
			case container && len(box) >= head:
				walk(box[head:])
				if kind == "stsd" {
					clap = firstAperture(box[head:])
				}
			}
		})
	}
	walk(trak)
	return id, clap
}

// firstAperture looks into the first of the sample entries, behind the fields of a visual one.
func firstAperture(entries []byte) (clap []byte) {
	const fields = 78
	seen := false
	av.WalkBoxes(entries, func(_ string, from, to int) {
		if seen || to-from < fields {
			return
		}
		seen = true
		entry := entries[from+fields : to]
		av.WalkBoxes(entry, func(kind string, from, to int) {
			if kind == "clap" && to-from >= 32 {
				clap = entry[from:to]
			}
		})
	})
	return clap
}

// readAperture turns sizes and offsets of the center, four fractions, into whole samples. What makes no sense crops nothing.
func readAperture(b []byte, w, h int) crop {
	part := func(i int) float64 {
		n, d := int32(binary.BigEndian.Uint32(b[8*i:])), binary.BigEndian.Uint32(b[8*i+4:])
		return float64(n) / max(float64(d), 1)
	}
	edges := func(all int, size, offset float64) (before, after int, ok bool) {
		first := (float64(all)-size)/2 + offset
		before = int(first+0.5) &^ 1 // chroma lies at even samples
		after = all - before - int(size+0.5)
		return before, after, size >= 1 && first > -0.5 && after >= 0
	}
	left, right, okW := edges(w, part(0), part(2))
	top, bottom, okH := edges(h, part(1), part(3))
	if !okW || !okH {
		return crop{}
	}
	return crop{left, top, right, bottom}
}
