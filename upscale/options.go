package upscale

import (
	"errors"
	"log/slog"
	"runtime"
	"slices"
	"strings"
	"time"

	"vsr/decode"
	"vsr/encode"
	"vsr/scene"
	"vsr/sr"
	"vsr/sr/engines"
	"vsr/sr/kdsr"
	"vsr/upscale/segment"
)

// Options of a job. The YAML keys are those of `vsr run -c`. Begin with Defaults; the zero value works too, in one go and with the
// defaults of each package.
type Options struct {
	Model string `yaml:"model"` // name of a built-in model or a .safetensors file; empty chooses the best for the size
	Fast  bool   `yaml:"fast"`  // with an empty Model: a smaller network, several times faster
	// Sharpness, 0 to 1, goes from the faithful model to its sharp variant, where it has one (engines.Options.Sharpness).
	Sharpness float64 `yaml:"sharpness"`
	// Device is auto, cpu or cuda:N; empty is auto. Several, separated by commas, make segments at the same time.
	Device string `yaml:"device"`
	// Scale is 2, 3 or 4. 0 is that of Model; without one 4 for up to 540 rows as displayed, 2 for up to 1080, and an error above.
	Scale     int    `yaml:"scale"`
	Threads   int    `yaml:"threads"`   // of the CPU engine; 0 is all cores; workers share them
	Workers   int    `yaml:"workers"`   // segments made at the same time, 0 to 256; 0 is one for each device
	Precision string `yaml:"precision"` // of the CPU engine: auto or fp32; empty is auto
	ISA       string `yaml:"isa"`       // instruction set of the CPU engine; empty is the one that was measured to be the fastest here
	// Resume works in segments that a later run can continue from; they hold SegmentMin to SegmentMax frames, by default
	// segment.DefaultMin and segment.DefaultMax.
	Resume     bool  `yaml:"resume"`
	SegmentMin int64 `yaml:"segment_min"`
	SegmentMax int64 `yaml:"segment_max"`
	// Audio is copy, a codec (encode.AudioCodecs) or empty: copied where the output holds it, else converted.
	Audio encode.Audio `yaml:"audio"`
	// SquarePixels resamples the width of a video whose pixels are not square so that they are.
	SquarePixels bool           `yaml:"square_pixels"`
	Repeatable   bool           `yaml:"repeatable"` // the same input gives the same file, bit by bit
	Decode       decode.Options `yaml:"decode"`
	Scene        scene.Options  `yaml:"scene"`
	SR           sr.Options     `yaml:"sr"`
	Encode       encode.Options `yaml:"encode"`
	// Degradation is scene (one estimate a scene), lock (one for the whole video) or file: and the name of a scenes file or of an
	// earlier report; empty is scene. Sliders change the estimates.
	Degradation  string `yaml:"degradation"`
	kdsr.Sliders `yaml:",inline"`
	// Scenes, when not nil, are what people have set for scenes (SceneFile.Scenes), by rising first frame.
	Scenes []SceneEntry `yaml:"-"`

	// Place, with an empty Output, is given the default name of the output, which lies beside the input, and returns the one to use. Its error ends
	// Open. Nil takes the default.
	Place func(name string) (string, error) `yaml:"-"`
	// Container is the format of an Output on standard output: one of encode.StreamFormats. Empty is y4m if the input is such a stream, else nut.
	Container string `yaml:"-"`
	Output    string `yaml:"-"` // file to write, - for standard output; empty is the input's stem with the scale, beside the input
	Replace   bool   `yaml:"-"` // replace the output if it exists
	Restart   bool   `yaml:"-"` // throw away the segments of an earlier run
	Program   string `yaml:"-"` // version of the calling program: part of the report and of the job's identity

	// KeepAfter is how long a segment may take before its frames are kept as they are computed: about the work that a crash
	// costs at most. 0 is 20 s. Frames that stay in a GPU's memory are not kept.
	KeepAfter time.Duration `yaml:"-"`

	// CheckLimit is how long Device auto may check a GPU that it does not know; 0 is 30 s.
	CheckLimit time.Duration `yaml:"-"`

	// Stop, when it is closed, ends the job softly: see ErrStopped. Nil never does.
	Stop <-chan struct{} `yaml:"-"`
	// Events is called with what the job has to say, one event at a time. Nil ignores them.
	Events func(Event)  `yaml:"-"`
	Logger *slog.Logger `yaml:"-"` // nil discards
}

// Defaults returns the options that `vsr run` begins with: x264, resumable, on the best device.
func Defaults() Options {
	return Options{Device: "auto", Precision: "auto", Resume: true, SegmentMin: segment.DefaultMin, SegmentMax: segment.DefaultMax,
		Decode: decode.Options{RGB: true}, Scene: scene.Options{}.Defaults(), Degradation: DegradationScene, SR: sr.Options{Frames: 8}, Encode: encode.Options{Codec: "x264", KeyframeSeconds: 10}}
}

// AudioCodecs lists the codecs that Options.Audio may name.
func AudioCodecs() []string { return encode.AudioCodecs() }

// Quality is a level of quality that means about the same with every codec.
type Quality = encode.Quality

