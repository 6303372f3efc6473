package engines

import (
	"path/filepath"
	"strings"
	"testing"

	"vsr/sr/kdsr"
)

// A model goes to its sharp variant, by name or beside its file; a model without one is refused.
func TestSharpness(t *testing.T) {
	c, err := kdsr.Preset("nano", 2)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	hash := map[string]string{}
	for i, name := range []string{"m.safetensors", "m-sharp.safetensors", "alone.safetensors"} {
		w, err := kdsr.RandomWeights(c, uint64(i))
		if err != nil {
			t.Fatal(err)
		}
		if err := w.Save(filepath.Join(dir, name), kdsr.F32); err != nil {
			t.Fatal(err)
		}
		hash[name] = w.Hash()
	}
	open := func(name string, sharpness float64) (*Engine, error) {
		return Open(t.Context(), Options{Model: filepath.Join(dir, name), Device: "cpu", Threads: 1, Sharpness: sharpness})
	}
	seen := map[string]float64{}
	for _, s := range []float64{0, 0.5, 1} {
		e, err := open("m.safetensors", s)
		if err != nil {
			t.Fatal(err)
		}
		if old, ok := seen[e.Hash]; ok {
			t.Errorf("sharpness %g and %g are one network", old, s)
		}
		seen[e.Hash] = s
		e.Close()
	}
	if seen[hash["m.safetensors"]] != 0 || seen[hash["m-sharp.safetensors"]] != 1 {
		t.Errorf("the ends are not the two models: %v", seen)
	}
	if _, err := open("alone.safetensors", 0.5); err == nil || !strings.Contains(err.Error(), "alone-sharp") {
		t.Errorf("no sharp variant: %v", err)
	}
	if _, err := Open(t.Context(), Options{Model: "nano-x2", Device: "cpu", Sharpness: 0.5}); err == nil || !strings.Contains(err.Error(), "no sharp variant") {
		t.Errorf("a built-in model without one: %v", err)
	}
	if _, err := open("m.safetensors", 2); err == nil {
		t.Error("a sharpness of 2 was taken")
	}
}
