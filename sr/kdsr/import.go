package kdsr

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// ImportTorchFile is ImportTorch of a file.
func ImportTorchFile(path string) (*Weights, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	return ImportTorch(f, info.Size())
}

// ImportTorch reads an official KDSR checkpoint: a PyTorch state dict, bare (classic) or under params_ema, params or
// state_dict (GAN), in the zip or the stream format of torch.save. It infers the Config from names and shapes; a file that
// does not fit it is a *WeightsError with everything that is missing, extra or mis-shaped.
//
// The pickle inside is only read, never run: names other than those of tensors and dicts are errors, and memory stays
// within a small multiple of size. The estimator's stride does not show in the file: 1 with the official tail, else 2.
func ImportTorch(r io.ReaderAt, size int64) (*Weights, error) {
	w, err := importTorch(r, size)
	var mismatch *WeightsError
	if err != nil && !errors.As(err, &mismatch) {
		err = fmt.Errorf("kdsr: import: %w", err)
	}
	return w, err
}

func importTorch(r io.ReaderAt, size int64) (*Weights, error) {
	file, err := openCheckpoint(r, size)
	if err != nil {
		return nil, err
	}
	found, err := stateDict(file.value)
	if err != nil {
		return nil, err
	}
	config, role, err := inferConfig(found)
	if err != nil {
		return nil, err
	}
	w := &Weights{Config: config, Role: role, Tensors: map[string]Tensor{}, Meta: map[string]string{}}
	if err := w.checkShapes(found); err != nil {
		return nil, err
	}
	if w.Tensors, err = file.tensors(found, size); err != nil {
		return nil, err
	}
	return w, w.Check()
}

// ReadTorch reads the tensors of any PyTorch state dict for which want is true, by name, with the same care as ImportTorch.
func ReadTorch(r io.ReaderAt, size int64, want func(name string) bool) (map[string]Tensor, error) {
	file, err := openCheckpoint(r, size)
	if err != nil {
		return nil, fmt.Errorf("kdsr: import: %w", err)
	}
	found, err := stateDict(file.value)
	if err == nil {
		maps.DeleteFunc(found, func(name string, _ pickleTensor) bool { return !want(name) })
		var t map[string]Tensor
		if t, err = file.tensors(found, size); err == nil {
			return t, nil
		}
	}
	return nil, fmt.Errorf("kdsr: import: %w", err)
}

// tensors reads what a state dict names, size bytes at most.
func (f *checkpoint) tensors(found map[string]pickleTensor, size int64) (map[string]Tensor, error) {
	out := make(map[string]Tensor, len(found))
	budget := size // views of one storage could otherwise multiply it
	for _, name := range slices.Sorted(maps.Keys(found)) {
		t := found[name]
		if budget -= t.storage.numel * storageWidth(t.storage.class); budget < 0 {
			return nil, errors.New("tensors share their memory")
		}
		data, err := t.read(f.open)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		out[name] = Tensor{t.shape, data}
	}
	return out, nil
}

// checkShapes is Check before any value has been read.
func (w *Weights) checkShapes(found map[string]pickleTensor) error {
	params, err := w.Config.Schema(w.Role)
	if err != nil {
		return err
	}
	shapes := Weights{Config: w.Config, Role: w.Role, Tensors: map[string]Tensor{}}
	for name, t := range found {
		shapes.Tensors[name] = Tensor{Shape: t.shape}
	}
	return shapes.check(params, Param.misshapen)
}

// stateDict finds the state dict in what a checkpoint holds, and strips the prefixes of wrappers from its names.
func stateDict(v any) (map[string]pickleTensor, error) {
	d, ok := v.(*pickleDict)
	if !ok {
		return nil, errors.New("holds no dict of tensors")
	}
	for _, key := range []string{"params_ema", "params", "state_dict"} {
		if inner, ok := d.get(key).(*pickleDict); ok {
			d = inner
			break
		}
	}
	found := make(map[string]pickleTensor, len(d.keys))
	for i, k := range d.keys {
		name, ok1 := k.(string)
		t, ok2 := d.values[i].(pickleTensor)
		if !ok1 || !ok2 {
			return nil, fmt.Errorf("entry %d, %.64q, is a %T and no tensor: not a state dict", i, name, d.values[i])
		}
		for _, prefix := range []string{"module.", "model."} {
			name = strings.TrimPrefix(name, prefix)
		}
		if _, twice := found[name]; twice {
			return nil, fmt.Errorf("tensor %.64q twice", name)
		}
		found[name] = t
	}
	return found, nil
}

var (
	blockPattern = regexp.MustCompile(`^G\.body\.0\.body\.(\d{1,4})\.`)
	resPattern   = regexp.MustCompile(`^(?:E_st|E)\.E\.(\d{1,3})\.body\.`)
)

// inferConfig reads the sizes off names and shapes. What it cannot tell is left for the check of all shapes to report.
func inferConfig(found map[string]pickleTensor) (Config, Role, error) {
	c := Config{Tail: TailOfficial, Skip: SkipNearest, Stem: 1}
	role := Student
	for name := range found {
		if m := blockPattern.FindStringSubmatch(name); m != nil {
			i, _ := strconv.Atoi(m[1])
			c.N = max(c.N, i+1)
		}
		if m := resPattern.FindStringSubmatch(name); m != nil {
			i, _ := strconv.Atoi(m[1])
			c.R = max(c.R, i-1)
		}
		if strings.HasPrefix(name, "E.") {
			role = Teacher
		}
		if strings.HasPrefix(name, "G.sub_mean.") || strings.HasPrefix(name, "G.add_mean.") {
			c.Skip = SkipNone
		}
	}
	rows := func(names ...string) int {
		for _, name := range names {
			if t, ok := found[name]; ok && len(t.shape) > 0 {
				return t.shape[0]
			}
		}
		return 0
	}
	if c.C = rows("G.head.0.weight", "G.head.0.bias", "G.body.1.weight", "G.body.1.bias"); c.C == 0 {
		return c, role, fmt.Errorf("no KDSR network: %d tensors, but no G.head.0.weight", len(found))
	}
	up := rows("G.tail.0.0.weight", "G.tail.0.0.bias")
	switch direct := rows("G.tail.0.weight", "G.tail.0.bias"); {
	case direct > 0:
		c.Tail, c.Stem = TailDirect, 2
		for c.Scale = 2; 3*c.Scale*c.Scale < direct && c.Scale < 4; {
			c.Scale++
		}
	case rows("G.tail.0.2.weight", "G.tail.0.2.bias") > 0:
		c.Scale = 4
	case up == 9*c.C:
		c.Scale = 3
	default:
		c.Scale = 2
	}
	return c, role, c.Validate()
}
