package decode

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"
	"os"
	"sync"
)

// An MPEG program stream (DVD) has no header that lists its streams: each begins where its first packet lies, subtitles often minutes
// into the video. FFmpeg knows what it has met while it probes, so it has to be told how far to probe.

const (
	probeDefault = 4 << 20   // bytes: within them FFmpeg's own probing finds everything
	probeMost    = 256 << 20 // FFmpeg keeps what it probes in memory
)

// probed remembers how far the streams of files reach, since a job opens its input again and again.
var probed struct {
	sync.Mutex
	far map[string]int64
}

// probeSize is how many bytes FFmpeg has to probe to meet the first packet of every stream of a program stream; 0 leaves it to FFmpeg.
func probeSize(path string) int64 {
	st, err := os.Stat(path)
	if err != nil || !st.Mode().IsRegular() || st.Size() < probeDefault {
		return 0
	}
	f, err := os.Open(path)
	if err != nil {
		return 0
	}
	defer f.Close()
	var head [4]byte
	if _, err := io.ReadFull(f, head[:]); err != nil || head != [4]byte{0, 0, 1, 0xba} {
		return 0
	}
	key := fmt.Sprint(path, "|", st.Size(), "|", st.ModTime().UnixNano())
	probed.Lock()
	defer probed.Unlock()
	far, known := probed.far[key]
	if !known {
		if _, err := f.Seek(0, io.SeekStart); err != nil {
			return 0
		}
		far = lastStream(f)
		if probed.far == nil || len(probed.far) > 1000 {
			probed.far = map[string]int64{}
		}
		probed.far[key] = far
	}
	if far < probeDefault || far > probeMost {
		return 0
	}
	return far + 1<<20
}

// lastStream is the position of the packet with which the last of the streams begins. It reads the heads of packets (ISO/IEC 13818-1,
// 2.5.3.3 and 2.4.3.6).
func lastStream(r io.Reader) (last int64) {
	in := bufio.NewReaderSize(r, 1<<20)
	seen := map[int]bool{}
	at := int64(0)
	skip := func(n int) bool {
		k, err := in.Discard(n)
		at += int64(k)
		return err == nil
	}
	for {
		head, err := in.Peek(6)
		if err != nil {
			return last
		}
		if head[0] != 0 || head[1] != 0 || head[2] != 1 || head[3] < 0xb9 {
			if !skip(1) {
				return last
			}
			continue
		}
		id, size := int(head[3]), 6+int(binary.BigEndian.Uint16(head[4:]))
		switch {
		case id == 0xba: // pack header: 14 bytes and stuffing in MPEG-2, 12 in MPEG-1
			size = 12
			if h, err := in.Peek(14); err == nil && h[4]>>6 == 1 {
				size = 14 + int(h[13]&7)
			}
		case id == 0xb9:
			size = 4
		case id == 0xbd, id >= 0xc0 && id <= 0xef:
			if id == 0xbd {
				id = privateStream(in)
			}
			if id != 0 && !seen[id] {
				seen[id], last = true, at
			}
		}
		if !skip(size) {
			return last
		}
	}
}

// privateStream names the stream inside of private stream 1 by the first byte of its payload: subtitles from 0x20, AC-3, DTS and PCM from 0x80.
func privateStream(in *bufio.Reader) int {
	h, err := in.Peek(9)
	if err != nil || h[6]>>6 != 2 {
		return 0
	}
	n := 9 + int(h[8])
	if h, err = in.Peek(n + 1); err != nil {
		return 0
	}
	return 0xbd00 | int(h[n])
}
