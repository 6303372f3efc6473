package kdsr

import (
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
)

// Tensor is a dense float32 array in row-major order.
type Tensor struct {
	Shape []int
	Data  []float32
}

// Weights is one trained network.
type Weights struct {
	Config Config
	Role   Role // Student when empty
	// Tensors holds the parameters by the names of Config.Schema.
	Tensors map[string]Tensor
	// Meta is what the weights file says beside the numbers; see the Meta constants for the keys that vsr writes.
	Meta map[string]string
}

// Keys of Weights.Meta. All values are plain text, any may be absent.
const (
	MetaName        = "name"          // short name of the model
	MetaDegradation = "degradation"   // what the training images were degraded with
	MetaData        = "training_data" // what it was trained on
	MetaSteps       = "steps"         // training steps
	MetaScores      = "scores"        // measured quality
	MetaLicence     = "licence"
	MetaParent      = "parent" // Hash of the weights that training started from
	// MetaPrecision is what a file asks for whose network loses too much in half precision: more than one sample in a thousand of
	// the 8-bit output off by more than one level. "fp32" is float32 everywhere, "last:N" bfloat16 in all but the last N
	// convolutions before the tail: G.body.1, then the blocks from the last. Engines obey where the user leaves them the choice.
	MetaPrecision = "precision"
)

// LastExact is how many convolutions before the tail MetaPrecision wants in float32: 0 to N+1, which is all of them. What it
// cannot read counts as all.
func (w *Weights) LastExact() int {
	text, ok := w.Meta[MetaPrecision]
	if !ok {
		return 0
	}
	last, ok := strings.CutPrefix(text, "last:")
	n, err := strconv.ParseUint(last, 10, 16)
	if !ok || err != nil {
		return w.Config.N + 1
	}
	return min(int(n), w.Config.N+1)
}

// SetPrecision writes MetaPrecision: fp32, last:N with N from 1, or auto, which takes it away. Empty leaves it as it is.
func (w *Weights) SetPrecision(text string) error {
	last, counted := strings.CutPrefix(text, "last:")
	n, err := strconv.ParseUint(last, 10, 16)
	switch {
	case text == "":
	case text == "auto":
		delete(w.Meta, MetaPrecision)
	case text == "fp32", counted && err == nil && n > 0:
		w.Meta[MetaPrecision] = text
	default:
		return fmt.Errorf("kdsr: precision %q: want fp32, last:N or auto", text)
	}
	return nil
}

// WeightsError lists everything in a weights file that does not fit the network, all at once.
type WeightsError struct {
	Missing  []string // names that the network needs
	Extra    []string // names that it does not know
	Mismatch []string // wrong shape, wrong number of values, not a number, or a frozen tensor with another value
}

// Error lists all mismatches, one a line after the first line.
func (e *WeightsError) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "kdsr: weights do not fit the network: %d missing, %d extra, %d wrong",
		len(e.Missing), len(e.Extra), len(e.Mismatch))
	for _, part := range []struct {
		word string
		list []string
	}{{"missing", e.Missing}, {"extra", e.Extra}, {"wrong", e.Mismatch}} {
		for _, s := range part.list {
			fmt.Fprintf(&b, "\n  %s %s", part.word, s)
		}
	}
	return b.String()
}

// Check compares the tensors with the schema. The error is a *WeightsError, or says that the config is not valid.
func (w *Weights) Check() error {
	params, err := w.Config.Schema(w.Role)
	if err != nil {
		return err
	}
	return w.check(params, Param.mismatch)
}

