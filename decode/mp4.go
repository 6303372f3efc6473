package decode

import (
	"encoding/binary"
	"io"
	"os"
)

// maxBoxes is how many boxes of a file are looked at.
const maxBoxes = 4096

// unfinishedMP4 reports whether a file is an MP4 or QuickTime file with frames (mdat) whose index (moov), which stands at the end of
// most, is missing or cut off. It reads the heads of the outermost boxes only (ISO/IEC 14496-12, 4.2).
func unfinishedMP4(path string) bool {
	st, err := os.Stat(path)
	if err != nil || !st.Mode().IsRegular() {
		return false
	}
	f, err := os.Open(path)
	if err != nil {
		return false
	}
	defer f.Close()
	begins, data := false, false
	for at, i := int64(0), 0; i < maxBoxes && at < st.Size(); i++ {
		var head [16]byte
		n, err := f.ReadAt(head[:], at)
		if err != nil && err != io.EOF || n < 8 {
			break
		}
		size, kind := int64(binary.BigEndian.Uint32(head[:])), string(head[4:8])
		switch {
		case size == 1 && n == 16:
			size = int64(binary.BigEndian.Uint64(head[8:]))
		case size == 0: // to the end of the file
			size = st.Size() - at
		}
		switch kind {
		case "ftyp":
			begins = begins || i == 0
		case "mdat":
			data = true
		case "moov":
			if size >= 8 && size <= st.Size()-at {
				return false
			}
		}
		if size < 8 || size > st.Size()-at {
			break
		}
		at += size
	}
	return begins && data
}
