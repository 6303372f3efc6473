package train

import (
	"errors"
	"fmt"
	"os"
	"reflect"
	"slices"
	"strings"

	"github.com/goccy/go-yaml"

	"vsr/sr/kdsr"
	"vsr/train/degrade"
)

// Stage is a step of the distillation.
type Stage string

// The stages, in the order in which they are trained.
const (
	Teacher Stage = "teacher"
	Student Stage = "student"
	GAN     Stage = "gan"
)

// Config is one training run. configs/train-teacher.yaml explains every key. Zero values mean the defaults of Default.
type Config struct {
	Name        string      `yaml:"name"`
	License     string      `yaml:"license"` // of the finished weights, noted in them; whoever owns the data knows it
	Model       string      `yaml:"model"`
	Scale       int         `yaml:"scale"`
	Shape       *Shape      `yaml:"shape"`
	Out         string      `yaml:"out"`
	Seed        uint64      `yaml:"seed"`
	Threads     int         `yaml:"threads"`
	Teacher     string      `yaml:"teacher"`
	Init        string      `yaml:"init"`
	Guide       string      `yaml:"guide"` // weights of a larger student of the same scale, which loss.guide and guide_vector imitate
	Estimator   string      `yaml:"estimator"`
	Data        Data        `yaml:"data"`
	Degradation Degradation `yaml:"degradation"`
	Optim       Optim       `yaml:"optim"`
	EMA         float64     `yaml:"ema"`
	Loss        Loss        `yaml:"loss"`
	GAN         GANConfig   `yaml:"gan"`
	Checkpoint  Checkpoint  `yaml:"checkpoint"`
	Validate    Validation  `yaml:"validate"`
}

// Shape replaces the sizes of the preset.
type Shape struct {
	C int `yaml:"c"`
	N int `yaml:"n"`
	R int `yaml:"r"`
	// Kernels is "bounded" for networks whose generated kernels cannot grow with the vector (kdsr.KernelsBounded).
	Kernels kdsr.Kernels `yaml:"kernels"`
}

// Data is the material and how patches are cut from it.
type Data struct {
	Images  []string `yaml:"images"`
	Title   string   `yaml:"title"`
	Cache   string   `yaml:"cache"`
	Patch   int      `yaml:"patch"`
	Batch   int      `yaml:"batch"`
	Clip    int      `yaml:"clip"`
	Reuse   int      `yaml:"reuse"`
	Shrink  float64  `yaml:"shrink"`
	Defocus float64  `yaml:"defocus"`
	Drawn   float64  `yaml:"drawn"`
	Night   float64  `yaml:"night"`
	Workers int      `yaml:"workers"`
	Shared  bool     `yaml:"shared"`
	Pool    int      `yaml:"pool"`
}

// Optim is the solver and its schedule.
type Optim struct {
	Steps     int     `yaml:"steps"`
	LR        float64 `yaml:"lr"`
	Beta1     float64 `yaml:"beta1"`
	Beta2     float64 `yaml:"beta2"`
	Schedule  string  `yaml:"schedule"`
	Warmup    int     `yaml:"warmup"`
	Floor     float64 `yaml:"floor"`
	Halve     int     `yaml:"halve"`
	Clip      float64 `yaml:"clip"`
	KDOnly    int     `yaml:"kd_only"`
	ProbeOnly int     `yaml:"probe_only"`
}

// Loss is the weight of each term.
type Loss struct {
	L1          float64 `yaml:"l1"`
	L2          float64 `yaml:"l2"`
	Chroma      float64 `yaml:"chroma"`
	KD          float64 `yaml:"kd"`
	Distance    string  `yaml:"distance"` // of both D' in loss.kd: kl, l1 or l2; empty is kl
	Temperature float64 `yaml:"temperature"`
	Probe       float64 `yaml:"probe"`
	Guide       float64 `yaml:"guide"`        // of the distance to the guide's image
	GuideVector float64 `yaml:"guide_vector"` // of how alike the guide finds the degradations of a batch
	Perceptual  float64 `yaml:"perceptual"`
	GAN         float64 `yaml:"gan"`
}

// Checkpoint says how often the state is written.
type Checkpoint struct {
	Minutes float64 `yaml:"minutes"`
}

// Validation says how often and on how much the net is measured.
type Validation struct {
	Every      int      `yaml:"every"`
	Images     int      `yaml:"images"`
	Size       int      `yaml:"size"`
	ImagesFrom []string `yaml:"images_from"` // instead of files held back from Data.Images
	Against    string   `yaml:"against"`     // weights that are measured beside, a name or a file
}

// Default is the recipe that suits the small networks.
func Default() Config {
	return Config{
		Model: "fast", Scale: 4, Seed: 1, Estimator: "other", EMA: 0.999,
		Data:        Data{Patch: 48, Batch: 16, Reuse: 4, Workers: 1},
		Degradation: Degradation{Kind: "gaussian", Ranges: degrade.DefaultRanges()},
		Optim: Optim{
			Steps: 60000, LR: 1e-3, Beta1: 0.9, Beta2: 0.99, Schedule: "cosine", Warmup: 200, Floor: 1e-6, Halve: 0,
		},
		Loss:       Loss{L1: 1, KD: 1, Distance: "kl", Temperature: 0.15, Perceptual: 1, GAN: 0.1},
		GAN:        GANConfig{Width: 16, LR: 1e-4},
		Checkpoint: Checkpoint{Minutes: 5},
		Validate:   Validation{Every: 1000, Images: 8, Size: 96},
	}
}

