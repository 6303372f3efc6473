package upscale

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/goccy/go-yaml"

	"vsr/internal/atomicfile"
	"vsr/sr/kdsr"
)

// maxSceneFile is the largest scenes file in bytes.
const maxSceneFile = 16 << 20

// SceneFile is a list of cuts that people can edit: `vsr scenes --edit` writes it, `vsr run --scenes` takes it.
type SceneFile struct {
	SchemaVersion int          `yaml:"schema_version"`
	Input         string       `yaml:"input"` // for the reader
	Scenes        []SceneEntry `yaml:"scenes"`
}

// SceneEntry is one scene. It ends where the next begins.
type SceneEntry struct {
	FirstFrame int64  `yaml:"first_frame"` // from 0, in the part of the video that is upscaled
	Blur       Amount `yaml:"blur"`        // pixels of the input
	Noise      Amount `yaml:"noise"`       // 8-bit code values
	CRF        Amount `yaml:"crf"`
	// The sliders of this scene; nil is that of the run.
	Deblur     *float64  `yaml:"deblur,omitempty"`
	Denoise    *float64  `yaml:"denoise,omitempty"`
	Decompress *float64  `yaml:"decompress,omitempty"`
	Note       string    `yaml:"note"`          // for the reader
	Vector     []float32 `yaml:"idr,omitempty"` // of an earlier report, in place of an estimate
}

// Amount is a trait of a degradation that a person has set; nil is as estimated, "auto" in the file.
type Amount struct{ Value *float64 }

// UnmarshalYAML reads a number or auto.
func (a *Amount) UnmarshalYAML(text []byte) error {
	s := strings.Trim(strings.TrimSpace(string(text)), `"'`)
	if s == "auto" || s == "" {
		a.Value = nil
		return nil
	}
	v, err := strconv.ParseFloat(s, 64)
	if err != nil {
		return fmt.Errorf("%q: want auto or a number", s)
	}
	a.Value = &v
	return nil
}

// MarshalYAML writes what UnmarshalYAML reads.
func (a Amount) MarshalYAML() ([]byte, error) {
	if a.Value == nil {
		return []byte("auto"), nil
	}
	return strconv.AppendFloat(nil, *a.Value, 'g', -1, 64), nil
}

// fixed is what is set of the traits.
func (e *SceneEntry) fixed() kdsr.Fixed {
	return kdsr.Fixed{Blur: e.Blur.Value, Noise: e.Noise.Value, CRF: e.CRF.Value}
}

// sliders are those of the scene, where the run's are given.
func (e *SceneEntry) sliders(s kdsr.Sliders) kdsr.Sliders {
	if e.Deblur != nil {
		s.Deblur = *e.Deblur
	}
	if e.Denoise != nil {
		s.Denoise = *e.Denoise
	}
	if e.Decompress != nil {
		s.Decompress = *e.Decompress
	}
	return s
}

// set reports whether anything is set: an entry may only be there for its cut.
func (e *SceneEntry) set() bool {
	return e.fixed() != (kdsr.Fixed{}) || e.Deblur != nil || e.Denoise != nil || e.Decompress != nil || e.Vector != nil
}

func (e *SceneEntry) validate() error {
	if err := e.fixed().Validate(); err != nil {
		return err
	}
	for _, x := range e.Vector {
		if math.IsNaN(float64(x)) || math.IsInf(float64(x), 0) {
			return errors.New("idr: want numbers")
		}
	}
	return e.sliders(kdsr.Sliders{}).Validate()
}

// CreateSceneFile writes the list as a scenes file that is not there yet: a person may have worked on the one that is.
func (l *SceneList) CreateSceneFile(path string) error {
	var text bytes.Buffer
	if err := l.WriteSceneFile(&text); err != nil {
		return err
	}
	err := atomicfile.Create(path, text.Bytes())
	if errors.Is(err, fs.ErrExist) {
		return &Error{Kind: Output, Err: err, Hint: "remove it or name another: it may hold corrections"}
	}
	return OutputError(err)
}

