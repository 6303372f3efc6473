package train

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"vsr/internal/conv"
	"vsr/train/data"
)

// TestWrongRunsFailBeforeTheDataIsRead gives everything a stranger gets wrong; the corpus must not be opened.
func TestWrongRunsFailBeforeTheDataIsRead(t *testing.T) {
	never := func(context.Context, Config, *slog.Logger) (*data.Corpus, error) {
		t.Error("the data were read first")
		return nil, errors.New("never")
	}
	for name, f := range map[string]func(c *Config, o *Options) Stage{
		"teacher missing": func(c *Config, _ *Options) Stage {
			c.Teacher = "/nowhere/teacher.safetensors"
			return Student
		},
		"init missing": func(c *Config, _ *Options) Stage {
			c.Init = "/nowhere/student.safetensors"
			return Teacher
		},
		"resume of nothing": func(_ *Config, o *Options) Stage {
			o.Resume = true
			return Teacher
		},
		"feature network missing": func(c *Config, _ *Options) Stage {
			c.Init, c.GAN.Features, c.Loss.KD = "/nowhere/x.safetensors", "/nowhere/vgg19.pth", 0
			return GAN
		},
		"folder missing": func(c *Config, o *Options) Stage {
			c.Data.Images, o.Sources = []string{"/nowhere/photographs"}, nil
			return Teacher
		},
		"validation folder missing": func(c *Config, o *Options) Stage {
			c.Data.Images, c.Validate.ImagesFrom, o.Sources = []string{t.TempDir()}, []string{"/nowhere/photographs"}, nil
			return Teacher
		},
		"empty folder": func(c *Config, o *Options) Stage {
			c.Data.Images, o.Sources = []string{t.TempDir()}, nil
			return Teacher
		},
	} {
		c, o := tinyConfig(t), Options{Sources: never}
		c.Out = filepath.Join(c.Out, "run")
		stage := f(&c, &o)
		_, err := Run(context.Background(), stage, c, o)
		var input *InputError
		if !errors.As(err, &input) || input.Hint == "" {
			t.Errorf("%s: error %v, want an InputError with a hint", name, err)
		}
		if _, err := os.Stat(c.Out); err == nil {
			t.Errorf("%s: a run folder was left", name)
		}
	}
}

