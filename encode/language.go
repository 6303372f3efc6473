package encode

import (
	"encoding/binary"
	"os"

	"vsr/internal/av"
)

// FFmpeg's MOV muxer knows a list of some hundred languages by numbers and leaves the others out. QuickTime takes the packed ISO 639-2 codes of
// MP4 too (QuickTime File Format, "Language code values"), so they are written over its numbers when the file is whole.

// packLanguage gives the code of three letters as 15 bits; ok is false for other tags.
func packLanguage(tag string) (code uint16, ok bool) {
	if len(tag) != 3 {
		return 0, false
	}
	for _, c := range []byte(tag) {
		if c < 'a' || c > 'z' {
			return 0, false
		}
		code = code<<5 | uint16(c-0x60)
	}
	return code, true
}

// setLanguages writes the languages of the first tracks of a finished MOV file; tags without a code are left as they are.
func setLanguages(path string, tags []string) error {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	at, moov, err := av.ReadMoov(f)
	if err != nil {
		return err
	}
	n := 0
	av.WalkBoxes(moov, func(kind string, from, to int) {
		if kind != "trak" {
			return
		}
		if n < len(tags) {
			if code, ok := packLanguage(tags[n]); ok {
				patchLanguage(moov[from:to], code)
			}
		}
		n++
	})
	_, err = f.WriteAt(moov, at)
	return err
}

// patchLanguage writes the code into the media header of a track (ISO/IEC 14496-12, 8.4.2).
func patchLanguage(trak []byte, code uint16) {
	av.WalkBoxes(trak, func(kind string, from, to int) {
		if kind != "mdia" {
			return
		}
		mdia := trak[from:to]
		av.WalkBoxes(mdia, func(kind string, from, to int) {
			field := from + 4 + 16
			if mdia[from] == 1 { // version 1 has times of 64 bits
				field = from + 4 + 28
			}
			if kind == "mdhd" && field+2 <= to {
				binary.BigEndian.PutUint16(mdia[field:], code)
			}
		})
	})
}
