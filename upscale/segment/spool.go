package segment

import (
	"bytes"
	"compress/flate"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"path/filepath"
	"sync"

	"golang.org/x/sys/unix"

	"vsr/internal/atomicfile"
	"vsr/media"
)

// Spool keeps the computed frames of a segment that is not committed yet, so that a run that was stopped inside a long segment need
// not compute them again. Committing the segment removes it. It never changes what comes out: the frames are kept without loss, and
// whether they are kept at all changes neither segments nor encoder.
//
// It holds samples only; times and side data are the source's. The file is a log of records. One that was torn, and whatever follows
// it, is cut off when the spool is opened; one whose samples are damaged is not read.
type Spool struct {
	file *os.File
	lock io.Closer

	mu      sync.Mutex
	records map[int64]spooled // by number of the frame in the video
	end     int64             // of the last record
	deflate *flate.Writer
	text    bytes.Buffer
}

// spooled is where the samples of a frame lie.
type spooled struct {
	at     int64
	length uint32
	sum    uint32 // of the compressed samples
	format uint32
}

const (
	// A record's header: length and checksum of its samples, number of the frame, checksums of the format and of the header, each
	// little-endian.
	spoolHeader = 24
	// spoolSpare is the space on the disk in bytes that a spool leaves for the segment itself.
	spoolSpare = 256 << 20
)

// errNoSpace says that a frame is not kept because the disk is nearly full.
var errNoSpace = errors.New("too little space on the disk to keep computed frames")

func (s *Store) spoolPath(index int) string {
	return filepath.Join(s.dir, fmt.Sprintf("%06d.frames", index))
}

// Spool opens the spool of a segment and makes it if create is true. It returns nil without an error if there is none, or if another
// process has it.
func (s *Store) Spool(index int, create bool) (*Spool, error) {
	path := s.spoolPath(index)
	if _, err := os.Stat(path); err != nil && !create {
		return nil, nil
	}
	lock, err := atomicfile.Lock(path)
	if errors.Is(err, atomicfile.ErrLocked) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return nil, errors.Join(err, lock.Close())
	}
	p := &Spool{file: f, lock: lock}
	p.records, p.end = readSpool(f)
	if err := f.Truncate(p.end); err != nil {
		return nil, errors.Join(err, p.Close())
	}
	return p, nil
}

// readSpool finds the records of a spool, and where the last whole one ends.
func readSpool(f *os.File) (records map[int64]spooled, end int64) {
	records = map[int64]spooled{}
	st, err := f.Stat()
	if err != nil {
		return records, 0
	}
	var h [spoolHeader]byte
	for {
		_, err := f.ReadAt(h[:], end)
		n, r, ok := parseSpoolHeader(h[:])
		r.at = end + spoolHeader
		if err != nil || !ok || r.at+int64(r.length) > st.Size() {
			return records, end
		}
		records[n] = r
		end = r.at + int64(r.length)
	}
}

func (r spooled) header(n int64) []byte {
	h := make([]byte, 0, spoolHeader)
	h = binary.LittleEndian.AppendUint32(h, r.length)
	h = binary.LittleEndian.AppendUint32(h, r.sum)
	h = binary.LittleEndian.AppendUint64(h, uint64(n))
	h = binary.LittleEndian.AppendUint32(h, r.format)
	return binary.LittleEndian.AppendUint32(h, crc32.Checksum(h, castagnoli))
}

// parseSpoolHeader reads a header of spoolHeader bytes. An empty one is none.
func parseSpoolHeader(h []byte) (n int64, r spooled, ok bool) {
	r = spooled{length: binary.LittleEndian.Uint32(h), sum: binary.LittleEndian.Uint32(h[4:]), format: binary.LittleEndian.Uint32(h[16:])}
	n = int64(binary.LittleEndian.Uint64(h[8:]))
	return n, r, binary.LittleEndian.Uint32(h[20:]) == crc32.Checksum(h[:20], castagnoli) && r.length > 0
}

