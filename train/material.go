package train

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/goccy/go-yaml"

	"vsr/internal/atomicfile"
	"vsr/train/data"
)

// Material says what a run trains and validates on. It is data.json in the run folder.
type Material struct {
	TrainTiles      int            `json:"train_tiles"`
	TrainFiles      []string       `json:"train_files"`
	ValidationFiles []string       `json:"validation_files"`
	Windows         []string       `json:"validation_windows"`            // what the scores are measured on
	LeftOut         []string       `json:"validation_left_out,omitempty"` // flat, black or too small, with the reason
	Skipped         []data.Skipped `json:"skipped_files,omitempty"`
	Bicubic         float64        `json:"bicubic_psnr_y,omitempty"` // of the windows, in dB
	Against         string         `json:"against,omitempty"`
	AgainstPSNR     float64        `json:"against_psnr_y,omitempty"`
}

func newMaterial(c *data.Corpus, held []data.Tile, v *validator) Material {
	return Material{TrainTiles: len(c.Train), TrainFiles: data.Sources(c.Train), ValidationFiles: data.Sources(held), Windows: v.names,
		LeftOut: v.leftOut, Skipped: c.Skipped, Bicubic: v.base[0], Against: v.against, AgainstPSNR: v.beside[0]}
}

const materialFile = "data.json"

func (m Material) write(dir string) error {
	text, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return err
	}
	return atomicfile.WriteBytes(filepath.Join(dir, materialFile), append(text, '\n'))
}

// readMaterial returns nil for a run folder of an older version, which has none.
func readMaterial(dir string) (*Material, error) {
	text, err := os.ReadFile(filepath.Join(dir, materialFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	m := &Material{}
	return m, json.Unmarshal(text, m)
}

// noteChanges compares the config with the one that the run had before it was stopped, and notes every key that differs.
func (t *trainer) noteChanges() error {
	old, err := os.ReadFile(t.configPath())
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	now, err := yaml.Marshal(t.c)
	if err != nil {
		return err
	}
	list, err := changedKeys(old, now)
	if err != nil {
		return fmt.Errorf("%s: %w", t.configPath(), err)
	}
	if len(list) == 0 {
		return nil
	}
	t.o.Log.Warn("the config has changed since the run was stopped", "step", t.step, "keys", strings.Join(list, "; "))
	return t.log.write(Entry{Step: t.step, Changed: list})
}

// changedKeys lists the keys whose values differ between two YAML texts, as key: old -> new.
func changedKeys(old, now []byte) ([]string, error) {
	a, err := flatKeys(old)
	if err != nil {
		return nil, err
	}
	b, err := flatKeys(now)
	if err != nil {
		return nil, err
	}
	keys := map[string]bool{}
	for k := range a {
		keys[k] = true
	}
	for k := range b {
		keys[k] = true
	}
	var list []string
	for _, k := range slices.Sorted(maps.Keys(keys)) {
		if a[k] != b[k] {
			list = append(list, fmt.Sprintf("%s: %s -> %s", k, orNone(a[k]), orNone(b[k])))
		}
	}
	return list, nil
}

func orNone(s string) string {
	if s == "" {
		return "none"
	}
	return s
}

// flatKeys returns the leaves of a YAML text by their names joined with dots.
func flatKeys(text []byte) (map[string]string, error) {
	var tree map[string]any
	if err := yaml.Unmarshal(text, &tree); err != nil {
		return nil, err
	}
	flat := map[string]string{}
	var walk func(prefix string, v any)
	walk = func(prefix string, v any) {
		if m, ok := v.(map[string]any); ok {
			for k, v := range m {
				walk(prefix+"."+k, v)
			}
			return
		}
		if v != nil {
			flat[strings.TrimPrefix(prefix, ".")] = fmt.Sprint(v)
		}
	}
	walk("", tree)
	return flat, nil
}
