package kdsr

import (
	"archive/zip"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
)

func importFile(name string) (*Weights, error) {
	b, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		return nil, err
	}
	return ImportTorch(bytes.NewReader(b), int64(len(b)))
}

// TestImport reads files that torch.save wrote (tools/golden/checkpoints.py).
func TestImport(t *testing.T) {
	for file, want := range map[string]string{
		"classic.pt": "student", "gan.pth": "student", "stream.pt": "student", "odd.pt": "student", "half.pt": "student",
		"teacher.pt": "teacher",
	} {
		got, err := importFile(file)
		if err != nil {
			t.Errorf("%s: %v", file, err)
			continue
		}
		w, err := Load(filepath.Join("testdata", want+".safetensors"))
		if err != nil {
			t.Fatal(err)
		}
		if file == "half.pt" {
			for name, tensor := range w.Tensors {
				for i, v := range tensor.Data {
					if !strings.Contains(name, "_mean.") {
						tensor.Data[i] = halfToFloat(floatToHalf(v))
					}
				}
			}
		}
		if got.Config != w.Config || got.Hash() != w.Hash() {
			t.Errorf("%s: %+v, want %+v and the same values", file, got.Config, w.Config)
		}
	}
}

// checkpointZip makes a zip file as torch.save does, with the given pickle and one storage.
func checkpointZip(pickle []byte, storage int) []byte {
	var buf bytes.Buffer
	z := zip.NewWriter(&buf)
	for name, body := range map[string][]byte{"a/data.pkl": pickle, "a/data/0": make([]byte, storage)} {
		w, _ := z.CreateHeader(&zip.FileHeader{Name: name, Method: zip.Store})
		w.Write(body)
	}
	z.Close()
	return buf.Bytes()
}

// pickleWriter spells pickles.
type pickleWriter struct{ bytes.Buffer }

func (p *pickleWriter) text(s string) {
	p.WriteByte('X')
	binary.Write(p, binary.LittleEndian, uint32(len(s)))
	p.WriteString(s)
}

func (p *pickleWriter) ints(v ...int32) {
	p.WriteByte('(')
	for _, x := range v {
		p.WriteByte('J')
		binary.Write(p, binary.LittleEndian, x)
	}
	p.WriteByte('t')
}

func (p *pickleWriter) tensor(offset, numel int32, shape, stride []int32) {
	p.WriteString("ctorch._utils\n_rebuild_tensor_v2\n((")
	p.text("storage")
	p.WriteString("ctorch\nFloatStorage\n")
	p.text("0")
	p.text("cpu")
	p.WriteByte('J')
	binary.Write(p, binary.LittleEndian, numel)
	p.WriteString("tQJ")
	binary.Write(p, binary.LittleEndian, offset)
	p.ints(shape...)
	p.ints(stride...)
	p.WriteString("\x89NtR")
}

// oneTensor is the pickle of a state dict with a single tensor.
func oneTensor(name string, offset, numel int32, shape, stride []int32) []byte {
	var p pickleWriter
	p.WriteString("\x80\x02}")
	p.text(name)
	p.tensor(offset, numel, shape, stride)
	p.WriteString("s.")
	return p.Bytes()
}

