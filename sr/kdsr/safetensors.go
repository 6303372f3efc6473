package kdsr

import (
	"bufio"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
)

// Limits on what a file may ask for before its tensors are known to fit the network.
const (
	maxHeader  = 4 << 20 // bytes of JSON
	maxTensors = 1 << 14
	maxFile    = 1 << 30 // bytes
)

// DType is how a tensor is stored in a file.
type DType string

// The types that files may hold; BF16 is only read.
const (
	F32  DType = "F32"
	F16  DType = "F16"
	BF16 DType = "BF16"
)

func (d DType) size() int64 {
	switch d {
	case F32:
		return 4
	case F16, BF16:
		return 2
	}
	return 0
}

// NamedTensor is one entry of a file that WriteTensors makes.
type NamedTensor struct {
	Name string
	Tensor
	Type DType // F32 when empty
}

// entry is the header's line about one tensor.
type entry struct {
	name    string
	Type    DType    `json:"dtype"`
	Shape   []int    `json:"shape"`
	Offsets [2]int64 `json:"data_offsets"` // from the end of the header
}

// ReadTensors reads any safetensors file of F32, F16 and BF16 tensors, and its text metadata. The sizes that the header
// claims are held against size before anything is allocated.
func ReadTensors(r io.ReaderAt, size int64) (map[string]Tensor, map[string]string, error) {
	entries, meta, start, err := readHeader(r, size)
	if err != nil {
		return nil, nil, fmt.Errorf("kdsr: not a safetensors file: %w", err)
	}
	tensors := make(map[string]Tensor, len(entries))
	for _, e := range entries {
		raw := io.NewSectionReader(r, start+e.Offsets[0], e.Offsets[1]-e.Offsets[0])
		data, err := decodeValues(raw, e.Type, Shape(e.Shape).Size())
		if err != nil {
			return nil, nil, fmt.Errorf("kdsr: tensor %s: %w", e.name, err)
		}
		tensors[e.name] = Tensor{e.Shape, data}
	}
	return tensors, meta, nil
}

// readHeader returns the tensors in the order of their data, which must fill the file without gap or overlap.
func readHeader(r io.ReaderAt, size int64) (entries []entry, meta map[string]string, start int64, err error) {
	var head [8]byte
	if size < 8 || size > maxFile {
		return nil, nil, 0, fmt.Errorf("%d bytes, want 8 to %d", size, maxFile)
	}
	if _, err := r.ReadAt(head[:], 0); err != nil {
		return nil, nil, 0, err
	}
	n := binary.LittleEndian.Uint64(head[:])
	if string(head[:4]) == "PK\x03\x04" {
		return nil, nil, 0, errors.New("a zip file, perhaps a PyTorch checkpoint to be imported first")
	}
	if n > maxHeader || int64(n) > size-8 {
		return nil, nil, 0, fmt.Errorf("header of %d bytes in a file of %d", n, size)
	}
	text := make([]byte, n)
	if _, err := r.ReadAt(text, 8); err != nil {
		return nil, nil, 0, err
	}
	var raw map[string]json.RawMessage
	if err := json.Unmarshal(text, &raw); err != nil {
		return nil, nil, 0, fmt.Errorf("header: %w", err)
	}
	if len(raw) > maxTensors {
		return nil, nil, 0, fmt.Errorf("%d tensors, at most %d", len(raw), maxTensors)
	}
	for name, text := range raw {
		if name == "__metadata__" {
			if err := json.Unmarshal(text, &meta); err != nil {
				return nil, nil, 0, fmt.Errorf("metadata: %w", err)
			}
			continue
		}
		e := entry{name: name}
		if err := json.Unmarshal(text, &e); err != nil {
			return nil, nil, 0, fmt.Errorf("tensor %q: %w", name, err)
		}
		entries = append(entries, e)
	}
	start = int64(8 + n)
	return entries, meta, start, checkEntries(entries, size-start)
}

