package feature

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"

	"vsr/sr/kdsr"
)

// An ONNX file is a protocol buffer (onnx.proto): ModelProto.graph is field 7, GraphProto.initializer field 5, and of TensorProto
// dims is 1, data_type 2, name 8, raw_data 9. Only float32 (1) and float16 (10) tensors with raw data are read.

var errProto = errors.New("damaged ONNX file")

// field is one entry of a message: a number, or bytes.
type field struct {
	id     uint64
	number uint64
	bytes  []byte
}

// fields splits a message.
func fields(b []byte) ([]field, error) {
	var out []field
	for len(b) > 0 {
		tag, n := binary.Uvarint(b)
		if n <= 0 {
			return nil, errProto
		}
		b = b[n:]
		f := field{id: tag >> 3}
		switch tag & 7 {
		case 0:
			if f.number, n = binary.Uvarint(b); n <= 0 {
				return nil, errProto
			}
		case 1:
			n = 8
		case 2:
			size, k := binary.Uvarint(b)
			if k <= 0 || size > uint64(len(b)-k) {
				return nil, errProto
			}
			f.bytes = b[k : k+int(size)]
			n = k + int(size)
		case 5:
			n = 4
		default:
			return nil, errProto
		}
		if n > len(b) {
			return nil, errProto
		}
		b = b[n:]
		out = append(out, f)
	}
	return out, nil
}

// initializers returns the constants of a model by name.
func initializers(model []byte) (map[string]kdsr.Tensor, error) {
	top, err := fields(model)
	if err != nil {
		return nil, err
	}
	out := map[string]kdsr.Tensor{}
	for _, m := range top {
		if m.id != 7 || m.bytes == nil {
			continue
		}
		graph, err := fields(m.bytes)
		if err != nil {
			return nil, err
		}
		for _, f := range graph {
			if f.id != 5 || f.bytes == nil {
				continue
			}
			name, t, err := readTensor(f.bytes)
			if err != nil {
				return nil, err
			}
			if t.Data != nil {
				out[name] = t
			}
		}
	}
	if len(out) == 0 {
		return nil, errors.New("no tensors in it: not an ONNX model with its weights inside")
	}
	return out, nil
}

// readTensor decodes one TensorProto; one of another type or storage has nil Data.
func readTensor(b []byte) (name string, t kdsr.Tensor, err error) {
	parts, err := fields(b)
	if err != nil {
		return "", t, err
	}
	var kind uint64
	var raw []byte
	count := 1
	dim := func(v uint64) error {
		if v > 1<<24 || count > 1<<28/max(int(v), 1) {
			return fmt.Errorf("%w: tensor too large", errProto)
		}
		t.Shape, count = append(t.Shape, int(v)), count*int(v)
		return nil
	}
	for _, f := range parts {
		switch {
		case f.id == 1 && f.bytes == nil:
			err = errors.Join(err, dim(f.number))
		case f.id == 1: // packed
			for p := f.bytes; len(p) > 0; {
				v, n := binary.Uvarint(p)
				if n <= 0 {
					return "", t, errProto
				}
				err = errors.Join(err, dim(v))
				p = p[n:]
			}
		case f.id == 2:
			kind = f.number
		case f.id == 8:
			name = string(f.bytes)
		case f.id == 9:
			raw = f.bytes
		}
	}
	switch {
	case err != nil:
		return "", t, err
	case kind == 1 && len(raw) == 4*count:
		t.Data = make([]float32, count)
		for i := range t.Data {
			t.Data[i] = math.Float32frombits(binary.LittleEndian.Uint32(raw[4*i:]))
		}
	case kind == 10 && len(raw) == 2*count:
		t.Data = make([]float32, count)
		for i := range t.Data {
			t.Data[i] = half(binary.LittleEndian.Uint16(raw[2*i:]))
		}
	}
	return name, t, nil
}

// half widens an IEEE 754 binary16.
func half(h uint16) float32 {
	sign, exp, frac := float64(1), int(h>>10&31), float64(h&1023)
	if h>>15 == 1 {
		sign = -1
	}
	switch exp {
	case 0:
		return float32(sign * math.Ldexp(frac, -24))
	case 31:
		return float32(sign * math.Inf(1))
	}
	return float32(sign * math.Ldexp(1024+frac, exp-25))
}
