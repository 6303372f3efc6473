package kdsr

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"os"
	"slices"

	"vsr/internal/atomicfile"
)

// Metadata keys that hold Weights.Config and Weights.Role; they never appear in Weights.Meta.
const (
	metaConfig = "config"
	metaRole   = "role"
)

// Load reads and checks a weights file. A file whose tensors do not fit is a *WeightsError.
func Load(path string) (*Weights, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("kdsr: %w", err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, fmt.Errorf("kdsr: %w", err)
	}
	w, err := Read(f, info.Size())
	if err != nil {
		return nil, fmt.Errorf("%w (in %s)", err, path)
	}
	return w, nil
}

// Read is Load from memory or any other reader of size bytes.
func Read(r io.ReaderAt, size int64) (*Weights, error) {
	tensors, meta, err := ReadTensors(r, size)
	if err != nil {
		return nil, err
	}
	w := &Weights{Tensors: tensors, Meta: map[string]string{}, Role: Role(meta[metaRole])}
	text, ok := meta[metaConfig]
	if !ok {
		return nil, errors.New("kdsr: a safetensors file, but without a KDSR config in its metadata")
	}
	dec := json.NewDecoder(bytes.NewReader([]byte(text)))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&w.Config); err != nil {
		return nil, fmt.Errorf("kdsr: config in the metadata: %w", err)
	}
	if w.Role != "" && w.Role != Student && w.Role != Teacher {
		return nil, fmt.Errorf("kdsr: role %q, want %s or %s", w.Role, Student, Teacher)
	}
	for k, v := range meta {
		if k != metaConfig && k != metaRole {
			w.Meta[k] = v
		}
	}
	return w, w.Check()
}

// Write checks w and writes it as safetensors. With F16 the values are rounded, the frozen ones excepted.
func (w *Weights) Write(to io.Writer, t DType) error {
	if err := w.Check(); err != nil {
		return err
	}
	params, err := w.Config.Schema(w.Role)
	if err != nil {
		return err
	}
	list := make([]NamedTensor, 0, len(params))
	for _, p := range params {
		n := NamedTensor{p.Name, w.Tensors[p.Name], t}
		if p.Frozen {
			n.Type = F32
		}
		list = append(list, n)
	}
	text, err := json.Marshal(w.Config)
	if err != nil {
		return fmt.Errorf("kdsr: %w", err)
	}
	meta := map[string]string{metaConfig: string(text), metaRole: string(w.role())}
	for k, v := range w.Meta {
		if _, taken := meta[k]; !taken {
			meta[k] = v
		}
	}
	return WriteTensors(to, list, meta)
}

func (w *Weights) role() Role {
	if w.Role == "" {
		return Student
	}
	return w.Role
}

// Save writes a file in F32 or F16. The file appears under its name only when it is whole.
func (w *Weights) Save(path string, t DType) error {
	var bad error // of Write, which says "kdsr" itself
	err := atomicfile.Write(path, func(f io.Writer) error {
		bad = w.Write(f, t)
		return bad
	})
	if err != nil && bad == nil {
		return fmt.Errorf("kdsr: %w", err)
	}
	return err
}

// Hash names the network by its content: SHA-256, in hex, of config, role and every tensor in the order of its names.
// Metadata does not count.
func (w *Weights) Hash() string {
	h := sha256.New()
	fmt.Fprintf(h, "%+v %s\n", w.Config, w.role())
	buf := make([]byte, 0, 1<<12)
	for _, name := range slices.Sorted(maps.Keys(w.Tensors)) {
		t := w.Tensors[name]
		fmt.Fprintf(h, "%s %v\n", name, t.Shape)
		for part := range slices.Chunk(t.Data, 1<<10) {
			buf = buf[:0]
			for _, v := range part {
				buf = binary.LittleEndian.AppendUint32(buf, math.Float32bits(v))
			}
			h.Write(buf)
		}
	}
	return hex.EncodeToString(h.Sum(nil))
}

// Clone copies the weights deeply.
func (w *Weights) Clone() *Weights {
	c := *w
	c.Meta = maps.Clone(w.Meta)
	c.Tensors = make(map[string]Tensor, len(w.Tensors))
	for name, t := range w.Tensors {
		c.Tensors[name] = Tensor{slices.Clone(t.Shape), slices.Clone(t.Data)}
	}
	return &c
}