// checkEntries sorts the entries by place and checks that each is as long as its shape says and that they fill length bytes.
func checkEntries(entries []entry, length int64) error {
	slices.SortFunc(entries, func(a, b entry) int {
		for i := range 2 {
			if a.Offsets[i] != b.Offsets[i] {
				return int(min(max(a.Offsets[i]-b.Offsets[i], -1), 1))
			}
		}
		return 0
	})
	var end int64
	for _, e := range entries {
		count, err := elements(e.Shape, length)
		if err != nil {
			return fmt.Errorf("tensor %q: %w", e.name, err)
		}
		width := e.Type.size()
		switch {
		case width == 0:
			return fmt.Errorf("tensor %q: type %q, want F32, F16 or BF16", e.name, e.Type)
		case e.Offsets[0] != end:
			return fmt.Errorf("tensor %q starts at byte %d, want %d: gap or overlap", e.name, e.Offsets[0], end)
		case e.Offsets[1] > length || e.Offsets[1]-e.Offsets[0] != count*width:
			return fmt.Errorf("tensor %q: bytes %d to %d of %d for %v %s", e.name, e.Offsets[0], e.Offsets[1], length, e.Shape, e.Type)
		}
		end = e.Offsets[1]
	}
	if end != length {
		return fmt.Errorf("%d bytes of data, the header accounts for %d", length, end)
	}
	return nil
}

// elements multiplies a shape out, giving up at more than limit.
func elements(shape []int, limit int64) (int64, error) {
	if len(shape) > 8 {
		return 0, fmt.Errorf("%d dimensions", len(shape))
	}
	n := int64(1)
	for _, d := range shape {
		if d < 0 || int64(d) > limit || n*int64(d) > limit {
			return 0, fmt.Errorf("shape %v does not fit the file", shape)
		}
		n *= int64(d)
	}
	return n, nil
}

// decodeValues reads count values. The reader is known to hold as many.
func decodeValues(r io.Reader, t DType, count int) ([]float32, error) {
	out := make([]float32, count)
	chunk := make([]byte, min(count*int(t.size()), 1<<16))
	for done := 0; done < count; {
		n := min(count-done, len(chunk)/int(t.size()))
		part := chunk[:n*int(t.size())]
		if _, err := io.ReadFull(r, part); err != nil {
			return nil, err
		}
		for i := range n {
			switch t {
			case F32:
				out[done+i] = math.Float32frombits(binary.LittleEndian.Uint32(part[4*i:]))
			case F16:
				out[done+i] = halfToFloat(binary.LittleEndian.Uint16(part[2*i:]))
			case BF16:
				out[done+i] = bfloatToFloat(binary.LittleEndian.Uint16(part[2*i:]))
			}
		}
		done += n
	}
	return out, nil
}

// WriteTensors writes a safetensors file: the tensors in the order given, and text metadata.
func WriteTensors(w io.Writer, tensors []NamedTensor, meta map[string]string) error {
	header := make(map[string]any, len(tensors)+1)
	if len(meta) > 0 {
		header["__metadata__"] = meta
	}
	var end int64
	for i, t := range tensors {
		if t.Type == "" {
			tensors[i].Type = F32
		}
		if t.Name == "" || t.Name == "__metadata__" || header[t.Name] != nil {
			return fmt.Errorf("kdsr: write: bad or repeated tensor name %q", t.Name)
		}
		width := tensors[i].Type.size()
		if width == 0 || tensors[i].Type == BF16 || len(t.Data) != Shape(t.Shape).Size() {
			return fmt.Errorf("kdsr: write %s: %d values for %v %s", t.Name, len(t.Data), t.Shape, t.Type)
		}
		e := entry{Type: tensors[i].Type, Shape: t.Shape, Offsets: [2]int64{end, end + int64(len(t.Data))*width}}
		if e.Shape == nil {
			e.Shape = []int{}
		}
		header[t.Name] = e
		end = e.Offsets[1]
	}
	text, err := json.Marshal(header)
	if err != nil {
		return fmt.Errorf("kdsr: write: %w", err)
	}
	for len(text)%8 != 0 { // data starts aligned, as the format asks
		text = append(text, ' ')
	}
	if len(text) > maxHeader {
		return errors.New("kdsr: write: header too long")
	}
	b := bufio.NewWriterSize(w, 1<<16)
	buf := binary.LittleEndian.AppendUint64(nil, uint64(len(text)))
	b.Write(buf)
	b.Write(text)
	for _, t := range tensors {
		for i, v := range t.Data {
			if t.Type == F16 {
				h := floatToHalf(v)
				if h&0x7c00 == 0x7c00 {
					return fmt.Errorf("kdsr: write %s: value %d, %g, does not fit F16", t.Name, i, v)
				}
				b.Write(binary.LittleEndian.AppendUint16(buf[:0], h))
			} else {
				b.Write(binary.LittleEndian.AppendUint32(buf[:0], math.Float32bits(v)))
			}
		}
	}
	if err := b.Flush(); err != nil {
		return fmt.Errorf("kdsr: write: %w", err)
	}
	return nil
}