func TestUnknownKeysAreNamed(t *testing.T) {
	file := filepath.Join(t.TempDir(), "c.yaml")
	if err := os.WriteFile(file, []byte("name: x\noptim:\n  stepz: 1\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := Load(file, nil)
	var bad *ConfigError
	if !errors.As(err, &bad) || bad.Key != "stepz" {
		t.Errorf("in the file: %v", err)
	}
	good := filepath.Join("..", "configs", "tiny.yaml")
	if _, err := Load(good, []string{"optim.stepz=5"}); !errors.As(err, &bad) || bad.Key != "optim.stepz" {
		t.Errorf("with --set: %v", err)
	}
	var missing *InputError
	if _, err := Load("/nowhere.yaml", nil); !errors.As(err, &missing) || missing.Hint == "" {
		t.Errorf("no file: %v", err)
	}
	for _, key := range []string{"optim.steps", "validate.images_from", "shape.c", "license"} {
		if !slices.Contains(Keys(), key) {
			t.Errorf("%s is not among the keys", key)
		}
	}
}

// TestGANWithoutTeacher runs stage 3 with the distillation off.
func TestGANWithoutTeacher(t *testing.T) {
	student := tinyConfig(t)
	student.Loss.KD = 0
	finish(t, Student, student, Options{})
	c := tinyConfig(t)
	c.Init = filepath.Join(student.Out, "tiny.safetensors")
	c.Loss.Perceptual, c.Loss.KD, c.GAN.Width, c.Optim.Steps = 0, 0, 2, 3
	w := finish(t, GAN, c, Options{})
	start, err := os.ReadFile(filepath.Join(c.Out, "log.jsonl"))
	if err != nil || !strings.Contains(string(start), `"gan"`) || strings.Contains(string(start), `"kd"`) {
		t.Errorf("log %s, error %v", start, err)
	}
	if w.Hash() == finish(t, Student, func() Config { s := student; s.Out = t.TempDir(); return s }(), Options{}).Hash() {
		t.Error("stage 3 changed nothing")
	}
	c.Loss.KD = 1
	if c.Check(GAN) == nil {
		t.Error("distillation without a teacher was taken")
	}
}

// TestLicenseIsStated keeps vsr from granting what only the owner of the data can.
func TestLicenseIsStated(t *testing.T) {
	c := tinyConfig(t)
	if w := finish(t, Teacher, c, Options{}); w.Meta["licence"] != "" {
		t.Errorf("licence %q without one being stated", w.Meta["licence"])
	}
	c.License, c.Out = "CC-BY-4.0", t.TempDir()
	if w := finish(t, Teacher, c, Options{}); w.Meta["licence"] != "CC-BY-4.0" {
		t.Errorf("licence %q", w.Meta["licence"])
	}
}

// TestChangedKeysAreRecorded resumes a run with another rate.
func TestChangedKeysAreRecorded(t *testing.T) {
	c := tinyConfig(t)
	finish(t, Teacher, stopAfter(c, 4), Options{})
	c.Optim.LR = 0.0005
	var said strings.Builder
	finish(t, Teacher, c, Options{Resume: true, Log: slog.New(slog.NewTextHandler(&said, nil))})
	entries, err := ReadLog(filepath.Join(c.Out, "log.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, e := range entries {
		got = append(got, e.Changed...)
	}
	if want := []string{"optim.lr: 0.001 -> 0.0005", "optim.steps: 4 -> 12"}; !slices.Equal(got, want) {
		t.Errorf("recorded %q, want %q", got, want)
	}
	if !strings.Contains(said.String(), "optim.lr: 0.001 -> 0.0005") {
		t.Errorf("the log does not say it: %s", said.String())
	}
}

// plain is a tile of one gray, or of noise about it.
func plain(source string, gray int, noise bool) data.Tile {
	const side = 64
	t := data.Tile{W: side, H: side, Frames: 1, Source: source, Pix: make([]byte, side*side*3)}
	for i := range t.Pix {
		v := gray
		if noise {
			v += i * 2654435761 >> 7 % 64
		}
		t.Pix[i] = byte(v)
	}
	return t
}

// TestValidationIsSpread has one long video, three photographs and windows that measure nothing.
func TestValidationIsSpread(t *testing.T) {
	var tiles []data.Tile
	for range 40 {
		tiles = append(tiles, plain("video.mp4", 100, true))
	}
	tiles = append(tiles, plain("a.png", 100, true), plain("b.png", 100, true), plain("sky.png", 120, false), plain("night.png", 1, false))
	c := tinyConfig(t)
	c.Validate.Images = 6
	recipe, err := c.Recipe()
	if err != nil {
		t.Fatal(err)
	}
	ws := conv.NewWorkers(1)
	defer ws.Close()
	v, err := newValidator(ws, tiles, recipe, c)
	if err != nil {
		t.Fatal(err)
	}
	video := 0
	for _, name := range v.names {
		if strings.HasPrefix(name, "video.mp4, tile ") {
			video++
		}
	}
	if len(v.names) != 6 || video != 4 || !slices.Contains(v.names, "a.png") || !slices.Contains(v.names, "b.png") {
		t.Errorf("windows %q, want both photographs and four of the video", v.names)
	}
	slices.Sort(v.leftOut)
	if want := []string{"night.png: black", "sky.png: flat"}; !slices.Equal(v.leftOut, want) {
		t.Errorf("left out %q, want %q", v.leftOut, want)
	}
}

func TestSpreadIsAPermutation(t *testing.T) {
	for n := range 70 {
		got := spread(n)
		sorted := slices.Clone(got)
		slices.Sort(sorted)
		for i, v := range sorted {
			if i != v || len(sorted) != n {
				t.Fatalf("spread(%d) = %v", n, got)
			}
		}
	}
	if got := spread(8)[:4]; !slices.Equal(got, []int{4, 0, 6, 2}) {
		t.Errorf("the first half of eight is %v", got)
	}
}

// TestOwnValidation names a folder, and keeps nothing back.
func TestOwnValidation(t *testing.T) {
	c := tinyConfig(t)
	c.Validate.ImagesFrom = []string{"own"}
	sources := func(ctx context.Context, c Config, log *slog.Logger) (*data.Corpus, error) {
		if c.Data.Images[0] != "own" {
			return waves(ctx, c, log)
		}
		return &data.Corpus{Train: []data.Tile{plain("mine.png", 90, true)}}, nil
	}
	if _, err := Run(context.Background(), Teacher, c, Options{Sources: sources}); err != nil {
		t.Fatal(err)
	}
	m, err := readMaterial(c.Out)
	if err != nil || m == nil || !slices.Equal(m.Windows, []string{"mine.png"}) || !slices.Equal(m.ValidationFiles, []string{"mine.png"}) {
		t.Errorf("material %+v, error %v", m, err)
	}
}
