package train

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"text/template"

	"vsr/internal/atomicfile"
	"vsr/train/data"
)

// InitOptions says for what Init writes configs.
type InitOptions struct {
	Data    string // folder of sharp images and videos
	Out     string // folder for the configs and, later, the runs
	Model   string // nano, fast or base
	Scale   int    // 2, 3 or 4
	BuiltIn string // built-in model of that size and scale to tune and to compare with; empty if there is none
	Replace bool   // write over configs that are there
}

// Init writes teacher.yaml, student.yaml, gan.yaml and, where there is a built-in model to go on from, fine-tune.yaml for a folder of
// one's own.
func Init(o InitOptions) (*InitResult, error) {
	r, err := writeConfigs(o)
	if err != nil {
		return nil, fmt.Errorf("train: init: %w", err)
	}
	return r, nil
}

// InitResult is what Init has found and written.
type InitResult struct {
	InitOptions
	Files          []string // in the order of their use
	Images, Videos int      // that the folder holds
}

// Print writes what was made and the commands that use it.
func (r *InitResult) Print(w io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %d images, %d videos\n", r.Data, r.Images, r.Videos)
	for _, f := range r.Files {
		fmt.Fprintf(&b, "wrote %s\n", f)
	}
	b.WriteString("\nnext, one of\n")
	if r.BuiltIn != "" {
		fmt.Fprintf(&b, "  vsr train student --config %s/fine-tune.yaml   # suits %s to your material: the quickest\n", r.Out, r.BuiltIn)
	}
	fmt.Fprintf(&b, "  vsr train teacher --config %s/teacher.yaml     # a model from nothing, then\n", r.Out)
	fmt.Fprintf(&b, "  vsr train student --config %s/student.yaml\n", r.Out)
	fmt.Fprintf(&b, "  vsr train gan     --config %s/gan.yaml         # optional: crisper\n", r.Out)
	_, err := io.WriteString(w, b.String())
	return err
}

func writeConfigs(o InitOptions) (*InitResult, error) {
	r := &InitResult{InitOptions: o}
	if err := data.Check([]string{o.Data}); err != nil {
		return nil, &InputError{err, "name a folder of sharp images (PNG, JPEG) and videos"}
	}
	var err error
	if r.Images, r.Videos, err = data.Count([]string{o.Data}); err != nil {
		return nil, err
	}
	values := struct {
		InitOptions
		Name, Runs string
	}{o, "", ""}
	values.Name = fmt.Sprintf("%s-x%d", o.Model, o.Scale)
	for _, path := range []*string{&values.Data, &values.Out} { // configs hold from any folder
		if *path, err = filepath.Abs(*path); err != nil {
			return nil, err
		}
	}
	values.Runs = filepath.Join(values.Out, "runs")
	if err := os.MkdirAll(o.Out, 0o755); err != nil {
		return nil, err
	}
	for _, c := range initConfigs {
		if c.tunes && o.BuiltIn == "" {
			continue
		}
		var text strings.Builder
		if err := c.text.Execute(&text, values); err != nil {
			return nil, fmt.Errorf("%s: %w", c.file, err)
		}
		path := filepath.Join(o.Out, c.file)
		write := atomicfile.Create
		if o.Replace {
			write = atomicfile.WriteBytes
		}
		if err := write(path, []byte(text.String())); err != nil {
			if errors.Is(err, fs.ErrExist) {
				err = &ConfigError{Err: fmt.Errorf("%s exists already", path), Hint: "-y writes over it; -o names another folder"}
			}
			return nil, err
		}
		r.Files = append(r.Files, path)
	}
	return r, nil
}

var initConfigs = []struct {
	file  string
	tunes bool // only with a built-in model
	text  *template.Template
}{
	{"fine-tune.yaml", true, initTemplate(fineTuneYAML)},
	{"teacher.yaml", false, initTemplate(teacherYAML)},
	{"student.yaml", false, initTemplate(studentYAML)},
	{"gan.yaml", false, initTemplate(ganYAML)},
}

func initTemplate(text string) *template.Template {
	return template.Must(template.New("").Funcs(template.FuncMap{"quote": quoteYAML}).Parse(text))
}

// quoteYAML writes a path as a YAML text in single quotes.
func quoteYAML(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }

