package kdsr

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func tiny(t testing.TB) *Weights {
	t.Helper()
	w, err := RandomWeights(Config{C: 4, N: 2, R: 1, Scale: 3, Tail: TailOfficial, Skip: SkipNone, Stem: 1}, 3)
	if err != nil {
		t.Fatal(err)
	}
	w.Meta[MetaName] = "tiny"
	w.Meta[MetaDegradation] = "none"
	return w
}

func TestSaveLoad(t *testing.T) {
	dir := t.TempDir()
	for _, typ := range []DType{F32, F16} {
		w := tiny(t)
		path := filepath.Join(dir, string(typ)+".safetensors")
		if err := w.Save(path, typ); err != nil {
			t.Fatal(err)
		}
		got, err := Load(path)
		if err != nil {
			t.Fatal(err)
		}
		if got.Config != w.Config || got.Role != Student || len(got.Meta) != 2 || got.Meta[MetaName] != "tiny" {
			t.Errorf("%s: %+v %q %v", typ, got.Config, got.Role, got.Meta)
		}
		for name, tensor := range w.Tensors {
			for i, v := range got.Tensors[name].Data {
				want := tensor.Data[i]
				if typ == F16 && !strings.Contains(name, "_mean.") {
					want = halfToFloat(floatToHalf(want))
				}
				if v != want {
					t.Fatalf("%s: %s[%d] = %g, want %g", typ, name, i, v, want)
				}
			}
		}
		if same := got.Hash() == w.Hash(); same != (typ == F32) {
			t.Errorf("%s: hash equal: %v", typ, same)
		}
	}
	files, _ := os.ReadDir(dir)
	if len(files) != 2 {
		t.Errorf("left behind: %v", files)
	}
	if _, err := Load("testdata/classic.pt"); err == nil || !strings.Contains(err.Error(), "import") {
		t.Error("a PyTorch file:", err)
	}
	if _, err := Load(filepath.Join(dir, "none")); !errors.Is(err, os.ErrNotExist) {
		t.Error(err)
	}
}

func TestHashAndClone(t *testing.T) {
	w := tiny(t)
	c := w.Clone()
	c.Meta[MetaName] = "other"
	if w.Hash() != c.Hash() || w.Meta[MetaName] != "tiny" {
		t.Error("metadata changes the hash, or the clone shares it")
	}
	c.Tensors["G.head.0.bias"].Data[0]++
	if w.Hash() == c.Hash() {
		t.Error("one value changed, same hash, or the clone shares its values")
	}
	c = w.Clone()
	c.Config.Stem = 2
	if w.Hash() == c.Hash() {
		t.Error("config changed, same hash")
	}
}

func TestHalf(t *testing.T) {
	for h := range 1 << 16 { // every value survives a round trip
		f := halfToFloat(uint16(h))
		if back := floatToHalf(f); f == f && back != uint16(h) {
			t.Fatalf("%#x -> %g -> %#x", h, f, back)
		}
	}
	for _, c := range []struct {
		f float32
		h uint16
	}{
		{1, 0x3c00}, {-2, 0xc000}, {65504, 0x7bff}, {65519.9, 0x7bff}, {65520, 0x7c00}, {1e30, 0x7c00},
		{float32(math.Exp2(-24)), 1}, {float32(math.Exp2(-25)), 0}, {float32(1.5 * math.Exp2(-24)), 2},
		{1 + float32(math.Exp2(-11)), 0x3c00}, {1 + float32(3*math.Exp2(-11)), 0x3c02}, {1.9999, 0x4000},
	} {
		if h := floatToHalf(c.f); h != c.h {
			t.Errorf("%g -> %#x, want %#x", c.f, h, c.h)
		}
	}
	if f := halfToFloat(floatToHalf(float32(math.NaN()))); f == f {
		t.Error("NaN is lost")
	}
}

// file joins a header and data bytes.
func file(header string, data int) []byte {
	b := binary.LittleEndian.AppendUint64(nil, uint64(len(header)))
	return append(append(b, header...), make([]byte, data)...)
}

