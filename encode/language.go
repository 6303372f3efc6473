package encode

import (
	"encoding/binary"
	"fmt"
	"io"
	"os"
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

// maxMoov bounds the index that is read.
const maxMoov = 1 << 30

// setLanguages writes the languages of the first tracks of a finished MOV file; tags without a code are left as they are.
func setLanguages(path string, tags []string) error {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	at, moov, err := readMoov(f)
	if err != nil {
		return err
	}
	n := 0
	walkBoxes(moov, func(kind string, from, to int) {
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

// readMoov finds the content of the moov box and its position in the file.
func readMoov(f *os.File) (at int64, moov []byte, err error) {
	for {
		var head [16]byte
		if _, err := f.ReadAt(head[:8], at); err != nil {
			return 0, nil, fmt.Errorf("no index in the file: %w", err)
		}
		size, begin := int64(binary.BigEndian.Uint32(head[:])), int64(8)
		if size == 1 {
			if _, err := f.ReadAt(head[:], at); err != nil {
				return 0, nil, err
			}
			size, begin = int64(binary.BigEndian.Uint64(head[8:])), 16
		}
		if string(head[4:8]) == "moov" && size-begin <= maxMoov && size >= begin {
			moov = make([]byte, size-begin)
			_, err := f.ReadAt(moov, at+begin)
			return at + begin, moov, err
		}
		if size < begin {
			return 0, nil, io.ErrUnexpectedEOF
		}
		at += size
	}
}

// walkBoxes calls visit with the content of each box in b.
func walkBoxes(b []byte, visit func(kind string, from, to int)) {
	for at := 0; at+8 <= len(b); {
		size := int(binary.BigEndian.Uint32(b[at:]))
		if size < 8 || size > len(b)-at {
			return
		}
		visit(string(b[at+4:at+8]), at+8, at+size)
		at += size
	}
}

// patchLanguage writes the code into the media header of a track (ISO/IEC 14496-12, 8.4.2).
func patchLanguage(trak []byte, code uint16) {
	walkBoxes(trak, func(kind string, from, to int) {
		if kind != "mdia" {
			return
		}
		mdia := trak[from:to]
		walkBoxes(mdia, func(kind string, from, to int) {
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