const sharedYAML = `
# License of the finished weights. It depends on your data, so it is yours to state, as in CC-BY-4.0. Empty notes none.
license: ""

data:
  images: [{{quote .Data}}]
  # What the finished weights call this data.
  title: ""
  # Side of the low-resolution patches, and patches in a step. Half as many cost half the time.
  patch: 48
  batch: 8
  # Half of the windows at other sizes first, and some soft backgrounds: a small folder teaches more so.
  shrink: 0.5
  defocus: 0.1

degradation:
  # What is done to your sharp material to make the input: gaussian, aniso, bicubic, second, video, light or real (photographs and
  # video as they come: blur, noise, codecs). vsr train degrade IN OUT --sheet sheet.png shows it.
  kind: real

validate:
  every: 500
  images: 8
  # A folder of your own to validate on; empty keeps some of the files above back for it.
  images_from: []
{{- if .BuiltIn}}
  # A built-in model, measured on the same windows to compare with.
  against: {{.BuiltIn}}
{{- end}}
`

const fineTuneYAML = `# Suits the built-in model {{.BuiltIn}} to your material. It needs no teacher and is the quickest way to a model of your own:
#
#   vsr train student --config {{.Out}}/fine-tune.yaml
#   vsr run clip.mp4 --model {{.Runs}}/fine-tune/{{.Name}}-tuned.safetensors
#
# Ctrl-C stops with a checkpoint; the same line with --resume goes on. configs/train-teacher.yaml in the sources explains every key.
name: {{.Name}}-tuned
model: {{.Model}}
scale: {{.Scale}}
out: {{quote (printf "%s/fine-tune" .Runs)}}
init: {{.BuiltIn}}
teacher: ""
` + sharedYAML + `
optim:
  steps: 5000
  lr: 0.0003
  clip: 0.5
  kd_only: 0

loss:
  kd: 0
`

const teacherYAML = `# First stage of a model from nothing: the teacher, which sees the sharp original. The student learns from it.
#
#   vsr train teacher --config {{.Out}}/teacher.yaml
#
# Ctrl-C stops with a checkpoint; the same line with --resume goes on. configs/train-teacher.yaml in the sources explains every key.
name: {{.Name}}-teacher
model: {{.Model}}
scale: {{.Scale}}
out: {{quote (printf "%s/teacher" .Runs)}}
` + sharedYAML + `
optim:
  # The built-in models took ten times as many.
  steps: 10000
  clip: 0.5
  probe_only: 2000

loss:
  probe: 0.1
`

const studentYAML = `# Second stage: the student, the network that vsr run uses. It needs the teacher's weights.
#
#   vsr train student --config {{.Out}}/student.yaml
#   vsr run clip.mp4 --model {{.Runs}}/student/{{.Name}}-own.safetensors
#
name: {{.Name}}-own
model: {{.Model}}
scale: {{.Scale}}
out: {{quote (printf "%s/student" .Runs)}}
teacher: {{quote (printf "%s/teacher/%s-teacher.safetensors" .Runs .Name)}}
` + sharedYAML + `
optim:
  # The built-in models took ten times as many.
  steps: 20000
  lr: 0.0008
  clip: 0.5
  kd_only: 2000

loss:
  kd: 1
`

const ganYAML = `# Third stage, optional: the student made sharper by a discriminator. It looks crisper and scores less.
#
#   vsr train gan --config {{.Out}}/gan.yaml
#   vsr run clip.mp4 --model {{.Runs}}/gan/{{.Name}}-gan.safetensors
#
name: {{.Name}}-gan
model: {{.Model}}
scale: {{.Scale}}
out: {{quote (printf "%s/gan" .Runs)}}
# The student to start from. With loss.kd above 0 its teacher goes on guiding it.
init: {{quote (printf "%s/student/%s-own.safetensors" .Runs .Name)}}
teacher: ""
` + sharedYAML + `
optim:
  steps: 3000
  lr: 0.0001
  schedule: constant

loss:
  l1: 1
  kd: 0
  gan: 0.1
  # Perceptual loss: it needs a classification network's weights, which you supply in gan.features (VGG19 as .pth, SqueezeNet 1.1 as .onnx).
  perceptual: 0

gan:
  width: 16
  lr: 0.0001
  features: ""
`