// SetQuality sets Encode.CRF to what level means with Encode.Codec. Errors are of kind Usage.
func (o *Options) SetQuality(level Quality) error {
	crf, err := level.CRF(o.Encode.Codec)
	if err != nil {
		return &Error{Kind: Usage, Err: err, Hint: requestHint(err)}
	}
	o.Encode.CRF = crf
	return nil
}

// requestHint is the hint of what package encode refuses.
func requestHint(err error) string {
	var request *encode.RequestError
	if errors.As(err, &request) {
		return request.Hint
	}
	return ""
}

// CRFZero is the codec's own 0, for Options.Encode.CRF.
const CRFZero = encode.CRFZero

// CodecHelp lists the codecs with their other names, as in: x264 (h264, avc); x265 (hevc).
func CodecHelp() string {
	list := encode.Codecs()
	for i, c := range list {
		if other := encode.Aliases(c); len(other) > 0 {
			list[i] = c + " (" + strings.Join(other, ", ") + ")"
		}
	}
	return strings.Join(list, "; ")
}

// Validate reports the first value that cannot be right, as an *Error of kind Usage.
func (o *Options) Validate() error {
	list := strings.Split(o.Device, ",")
	for _, device := range list {
		if _, _, err := engines.ParseDevice(device); err != nil {
			return err
		}
	}
	lo, hi := o.segmentLengths()
	switch {
	case o.Workers < 0 || o.Workers > 256:
		return usageError("", "workers %d: want 0 to 256", o.Workers)
	case o.Workers > 0 && o.Workers < len(list):
		return usageError("", "%d devices for %d workers", len(list), o.Workers)
	case o.Scale != 0 && (o.Scale < 2 || o.Scale > 4):
		return usageError("Options.SR.Height reaches any size", "scale %d: want 2, 3 or 4", o.Scale)
	case o.Scale != 0 && o.SR.Height != 0:
		return usageError("", "scale and height exclude each other")
	case o.Container != "" && !slices.Contains(encode.StreamFormats(), o.Container):
		return usageError("known are "+strings.Join(encode.StreamFormats(), ", "), "unknown format %s", o.Container)
	case o.Threads < 0:
		return usageError("", "threads %d: want 0 or more", o.Threads)
	case lo < 1 || hi < lo || hi > 1<<20:
		return usageError("", "segments of %d to %d frames: want 1 <= segment_min <= segment_max <= %d", lo, hi, 1<<20)
	case !(o.Sharpness >= 0 && o.Sharpness <= 1):
		return usageError("", "sharpness %g: want 0 to 1", o.Sharpness)
	case o.Precision != "" && o.Precision != "auto" && o.Precision != "fp32":
		return usageError("", "precision %q: want auto or fp32", o.Precision)
	}
	if err := o.validateDegradation(); err != nil {
		return err
	}
	for _, err := range []error{o.Audio.Validate(), o.Decode.Validate(), o.Scene.Validate(), o.SR.Validate(), o.Encode.Validate()} {
		if err != nil {
			return &Error{Kind: Usage, Err: err, Hint: requestHint(err)}
		}
	}
	return nil
}

// segmentLengths are SegmentMin and SegmentMax, or their defaults.
func (o *Options) segmentLengths() (lo, hi int64) {
	lo, hi = o.SegmentMin, o.SegmentMax
	if o.edited() {
		lo = 1
	}
	if lo == 0 {
		lo = segment.DefaultMin
	}
	if hi == 0 {
		hi = max(segment.DefaultMax, lo)
	}
	return lo, hi
}

// devices lists the workers' devices, one for each worker.
func (o *Options) devices() []string {
	named := strings.Split(o.Device, ",")
	list := named
	for len(list) < o.Workers {
		list = append(list, named[len(list)%len(named)])
	}
	return list
}

// threadsOf is how many threads each worker on the CPU gets of those there are; 0 means all, for one worker.
func (o *Options) threadsOf(devices []string) int {
	if len(devices) < 2 {
		return o.Threads
	}
	onCPU := 0
	for _, d := range devices {
		if kind, _, _ := engines.ParseDevice(d); kind != "cuda" {
			onCPU++
		}
	}
	all := o.Threads
	if all == 0 {
		all = runtime.NumCPU()
	}
	return max(all/max(onCPU, 1), 1)
}

// factor is how much larger the frames are to become.
func (o *Options) factor(height int) float64 {
	switch {
	case o.SR.Height > 0:
		return float64(o.SR.Height) / float64(height)
	case o.Scale > 0:
		return float64(o.Scale)
	}
	return 4
}

// engine returns what engines.Open needs for a device.
func (o *Options) engine(device string, height, threads int) engines.Options {
	return engines.Options{Model: o.Model, Fast: o.Fast, Sharpness: o.Sharpness, Device: device, Factor: o.factor(height), Threads: threads, Precision: o.Precision, ISA: o.ISA,
		Program: o.Program, CheckLimit: o.CheckLimit, Logger: o.Logger}
}

// stopped reports whether Stop is closed.
func (o *Options) stopped() bool {
	select {
	case <-o.Stop:
		return true
	default:
		return false
	}
}