func TestReadTensors(t *testing.T) {
	good := file(`{"a":{"dtype":"BF16","shape":[2],"data_offsets":[0,4]},"b":{"dtype":"F32","shape":[],"data_offsets":[4,8]}}`, 8)
	copy(good[len(good)-8:], []byte{0x80, 0x3f, 0x20, 0xc0})
	tensors, _, err := ReadTensors(bytes.NewReader(good), int64(len(good)))
	if err != nil || tensors["a"].Data[0] != 1 || tensors["a"].Data[1] != -2.5 || len(tensors["b"].Data) != 1 {
		t.Fatal(tensors, err)
	}
	long := file("{}", 0)
	binary.LittleEndian.PutUint64(long, 1<<40)
	for name, b := range map[string][]byte{
		"empty":          {},
		"header length":  long,
		"not JSON":       file("{", 0),
		"list":           file("[]", 0),
		"type":           file(`{"a":{"dtype":"I64","shape":[1],"data_offsets":[0,8]}}`, 8),
		"overlap":        file(`{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"b":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}`, 8),
		"gap":            file(`{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"b":{"dtype":"F32","shape":[1],"data_offsets":[8,12]}}`, 12),
		"trailing":       file(`{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}`, 5),
		"truncated":      file(`{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}`, 7),
		"length":         file(`{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,4]}}`, 4),
		"negative shape": file(`{"a":{"dtype":"F32","shape":[-1,-1],"data_offsets":[0,4]}}`, 4),
		"huge shape":     file(`{"a":{"dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,0]}}`, 0),
		"zero times":     file(`{"a":{"dtype":"F32","shape":[9223372036854775807,0],"data_offsets":[0,0]}}`, 0),
		"backwards":      file(`{"a":{"dtype":"F32","shape":[1],"data_offsets":[4,0]}}`, 4),
		"metadata":       file(`{"__metadata__":{"a":1}}`, 0),
	} {
		if _, _, err := ReadTensors(bytes.NewReader(b), int64(len(b))); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func TestReadRefusesOtherFiles(t *testing.T) {
	var buf bytes.Buffer
	if err := tiny(t).Write(&buf, F32); err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string][2]string{
		"unknown field": {`\"stem\":1`, `\"stew\":1`},
		"another shape": {`\"n\":2`, `\"n\":3`},
		"not valid":     {`\"scale\":3`, `\"scale\":9`},
		"role":          {`"role":"student"`, `"role":"plumber"`},
		"no config":     {`"config"`, `"comfig"`},
	} {
		b := bytes.Replace(buf.Bytes(), []byte(change[0]), []byte(change[1]), 1)
		if bytes.Equal(b, buf.Bytes()) {
			t.Fatalf("%s: nothing to change", name)
		}
		if _, err := Read(bytes.NewReader(b), int64(len(b))); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func TestWriteRefuses(t *testing.T) {
	w := tiny(t)
	w.Tensors["G.head.0.bias"].Data[0] = 1e6
	if err := w.Write(new(bytes.Buffer), F16); err == nil {
		t.Error("1e6 was written as F16")
	}
	delete(w.Tensors, "G.head.0.bias")
	if err := w.Write(new(bytes.Buffer), F32); err == nil {
		t.Error("a network with a hole was written")
	}
	one := NamedTensor{"a", Tensor{[]int{2}, []float32{1}}, F32}
	if err := WriteTensors(new(bytes.Buffer), []NamedTensor{one}, nil); err == nil {
		t.Error("one value was written as two")
	}
	one.Data = []float32{1, 2}
	if err := WriteTensors(new(bytes.Buffer), []NamedTensor{one, one}, nil); err == nil {
		t.Error("a name was written twice")
	}
}

// FuzzRead looks for panics and for files that read back otherwise than they were written.
func FuzzRead(f *testing.F) {
	var buf bytes.Buffer
	w, err := RandomWeights(Config{C: 1, N: 1, R: 0, Scale: 2, Tail: TailDirect, Skip: SkipNearest, Stem: 2}, 1)
	if err != nil {
		f.Fatal(err)
	}
	if err := w.Write(&buf, F16); err != nil {
		f.Fatal(err)
	}
	f.Add(buf.Bytes())
	f.Add(file(`{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}`, 4))
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) > 1<<16 {
			return
		}
		got, err := Read(bytes.NewReader(b), int64(len(b)))
		if err != nil {
			return
		}
		var again bytes.Buffer
		if err := got.Write(&again, F32); err != nil {
			t.Fatal(err)
		}
		back, err := Read(bytes.NewReader(again.Bytes()), int64(again.Len()))
		if err != nil || back.Hash() != got.Hash() {
			t.Fatal("read, written and read again: another network", err)
		}
	})
}