// Load reads a config file strictly over the defaults, then applies settings of the form key.key=value. Errors are a *ConfigError, or
// an *InputError if there is no such file.
func Load(path string, set []string) (Config, error) {
	c := Default()
	text, err := os.ReadFile(path)
	if err != nil {
		return c, &InputError{fmt.Errorf("train: config: %w", err), "vsr train init FOLDER writes configs for a folder of yours"}
	}
	if err := yaml.UnmarshalWithOptions(text, &c, yaml.Strict()); err != nil {
		return c, keyError(fmt.Errorf("train: config %s: %s", path, yaml.FormatError(err, false, true)), err)
	}
	for _, s := range set {
		key, value, ok := strings.Cut(s, "=")
		if !ok {
			return c, &ConfigError{Err: fmt.Errorf("train: --set %s: want key=value", s)}
		}
		if !slices.Contains(Keys(), key) {
			return c, &ConfigError{Err: fmt.Errorf("train: --set %s: no such key", s), Key: key}
		}
		if err := yaml.UnmarshalWithOptions([]byte(nested(key, value)), &c, yaml.Strict()); err != nil {
			return c, &ConfigError{Err: fmt.Errorf("train: --set %s: %s", s, yaml.FormatError(err, false, false))}
		}
	}
	return c, nil
}

// keyError is a ConfigError with the key that a strict reading did not know, if that was it.
func keyError(shown, err error) *ConfigError {
	e := &ConfigError{Err: shown}
	var unknown *yaml.UnknownFieldError
	if errors.As(err, &unknown) && unknown.GetToken() != nil {
		e.Key = unknown.GetToken().Value
	}
	return e
}

// Keys lists the keys of a config, each by its full name, as in optim.lr.
func Keys() []string {
	var list []string
	var walk func(prefix string, t reflect.Type)
	walk = func(prefix string, t reflect.Type) {
		if t.Kind() == reflect.Pointer {
			t = t.Elem()
		}
		if t.Kind() != reflect.Struct {
			return
		}
		for i := range t.NumField() {
			name, _, _ := strings.Cut(t.Field(i).Tag.Get("yaml"), ",")
			if name == "" || name == "-" {
				continue
			}
			list = append(list, prefix+name)
			walk(prefix+name+".", t.Field(i).Type)
		}
	}
	walk("", reflect.TypeFor[Config]())
	return list
}

// nested writes a.b=v as YAML; no value is an empty text, not YAML's null, which would change nothing.
func nested(key, value string) string {
	if value == "" {
		value = `""`
	}
	parts := strings.Split(key, ".")
	var b strings.Builder
	for i, p := range parts {
		fmt.Fprintf(&b, "%s%s:", strings.Repeat("  ", i), p)
		if i < len(parts)-1 {
			b.WriteByte('\n')
		}
	}
	return b.String() + " " + value + "\n"
}

// Network is the shape that the config asks for.
func (c Config) Network() (kdsr.Config, error) {
	k, err := kdsr.Preset(c.Model, c.Scale)
	if c.Shape != nil {
		k.C, k.N, k.R, k.Kernels = c.Shape.C, c.Shape.N, c.Shape.R, c.Shape.Kernels
	}
	return k, errors.Join(err, k.Validate())
}