// WriteSceneFile writes the list as a scenes file, with a comment of times beside each scene.
func (l *SceneList) WriteSceneFile(out io.Writer) error {
	name, err := yaml.Marshal(l.Input)
	if err != nil {
		return err
	}
	var b strings.Builder
	fmt.Fprintf(&b, "# Scenes of a video. A scene ends where the next begins: remove a cut with its line, or add one.\n"+
		"# Frames count from 0. The degradation of each scene is estimated (auto), or set: blur in pixels of the input, noise in 8-bit code\n"+
		"# values, crf as x264's. deblur, denoise and decompress, from -1 to 1, may stand beside them and move the scene's estimate.\nschema_version: %d\ninput: %sscenes:\n", SceneListVersion, name)
	for _, s := range l.Scenes {
		fmt.Fprintf(&b, "  - {first_frame: %d, blur: auto, noise: auto, crf: auto, note: \"\"} # %d frames from %s%s\n", s.FirstFrame, s.Frames, clock(s.Start), s.inWords())
	}
	_, err = io.WriteString(out, b.String())
	return err
}

// ReadSceneFile reads and checks a scenes file.
func ReadSceneFile(path string) (*SceneFile, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, blame(Usage, "SceneList.WriteSceneFile writes one", err)
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxSceneFile+1))
	if err != nil {
		return nil, blame(Usage, "", err)
	}
	if len(text) > maxSceneFile {
		return nil, usageError("", "%s is larger than %d bytes", path, maxSceneFile)
	}
	s := &SceneFile{}
	if err := yaml.NewDecoder(bytes.NewReader(text), yaml.Strict()).Decode(s); err != nil {
		return nil, usageError("SceneList.WriteSceneFile writes one", "%s: %s", path, strings.SplitN(err.Error(), "\n", 2)[0])
	}
	if s.SchemaVersion != SceneListVersion {
		return nil, usageError("", "%s: schema_version %d, this program reads %d", path, s.SchemaVersion, SceneListVersion)
	}
	if len(s.Scenes) == 0 || s.Scenes[0].FirstFrame != 0 {
		return nil, usageError("", "%s: the first scene must begin at frame 0", path)
	}
	for i := 1; i < len(s.Scenes); i++ {
		if a, b := s.Scenes[i-1].FirstFrame, s.Scenes[i].FirstFrame; b <= a {
			return nil, usageError("", "%s: scene %d begins at frame %d, the one before it at %d", path, i+1, b, a)
		}
	}
	for i, e := range s.Scenes {
		if err := e.validate(); err != nil {
			return nil, usageError("", "%s: scene %d: %w", path, i+1, err)
		}
	}
	return s, nil
}

// Cuts lists the first frames of all scenes but the first, for scene.Options.
func (s *SceneFile) Cuts() []int64 {
	cuts := make([]int64, 0, len(s.Scenes)) // not nil: one scene is a list, too
	for _, e := range s.Scenes[1:] {
		cuts = append(cuts, e.FirstFrame)
	}
	return cuts
}

// joinScenes writes the first frames of all scenes as text, the first among them: empty means that nothing was given.
func joinScenes(cuts []int64) string {
	if cuts == nil {
		return ""
	}
	text := []byte{'0'}
	for _, at := range cuts {
		text = strconv.AppendInt(append(text, ','), at, 10)
	}
	return string(text)
}

// splitScenes is the inverse of joinScenes. What is no number gives a cut that scene.Options refuses.
func splitScenes(text string) []int64 {
	if text == "" {
		return nil
	}
	cuts := []int64{}
	for _, s := range strings.Split(text, ",")[1:] {
		at, err := strconv.ParseInt(s, 10, 64)
		if err != nil {
			at = 0
		}
		cuts = append(cuts, at)
	}
	return cuts
}

// joinValues writes what is set for scenes as text, empty if nothing is.
func joinValues(list []SceneEntry) string {
	if !slices.ContainsFunc(list, func(e SceneEntry) bool { return e.set() }) {
		return ""
	}
	bare := slices.Clone(list)
	for i := range bare {
		bare[i].Note = ""
	}
	text, err := json.Marshal(bare)
	if err != nil {
		panic(err) // ReadSceneFile and ReadReport let nothing in that JSON cannot hold
	}
	return string(text)
}

// splitValues is the inverse of joinValues. What is not of it gives nothing: a plan's name would not fit then.
func splitValues(text string) []SceneEntry {
	var list []SceneEntry
	if text == "" || json.Unmarshal([]byte(text), &list) != nil {
		return nil
	}
	return list
}
