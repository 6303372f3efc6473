package kdsr

import (
	"archive/zip"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"strings"
)

// storageType is the element type of a PyTorch storage.
type storageType uint8

const (
	storageUnknown storageType = iota
	storageFloat
	storageHalf
	storageBFloat
	storageDouble
	storageOther // known to PyTorch, of no use here: integers and the like
)

var storageClasses = map[string]storageType{
	"FloatStorage": storageFloat, "HalfStorage": storageHalf, "BFloat16Storage": storageBFloat, "DoubleStorage": storageDouble,
	"LongStorage": storageOther, "IntStorage": storageOther, "ShortStorage": storageOther, "CharStorage": storageOther,
	"ByteStorage": storageOther, "BoolStorage": storageOther,
}

// storageWidth is the number of bytes of one element.
func storageWidth(class string) int64 {
	return map[string]int64{"FloatStorage": 4, "HalfStorage": 2, "BFloat16Storage": 2, "DoubleStorage": 8, "LongStorage": 8,
		"IntStorage": 4, "ShortStorage": 2, "CharStorage": 1, "ByteStorage": 1, "BoolStorage": 1}[class]
}

// newStorage reads a persistent id: ("storage", class, key, location, numel) and, in the stream format, None.
func newStorage(id any) (pickleStorage, error) {
	t, ok := id.(pickleTuple)
	if !ok || len(t) < 5 || t[0] != "storage" {
		return pickleStorage{}, errors.New("persistent id of an unknown form")
	}
	class, ok1 := t[1].(pickleGlobal)
	key, ok2 := t[2].(string)
	numel, ok3 := t[4].(int64)
	name, ok4 := strings.CutPrefix(class.name, "torch.")
	if !ok1 || !ok2 || !ok3 || !ok4 || storageClasses[name] == storageUnknown || numel < 0 || numel > maxFile {
		return pickleStorage{}, errors.New("persistent id that is no storage")
	}
	if len(t) > 5 && t[5] != nil {
		return pickleStorage{}, errors.New("storage that is a view of another")
	}
	return pickleStorage{name, key, numel}, nil
}

// newTensor reads the arguments of _rebuild_tensor_v2: storage, offset, shape, stride, requires_grad, hooks.
func newTensor(args []any) (pickleTensor, error) {
	var t pickleTensor
	var ok1, ok2 bool
	t.storage, ok1 = args[0].(pickleStorage)
	t.offset, ok2 = args[1].(int64)
	shape, ok3 := args[2].(pickleTuple)
	stride, ok4 := args[3].(pickleTuple)
	if !ok1 || !ok2 || !ok3 || !ok4 || len(shape) != len(stride) || len(shape) > 8 || t.offset < 0 {
		return t, errors.New("tensor of an unknown form")
	}
	count, last := int64(1), t.offset
	for i := range shape {
		n, ok1 := shape[i].(int64)
		step, ok2 := stride[i].(int64)
		if !ok1 || !ok2 || n < 1 || step < 0 || n > t.storage.numel || step > t.storage.numel {
			return t, fmt.Errorf("tensor with a bad shape or stride in dimension %d of %d", i, len(shape))
		}
		t.shape, t.stride = append(t.shape, int(n)), append(t.stride, step)
		if count *= n; count > t.storage.numel {
			return t, fmt.Errorf("tensor of shape %v in a storage of %d values", t.shape, t.storage.numel)
		}
		last += (n - 1) * step
	}
	if last < 0 || last >= t.storage.numel {
		return t, fmt.Errorf("tensor of shape %v, stride %v, offset %d outside its storage of %d values",
			t.shape, t.stride, t.offset, t.storage.numel)
	}
	return t, nil
}

// checkpoint is an opened PyTorch file: its pickled value, and a way to the bytes of its storages.
type checkpoint struct {
	value any
	open  func(pickleStorage) (io.Reader, error)
}

// openCheckpoint reads the zip format (PyTorch 1.6 and later) and the stream format before it.
func openCheckpoint(r io.ReaderAt, size int64) (*checkpoint, error) {
	var head [8]byte
	if size < 8 || size > maxFile {
		return nil, fmt.Errorf("%d bytes, want 8 to %d", size, maxFile)
	}
	if _, err := r.ReadAt(head[:], 0); err != nil {
		return nil, err
	}
	if string(head[:4]) == "PK\x03\x04" {
		return openZip(r, size)
	}
	if head[0] == 0x80 {
		return openStream(r, size)
	}
	return nil, errors.New("neither the zip format nor the stream format of torch.save")
}