// Check reports every field that is out of range for a stage, at once.
func (c Config) Check(stage Stage) error {
	var bad []error
	want := func(ok bool, format string, args ...any) {
		if !ok {
			bad = append(bad, fmt.Errorf("config: "+format, args...))
		}
	}
	if _, err := c.Network(); err != nil {
		bad = append(bad, err)
	}
	want(c.Name != "" && !strings.ContainsAny(c.Name, `/\`), "name = %q, want a plain file name", c.Name)
	want(c.Out != "", "out is empty, want a folder for the run")
	want(c.Threads >= 0 && c.Threads <= 256, "threads = %d, want 0 to 256", c.Threads)
	want(len(c.Data.Images) > 0, "data.images is empty: name your folders, as in --set data.images=[photographs,clips], or let vsr train init FOLDER write the configs")
	want(c.Data.Patch >= 8 && c.Data.Patch <= 256, "data.patch = %d, want 8 to 256", c.Data.Patch)
	want(c.Data.Patch%2 == 0, "data.patch = %d, want an even number", c.Data.Patch)
	want(c.Data.Batch >= 1 && c.Data.Batch <= 256, "data.batch = %d, want 1 to 256", c.Data.Batch)
	want(c.Data.Shrink >= 0 && c.Data.Shrink <= 1, "data.shrink = %g, want 0 to 1", c.Data.Shrink)
	want(c.Data.Defocus >= 0 && c.Data.Defocus <= 1, "data.defocus = %g, want 0 to 1", c.Data.Defocus)
	want(c.Data.Drawn >= 0 && c.Data.Drawn <= 1, "data.drawn = %g, want 0 to 1", c.Data.Drawn)
	want(c.Data.Night >= 0 && c.Data.Night <= 1, "data.night = %g, want 0 to 1", c.Data.Night)
	want(c.Optim.Steps >= 1, "optim.steps = %d, want 1 or more", c.Optim.Steps)
	want(c.Optim.LR > 0 && c.Optim.LR <= 1, "optim.lr = %g, want 0 to 1", c.Optim.LR)
	want(c.Optim.Beta1 >= 0 && c.Optim.Beta1 < 1, "optim.beta1 = %g, want 0 to 1", c.Optim.Beta1)
	want(c.Optim.Beta2 >= 0 && c.Optim.Beta2 < 1, "optim.beta2 = %g, want 0 to 1", c.Optim.Beta2)
	want(slices.Contains([]string{"cosine", "halve", "constant"}, c.Optim.Schedule),
		"optim.schedule = %q, want cosine, halve or constant", c.Optim.Schedule)
	want(c.Optim.Schedule != "halve" || c.Optim.Halve > 0, "optim.halve = %d, want the steps after which the rate halves", c.Optim.Halve)
	want(c.Optim.Warmup >= 0 && c.Optim.Clip >= 0 && c.Optim.Floor >= 0, "optim.warmup, clip and floor must not be negative")
	want(c.EMA >= 0 && c.EMA < 1, "ema = %g, want 0 (off) to 1", c.EMA)
	want(c.Loss.L1 >= 0 && c.Loss.L2 >= 0 && c.Loss.Chroma >= 0 && c.Loss.KD >= 0 && c.Loss.Probe >= 0 && c.Loss.Guide >= 0 && c.Loss.GuideVector >= 0 && c.Loss.Temperature > 0, "loss: weights must not be negative, temperature must be positive")
	want(c.Checkpoint.Minutes > 0, "checkpoint.minutes = %g, want more than 0", c.Checkpoint.Minutes)
	want(c.Validate.Every >= 0 && c.Validate.Images >= 0 && c.Validate.Size >= 16, "validate: every and images must not be negative, size at least 16")
	want(slices.Contains([]string{"other", "same", "none"}, c.Estimator), "estimator = %q, want other, same or none", c.Estimator)
	want(c.Estimator != "none" || stage == Student && c.Loss.KD == 0 && c.Loss.Probe == 0, "estimator = none is for students with loss.kd = 0 and loss.probe = 0")
	want(slices.Contains([]string{"", "kl", "l1", "l2"}, c.Loss.Distance), "loss.distance = %q, want kl, l1 or l2", c.Loss.Distance)
	guided := c.Loss.Guide > 0 || c.Loss.GuideVector > 0
	want(guided == (c.Guide != ""), "guide = %q, loss.guide = %g, loss.guide_vector = %g, want a guide with one of both losses, or none", c.Guide, c.Loss.Guide, c.Loss.GuideVector)
	want(!guided || stage == Student, "guide is for students")
	want(c.Loss.GuideVector == 0 || c.Data.Batch > 1 && c.Estimator != "none", "loss.guide_vector needs an estimator and batches of at least two")
	want(c.Optim.KDOnly >= 0 && c.Optim.ProbeOnly >= 0, "optim.kd_only and probe_only must not be negative")
	want(stage != Teacher || c.Optim.ProbeOnly == 0 || c.Loss.Probe > 0, "optim.probe_only needs loss.probe")
	want(stage == Teacher || c.Optim.KDOnly == 0 || c.Loss.KD > 0, "optim.kd_only needs loss.kd")
	if stage != Teacher && c.Teacher == "" {
		want(c.Loss.KD == 0, "teacher is empty, want the weights file of the teacher (with loss.kd = 0 it is not needed)")
	}
	if stage == GAN {
		want(c.Loss.L2 == 0, "loss.l2 = %g, stage 3 has none", c.Loss.L2)
		want(c.Init != "", "init is empty, want the weights file of the student")
		want(c.GAN.Width >= 1 && c.GAN.Width <= 256, "gan.width = %d, want 1 to 256", c.GAN.Width)
		want(c.GAN.LR > 0 && c.GAN.LR <= 1, "gan.lr = %g, want 0 to 1", c.GAN.LR)
		want(c.Loss.GAN >= 0 && c.Loss.Perceptual >= 0, "loss: weights must not be negative")
		want(c.Loss.Perceptual == 0 || c.GAN.Features != "",
			"gan.features is empty: the perceptual loss needs a feature network's file; without one set loss.perceptual to 0")
		want(c.Data.Patch*c.Scale%8 == 0, "data.patch times scale is %d, want a multiple of 8", c.Data.Patch*c.Scale)
	}
	if _, err := c.TrainingRecipe(); err != nil {
		bad = append(bad, err)
	}
	if err := c.Degradation.Ranges.Validate(); err != nil {
		bad = append(bad, fmt.Errorf("config: degradation.ranges.%w", err))
	}
	return errors.Join(bad...)
}