// Has reports whether frame n is kept.
func (p *Spool) Has(n int64) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	_, ok := p.records[n]
	return ok
}

// Len is how many frames are kept.
func (p *Spool) Len() int64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	return int64(len(p.records))
}

// Write keeps f, which lies in host memory, as frame n of the video.
func (p *Spool) Write(n int64, f *media.Frame) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if err := p.compress(f); err != nil {
		return err
	}
	var disk unix.Statfs_t
	if unix.Fstatfs(int(p.file.Fd()), &disk) == nil && int64(disk.Bavail)*disk.Bsize < spoolSpare+int64(p.text.Len()) {
		return errNoSpace
	}
	samples := p.text.Bytes()[spoolHeader:]
	r := spooled{at: p.end + spoolHeader, length: uint32(len(samples)), sum: crc32.Checksum(samples, castagnoli), format: formatSum(f.Format)}
	copy(p.text.Bytes(), r.header(n))
	// Not flushed to the device: what the kernel has survives the end of this process, and it writes it out within half a minute.
	if _, err := p.file.WriteAt(p.text.Bytes(), p.end); err != nil {
		return errors.Join(err, p.file.Truncate(p.end))
	}
	p.records[n] = r
	p.end = r.at + int64(r.length)
	return nil
}

// compress puts the samples of f, each less the one above it, behind the place of a header in p.text.
func (p *Spool) compress(f *media.Frame) (err error) {
	p.text.Reset()
	p.text.Write(make([]byte, spoolHeader))
	if p.deflate == nil {
		// Huffman codes alone: residuals hold hardly a string that comes again, and looking for one costs most of the time.
		if p.deflate, err = flate.NewWriter(&p.text, flate.HuffmanOnly); err != nil {
			return err
		}
	} else {
		p.deflate.Reset(&p.text)
	}
	for plane := range f.Planes() {
		_, h := f.PlaneSize(plane)
		var line, above []byte
		for y := range h {
			row := f.Row(plane, y)
			line = append(line[:0], row...)
			for i := range above {
				line[i] -= above[i]
			}
			if _, err := p.deflate.Write(line); err != nil {
				return err
			}
			above = row
		}
	}
	return p.deflate.Close()
}

// Read copies the samples of frame n into f, whose format must be the one that was kept. ok is false if the frame is not kept, has
// another format, or is damaged; what f holds then is undefined.
func (p *Spool) Read(n int64, f *media.Frame) (ok bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	r, ok := p.records[n]
	if !ok || r.format != formatSum(f.Format) {
		return false
	}
	text := make([]byte, r.length)
	if _, err := p.file.ReadAt(text, r.at); err != nil || crc32.Checksum(text, castagnoli) != r.sum {
		delete(p.records, n)
		return false
	}
	samples := flate.NewReader(bytes.NewReader(text))
	for plane := range f.Planes() {
		_, h := f.PlaneSize(plane)
		var above []byte
		for y := range h {
			row := f.Row(plane, y)
			if _, err := io.ReadFull(samples, row); err != nil {
				return false
			}
			for i := range above {
				row[i] += above[i]
			}
			above = row
		}
	}
	return true
}

// Close lets go of the file, which stays.
func (p *Spool) Close() error { return errors.Join(p.file.Close(), p.lock.Close()) }

func formatSum(f media.Format) uint32 {
	return crc32.Checksum(fmt.Append(nil, f, f.Color, f.Alpha), castagnoli)
}

// Spooled counts the frames that are kept of segments that are not finished.
func (s *Store) Spooled() (n int64) {
	entries, _ := os.ReadDir(s.dir)
	for _, e := range entries {
		index := 0
		if _, err := fmt.Sscanf(e.Name(), "%06d.frames", &index); err != nil {
			continue
		}
		if _, err := os.Stat(filepath.Join(s.dir, s.recordName(index))); err == nil {
			continue
		}
		if f, err := os.Open(s.spoolPath(index)); err == nil {
			records, _ := readSpool(f)
			n += int64(len(records))
			f.Close()
		}
	}
	return n
}