func TestImportRefusesHostileFiles(t *testing.T) {
	laughs := []byte("\x80\x02)")
	for range 200 { // each tuple holds the one before twice: printing it would take 2^200 steps
		laughs = append(laughs, "q\x00h\x00\x86"...)
	}
	deep := append([]byte("\x80\x02N"), bytes.Repeat([]byte{0x85}, 400000)...)
	self := []byte("\x80\x02}q\x00X\x01\x00\x00\x00ah\x00sX\x0a\x00\x00\x00params_emah\x00s.")
	key := append(append([]byte("\x80\x02}"), laughs[2:]...), "K\x01s."...)
	shape := func(numel, offset int32, shape, stride []int32) []byte {
		return oneTensor("G.head.0.weight", offset, numel, shape, stride)
	}
	for name, p := range map[string][]byte{
		"system":           []byte("\x80\x02cposix\nsystem\nX\x04\x00\x00\x00true\x85R."),
		"eval":             []byte("\x80\x04\x8c\x08builtins\x8c\x04eval\x93\x8c\x011\x85R."),
		"getattr":          []byte("\x80\x02c__builtin__\ngetattr\n."),
		"inst":             []byte("(S'true'\nios\nsystem\n."),
		"object":           []byte("\x80\x02ccollections\nOrderedDict\n)\x81."),
		"laughs":           append(laughs[:len(laughs):len(laughs)], '.'),
		"laughs as key":    key,
		"laughs as name":   append(laughs[:len(laughs):len(laughs)], "h\x00\x93."...),
		"laughs as id":     append(laughs[:len(laughs):len(laughs)], "Q."...),
		"deep":             append(deep, '.'),
		"holds itself":     self,
		"many steps":       bytes.Repeat([]byte{']'}, maxSteps+2),
		"long text":        []byte("\x80\x02X\xff\xff\xff\xff"),
		"empty":            {},
		"no value":         []byte("\x80\x02."),
		"mark":             []byte("\x80\x02(."),
		"protocol":         []byte("\x80\x09N."),
		"memo":             []byte("\x80\x02h\x07."),
		"append to a dict": []byte("\x80\x02}Na."),
		"odd items":        []byte("\x80\x02}(Nu."),
		"number":           []byte("\x80\x02K\x01."),
		"storage alone":    []byte("\x80\x02X\x01\x00\x00\x000Q."),
		"stranger":         oneTensor("conv.weight", 0, 1, []int32{1}, []int32{1}),
		"outside":          shape(27, 1, []int32{1, 3, 3, 3}, []int32{27, 9, 3, 1}),
		"negative offset":  shape(27, -1, []int32{1, 3, 3, 3}, []int32{27, 9, 3, 1}),
		"negative stride":  shape(27, 26, []int32{1, 3, 3, 3}, []int32{-27, -9, -3, -1}),
		"expanded":         shape(1, 0, []int32{512, 3, 3, 3}, []int32{0, 0, 0, 0}),
		"huge":             shape(1<<29, 0, []int32{512, 1 << 20}, []int32{1 << 20, 1}),
		"overflow":         shape(1<<29, 0, []int32{1 << 29, 1 << 29, 1 << 29}, []int32{1 << 29, 1 << 29, 1 << 29}),
		"wide":             shape(27*4096, 0, []int32{4096, 3, 3, 3}, []int32{27, 9, 3, 1}),
	} {
		b := checkpointZip(p, 108)
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, err := ImportTorch(bytes.NewReader(b), int64(len(b)))
		runtime.ReadMemStats(&after)
		if err == nil {
			t.Errorf("%s: no error", name)
		} else if len(err.Error()) > 4096 {
			t.Errorf("%s: an error of %d bytes", name, len(err.Error()))
		}
		if n := after.TotalAlloc - before.TotalAlloc; n > 200<<20 {
			t.Errorf("%s: allocated %d MiB", name, n>>20)
		}
	}
}

func TestImportListsEverything(t *testing.T) {
	// A head of the right shape and nothing else but a stranger.
	var p pickleWriter
	p.WriteString("\x80\x02}")
	p.text("model.G.head.0.weight")
	p.tensor(0, 27, []int32{1, 3, 3, 3}, []int32{27, 9, 3, 1})
	p.WriteString("s")
	p.text("G.body.0.body.1.conv1.bias")
	p.tensor(0, 27, []int32{2}, []int32{1})
	p.WriteString("s")
	p.text("extra")
	p.tensor(0, 27, []int32{2}, []int32{1})
	p.WriteString("s.")
	b := checkpointZip(p.Bytes(), 108)
	_, err := ImportTorch(bytes.NewReader(b), int64(len(b)))
	var e *WeightsError
	if !errors.As(err, &e) {
		t.Fatal(err)
	}
	// C 1, N 2, R 0, scale 2, no mean shift: 2 head, 8 blocks, 2 body tail, 4 tail, 8 IDE convs, 6 linears, less the head and a bias
	if len(e.Missing) != 28 || len(e.Extra) != 1 || len(e.Mismatch) != 1 {
		t.Error(e)
	}
}

func TestImportDamaged(t *testing.T) {
	for _, name := range []string{"classic.pt", "stream.pt"} {
		b, err := os.ReadFile(filepath.Join("testdata", name))
		if err != nil {
			t.Fatal(err)
		}
		for n := 0; n < len(b); n += 1 + len(b)/300 {
			if _, err := ImportTorch(bytes.NewReader(b[:n]), int64(n)); err == nil {
				t.Errorf("%s: %d of %d bytes are enough", name, n, len(b))
			}
		}
	}
	for name, b := range map[string][]byte{
		"compressed": func() []byte {
			var buf bytes.Buffer
			z := zip.NewWriter(&buf)
			w, _ := z.Create("a/data.pkl") // deflate
			fmt.Fprint(w, "\x80\x02}.")
			z.Close()
			return buf.Bytes()
		}(),
		"no pickle":     func() []byte { var b bytes.Buffer; zip.NewWriter(&b).Close(); return b.Bytes() }(),
		"short storage": checkpointZip(oneTensor("G.head.0.weight", 0, 27, []int32{1, 3, 3, 3}, []int32{27, 9, 3, 1}), 100),
		"text":          []byte("hello, hello, hello"),
	} {
		if _, err := ImportTorch(bytes.NewReader(b), int64(len(b))); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

// FuzzImport looks for panics, and for anything that is accepted without fitting the network.
func FuzzImport(f *testing.F) {
	for _, name := range []string{"classic.pt", "stream.pt", "odd.pt"} {
		b, err := os.ReadFile(filepath.Join("testdata", name))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Add(checkpointZip(oneTensor("G.head.0.weight", 0, 27, []int32{1, 3, 3, 3}, []int32{27, 9, 3, 1}), 108))
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) > 1<<16 {
			return
		}
		if w, err := ImportTorch(bytes.NewReader(b), int64(len(b))); err == nil && w.Check() != nil {
			t.Fatal(w.Check())
		}
	})
}

