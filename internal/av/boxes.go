package av

import (
	"encoding/binary"
	"fmt"
	"io"
)

// Boxes of MP4 and QuickTime files (ISO/IEC 14496-12, 4.2), for what FFmpeg neither reads nor writes.

// maxMoov bounds the index that is read.
const maxMoov = 1 << 30

// ReadMoov finds the content of the moov box and its position in the file.
func ReadMoov(f io.ReaderAt) (at int64, moov []byte, err error) {
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

// WalkBoxes calls visit with the content of each box in b.
func WalkBoxes(b []byte, visit func(kind string, from, to int)) {
	for at := 0; at+8 <= len(b); {
		size := int(binary.BigEndian.Uint32(b[at:]))
		if size < 8 || size > len(b)-at {
			return
		}
		visit(string(b[at+4:at+8]), at+8, at+size)
		at += size
	}
}