func openZip(r io.ReaderAt, size int64) (*checkpoint, error) {
	z, err := zip.NewReader(r, size)
	if err != nil {
		return nil, err
	}
	files := make(map[string]*zip.File, len(z.File))
	root := ""
	for _, f := range z.File {
		if files[f.Name] != nil {
			return nil, fmt.Errorf("zip: %q twice", f.Name)
		}
		files[f.Name] = f
		if dir, ok := strings.CutSuffix(f.Name, "data.pkl"); ok && (dir == "" || strings.Count(dir, "/") == 1) {
			root = dir
		}
	}
	raw := func(name string) (io.Reader, int64, error) {
		f := files[root+name]
		if f == nil {
			return nil, 0, fmt.Errorf("zip: no %s", root+name)
		}
		if f.Method != zip.Store {
			return nil, 0, fmt.Errorf("zip: %s is compressed, torch.save never does that", f.Name)
		}
		body, err := f.Open()
		return body, int64(f.UncompressedSize64), err
	}
	if order, n, err := raw("byteorder"); err == nil && n <= 16 {
		if b, err := io.ReadAll(io.LimitReader(order, 16)); err != nil || string(b) != "little" {
			return nil, fmt.Errorf("byte order %q, want little", b)
		}
	}
	body, n, err := raw("data.pkl")
	if err != nil {
		return nil, err
	}
	if n > maxPickle {
		return nil, fmt.Errorf("pickle of %d bytes, at most %d", n, maxPickle)
	}
	data, err := io.ReadAll(io.LimitReader(body, maxPickle))
	if err != nil {
		return nil, err
	}
	value, err := newUnpickler(data).next()
	return &checkpoint{value, func(s pickleStorage) (io.Reader, error) {
		body, n, err := raw("data/" + s.key)
		if want := s.numel * storageWidth(s.class); err == nil && n != want {
			err = fmt.Errorf("zip: %sdata/%s has %d bytes, want %d", root, s.key, n, want)
		}
		return body, err
	}}, err
}

// streamMagic is the first value of a stream file, 0x1950a86a20f9469cfc6c.
const streamMagic = "\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19"

// openStream reads five pickles (magic, protocol, system, value, storage keys), then each storage: a count and its values.
func openStream(r io.ReaderAt, size int64) (*checkpoint, error) {
	data := make([]byte, min(size, 2*maxPickle))
	if _, err := r.ReadAt(data, 0); err != nil && err != io.EOF {
		return nil, err
	}
	u := newUnpickler(data)
	var values [5]any
	for i := range values {
		v, err := u.next()
		if err != nil {
			return nil, err
		}
		if i == 0 && v != streamMagic || i == 1 && v != int64(1001) {
			return nil, errors.New("a pickle, but not of torch.save")
		}
		values[i] = v
	}
	if system, ok := values[2].(*pickleDict); ok && system.get("little_endian") == false {
		return nil, errors.New("written on a big-endian machine")
	}
	keys, ok := values[4].(*pickleList)
	if !ok {
		return nil, errors.New("no list of storages")
	}
	at := map[string]int64{} // where the values of each storage begin
	where := int64(u.pos)
	for _, k := range keys.items {
		key, ok := k.(string)
		class, known := u.storages[key]
		if !ok || !known {
			return nil, fmt.Errorf("storage %.32q that no tensor uses", key)
		}
		var count [8]byte
		if _, err := r.ReadAt(count[:], where); err != nil {
			return nil, fmt.Errorf("storage %s: %w", key, io.ErrUnexpectedEOF)
		}
		n := int64(binary.LittleEndian.Uint64(count[:]))
		if n < 0 || n > (size-where-8)/storageWidth(class) {
			return nil, fmt.Errorf("storage %s of %d values does not fit the file", key, n)
		}
		at[key] = where + 8
		where += 8 + n*storageWidth(class)
	}
	return &checkpoint{values[3], func(s pickleStorage) (io.Reader, error) {
		start, ok := at[s.key]
		if !ok {
			return nil, fmt.Errorf("no storage %s", s.key)
		}
		return io.NewSectionReader(r, start, s.numel*storageWidth(s.class)), nil
	}}, nil
}

func (d *pickleDict) get(key string) any {
	for i, k := range d.keys {
		if k == key {
			return d.values[i]
		}
	}
	return nil
}

// read copies the tensor's values, in row-major order whatever its strides are.
func (t pickleTensor) read(open func(pickleStorage) (io.Reader, error)) ([]float32, error) {
	r, err := open(t.storage)
	if err != nil {
		return nil, err
	}
	all, err := storageValues(r, storageClasses[t.storage.class], int(t.storage.numel))
	if err != nil {
		return nil, err
	}
	out := make([]float32, Shape(t.shape).Size())
	index := make([]int, len(t.shape))
	for i := range out {
		at := t.offset
		for d, n := range index {
			at += int64(n) * t.stride[d]
		}
		out[i] = all[at]
		for d := len(index) - 1; d >= 0; d-- {
			if index[d]++; index[d] < t.shape[d] {
				break
			}
			index[d] = 0
		}
	}
	return out, nil
}

func storageValues(r io.Reader, t storageType, count int) ([]float32, error) {
	switch t {
	case storageFloat:
		return decodeValues(r, F32, count)
	case storageHalf:
		return decodeValues(r, F16, count)
	case storageBFloat:
		return decodeValues(r, BF16, count)
	case storageDouble:
		raw := make([]byte, 8)
		out := make([]float32, count)
		for i := range out {
			if _, err := io.ReadFull(r, raw); err != nil {
				return nil, err
			}
			out[i] = float32(math.Float64frombits(binary.LittleEndian.Uint64(raw)))
		}
		return out, nil
	}
	return nil, errors.New("holds integers")
}