// check compares names with the schema, and each tensor by the given function.
func (w *Weights) check(params []Param, mismatch func(Param, Tensor) string) error {
	var e WeightsError
	known := make(map[string]bool, len(params))
	for _, p := range params {
		known[p.Name] = true
		t, ok := w.Tensors[p.Name]
		if !ok {
			e.Missing = append(e.Missing, fmt.Sprintf("%s %v", p.Name, p.Shape))
		} else if why := mismatch(p, t); why != "" {
			e.Mismatch = append(e.Mismatch, p.Name+" "+why)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(w.Tensors)) {
		if !known[name] {
			e.Extra = append(e.Extra, fmt.Sprintf("%s %v", name, w.Tensors[name].Shape))
		}
	}
	if len(e.Missing)+len(e.Extra)+len(e.Mismatch) > 0 {
		return &e
	}
	return nil
}

// misshapen says that the shape of t is another, or nothing.
func (p Param) misshapen(t Tensor) string {
	if slices.Equal(p.Shape, t.Shape) {
		return ""
	}
	return fmt.Sprintf("has shape %v, want %v", t.Shape, p.Shape)
}

// mismatch says what is wrong with t, or nothing.
func (p Param) mismatch(t Tensor) string {
	if why := p.misshapen(t); why != "" {
		return why
	}
	if len(t.Data) != p.Shape.Size() {
		return fmt.Sprintf("has %d values for shape %v", len(t.Data), t.Shape)
	}
	for i, v := range t.Data {
		if math.IsNaN(float64(v)) || math.IsInf(float64(v), 0) {
			return fmt.Sprintf("is %v at index %d", v, i)
		}
	}
	if p.Frozen {
		for i, want := range frozen(p.Name) {
			if math.Abs(float64(t.Data[i]-want)) > 1e-4 {
				return fmt.Sprintf("is %v at index %d, want %v: images in [0,1] with the DIV2K mean", t.Data[i], i, want)
			}
		}
	}
	return ""
}

// frozen returns the values of a mean-shift tensor.
func frozen(name string) []float32 {
	sign := float32(1)
	if strings.HasPrefix(name, "G.sub_mean") {
		sign = -1
	}
	if strings.HasSuffix(name, ".weight") {
		return []float32{1, 0, 0, 0, 1, 0, 0, 0, 1}
	}
	return []float32{sign * Mean[0], sign * Mean[1], sign * Mean[2]}
}

// RandomWeights returns an untrained student. The published sizes get PyTorch's default initialisation: weights and biases
// uniform within 1/sqrt(fan in). With it a signal shrinks to six tenths in every layer of the estimator, so that D is hardly
// more than its biases and tells degradations apart only after very long training. Our own sizes, trained for hours, begin
// with an estimator that keeps the signal's variance (He et al. 2015, for the slope of our LeakyReLU) and biases of 0.
// The same seed gives the same values on every machine.
func RandomWeights(c Config, seed uint64) (*Weights, error) { return random(c, Student, seed) }

// RandomTeacher is RandomWeights for the teacher.
func RandomTeacher(c Config, seed uint64) (*Weights, error) { return random(c, Teacher, seed) }

func isEstimator(name string) bool {
	return strings.HasPrefix(name, "E_st.") || strings.HasPrefix(name, "E.")
}

// isBlockConv reports whether a tensor belongs to the convolution that ends an IDR-DCRB.
func isBlockConv(name string) bool {
	block, rest := blockOf(name)
	return block >= 0 && strings.HasPrefix(rest, ".conv1.")
}

func random(c Config, role Role, seed uint64) (*Weights, error) {
	params, err := c.Schema(role)
	if err != nil {
		return nil, err
	}
	w := &Weights{Config: c, Role: role, Tensors: make(map[string]Tensor, len(params)), Meta: map[string]string{}}
	rng := rand.New(rand.NewPCG(seed, 0x6b647372))
	bound := 0.0
	for _, p := range params {
		data := make([]float32, p.Shape.Size())
		w.Tensors[p.Name] = Tensor{slices.Clone(p.Shape), data}
		if p.Frozen {
			copy(data, frozen(p.Name))
			continue
		}
		if len(p.Shape) > 1 { // the bias follows its weight and shares the bound
			bound = fanInBound(p.Shape)
		}
		if c.Tail == TailDirect && isEstimator(p.Name) {
			if len(p.Shape) == 1 {
				continue
			}
			bound = fanInBound(p.Shape) * math.Sqrt(6/(1+Slope*Slope))
		}
		if b := bound; c.Kernels == KernelsBounded && isBlockConv(p.Name) {
			b /= math.Sqrt(float64(c.N)) // the blocks' sum has the variance of one, whatever their number
			for i := range data {
				data[i] = float32((2*rng.Float64() - 1) * b)
			}
			continue
		}
		for i := range data {
			data[i] = float32((2*rng.Float64() - 1) * bound)
		}
	}
	return w, nil
}