// FuzzPickle feeds the pickle reader alone, without the container around it.
func FuzzPickle(f *testing.F) {
	f.Add(oneTensor("a", 0, 27, []int32{1, 3, 3, 3}, []int32{27, 9, 3, 1}))
	f.Add([]byte("\x80\x04\x95\x00\x00\x00\x00\x00\x00\x00\x00\x8c\x01a\x94G\x00\x00\x00\x00\x00\x00\x00\x00\x8a\x01\x80\x87."))
	f.Fuzz(func(t *testing.T, b []byte) {
		v, err := newUnpickler(b).next()
		if err == nil {
			stateDict(v)
		}
	})
}

// TestPickleRefuses looks at the reader itself: the faults must be found there, not by a later check.
func TestPickleRefuses(t *testing.T) {
	for _, name := range []string{"posix\nsystem", "builtins\neval", "torch\nload", "torch\nUntypedStorage", "collections\ndeque"} {
		_, err := newUnpickler([]byte("\x80\x02c" + name + "\n.")).next()
		if err == nil || !strings.Contains(err.Error(), "refused") {
			t.Errorf("%q: %v", name, err)
		}
	}
	ones := []int32{27, 9, 3, 1}
	for name, p := range map[string][]byte{
		"offset":          oneTensor("a", 1, 27, []int32{1, 3, 3, 3}, ones),
		"negative offset": oneTensor("a", -1, 27, []int32{1, 3, 3, 3}, ones),
		"stride":          oneTensor("a", 0, 27, []int32{1, 3, 3, 3}, []int32{27, 10, 3, 1}),
		"negative stride": oneTensor("a", 26, 27, []int32{1, 3, 3, 3}, []int32{27, 9, 3, -1}),
		"expanded":        oneTensor("a", 0, 1, []int32{2, 3, 3, 3}, []int32{0, 0, 0, 0}),
		"dimensions":      oneTensor("a", 0, 27, []int32{27}, []int32{1, 1}),
		"empty":           oneTensor("a", 0, 27, []int32{0}, []int32{1}),
		"negative count":  oneTensor("a", 0, -1, []int32{1}, []int32{1}),
	} {
		if _, err := newUnpickler(p).next(); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	if v, err := newUnpickler(oneTensor("a", 0, 27, []int32{1, 3, 3, 3}, ones)).next(); err != nil {
		t.Error(v, err)
	}
}

// TestReadTorch takes only what is asked for.
func TestReadTorch(t *testing.T) {
	b, err := os.ReadFile(filepath.Join("testdata", "classic.pt"))
	if err != nil {
		t.Fatal(err)
	}
	whole, err := ImportTorch(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		t.Fatal(err)
	}
	got, err := ReadTorch(bytes.NewReader(b), int64(len(b)), func(name string) bool { return strings.HasPrefix(name, "G.head.") })
	if err != nil || len(got) != 2 || !slices.Equal(got["G.head.0.bias"].Data, whole.Tensors["G.head.0.bias"].Data) {
		t.Errorf("%d tensors, %v; want weight and bias of G.head.0", len(got), err)
	}
	if _, err := ReadTorch(bytes.NewReader(b[:len(b)/2]), int64(len(b)/2), func(string) bool { return true }); err == nil {
		t.Error("half a file was read")
	}
}

// State dicts that PyTorch wrote under Python 2 are made of a list of pairs.
func TestOrderedDictOfPairs(t *testing.T) {
	const head = "\x80\x02ccollections\nOrderedDict\n"
	v, err := newUnpickler([]byte(head + "](](U\x01aK\x01e](U\x01bK\x02ee\x85R.")).next()
	d, ok := v.(*pickleDict)
	if err != nil || !ok || len(d.keys) != 2 || d.get("a") != int64(1) || d.get("b") != int64(2) {
		t.Errorf("%v, %v", v, err)
	}
	for name, tail := range map[string]string{"three of a pair": "](](U\x01aK\x01K\x02ee\x85R.", "no pair": "](K\x01e\x85R.", "no list": "K\x01\x85R."} {
		if v, err := newUnpickler([]byte(head + tail)).next(); err == nil {
			t.Errorf("%s gives %v", name, v)
		}
	}
}
