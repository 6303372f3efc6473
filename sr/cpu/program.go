package cpu

import (
	"fmt"
	"strings"
	"time"

	"vsr/media"
	"vsr/sr/kdsr"
)

// program is a plan for one format, and what comes after its last frame.
type program struct {
	format media.Format
	plan   *plan
	nodes  []*node // the vector nodes of Estimate, in order, beginning with the pool
	e      *Engine
	sums   []float64 // [H,C], of the pool
	pixels int
}

// builder turns frame nodes into steps of a plan.
type builder interface {
	// frame adds the steps of n for a frame of w x h pixels.
	frame(n *node, w, h int)
	// pool adds the step that sums the rows of the map of n; it returns where the sums will be, [H,C], and the pixels.
	pool(n *node) (sums []float64, pixels int)
	// tail adds the steps of the collapsed official tail over the map of x; its result becomes the map of y.
	tail(x, y *node)
	// output adds the step that writes the map of n to the frame.
	output(n *node, f media.Format)
}

// mixed reports whether Upscale keeps maps in half precision.
func (e *Engine) mixed() bool { return e.frames != nil && e.opts.Precision == PrecisionAuto }

// newPlan returns an empty plan and what fills it. exact asks for float32 whatever the options say.
func (e *Engine) newPlan(exact bool) (*plan, builder) {
	p := &plan{pool: e.pool, times: &e.stages}
	if e.frames != nil {
		half := !exact && e.mixed()
		return p, newFastBuilder(p, e, half, half && e.opts.ISA == "avx512bf16")
	}
	return p, &plainBuilder{p: p, e: e, maps: map[*node]*fmap{}}
}

// estimateMemory is for the maps of Estimate, which are in single precision: more would not make it faster, and its memory is that of
// Upscale, which needs less for most frames.
const estimateMemory = 256 << 20

func (e *Engine) buildEstimate(f media.Format) (*program, error) {
	nodes, err := recordEstimate(e.w.Config)
	if err != nil {
		return nil, err
	}
	p, b := e.newPlan(true) // it runs once for a scene, and all its frames depend on it
	g := &program{format: f, plan: p, e: e}
	for i, n := range nodes {
		if n.op == opPool {
			g.sums, g.pixels = b.pool(n.x)
			g.nodes = nodes[i:]
			break
		}
		b.frame(n, f.Width, f.Height)
	}
	for _, s := range p.steps {
		s.stage = StageEstimate
	}
	return g, p.layout(min(e.opts.MaxMemory, estimateMemory))
}

func (e *Engine) buildUpscale(f media.Format) (*program, error) { return e.buildUpscaleIn(f, false) }

func (e *Engine) buildUpscaleIn(f media.Format, exact bool) (*program, error) {
	nodes, err := recordUpscale(e.w.Config)
	if err != nil {
		return nil, err
	}
	p, b := e.newPlan(exact)
	p.slanted = true
	collapse := e.tail != nil && (e.frames != nil || !e.fullTail)
	var before *node // what goes into the tail
	for _, n := range nodes {
		inTail := before != nil && n.op != opShift && n.op != opAdd && n.op != opEnlarge
		switch {
		case collapse && strings.HasPrefix(n.name, "G.tail.0.0"):
			before = n.x
		case collapse && n.name == "G.tail.1":
			b.tail(before, n)
			before = nil
		case collapse && inTail:
		default:
			b.frame(n, f.Width, f.Height)
		}
	}
	b.output(nodes[len(nodes)-1], f)
	return &program{format: f, plan: p, e: e}, p.layout(e.opts.MaxMemory)
}

// vector computes what comes after the pool: D. The sums are added row by row, so neither bands nor threads change it.
func (g *program) vector() ([]float32, error) {
	c := g.nodes[0].c
	mean := make([]float64, c)
	for i, v := range g.sums {
		mean[i%c] += v
	}
	v := make([]float32, c)
	for i := range v {
		v[i] = float32(mean[i] / float64(g.pixels))
	}
	b := &kdsr.Vectors{Weights: g.e.w}
	for _, n := range g.nodes[1:] {
		if n.op != opLinear {
			return nil, fmt.Errorf("cpu: operator %d after the pool", n.op)
		}
		v = b.Linear(v, n.name, n.c, n.bias, n.lrelu)
	}
	return v, b.Err()
}

// Stage is a part of the work on a frame.
type Stage int

// The stages of Stats.Stages, in the order of the network.
const (
	StageInput    Stage = iota // YUV to RGB
	StageHead                  // mean shift and first convolution
	StageBlocks                // IDR-DCRBs
	StageTail                  // last convolutions, PixelShuffle, frame skip
	StageOutput                // RGB to YUV
	StageEstimate              // the degradation estimator's frames
	stages
)

// String names the stage as Bench reports it.
func (s Stage) String() string {
	return [...]string{"input", "head", "blocks", "tail", "output", "estimate"}[s]
}

func stageOf(name string) Stage {
	switch {
	case strings.HasPrefix(name, "G.head"):
		return StageHead
	case strings.HasPrefix(name, "G.body.0"):
		return StageBlocks
	case strings.HasPrefix(name, "G."):
		return StageTail
	}
	return StageEstimate
}

// Stats counts what an engine has done since it was made.
type Stats struct {
	Frames   int64   // frames upscaled, repeated ones included
	Repeated int64   // frames that were copies of the frame before
	Reused   float64 // what was taken from the frame before instead of computed, in frames: repeated ones and parts of others
	// Exact counts the frames that PrecisionAuto has computed in float32, because half precision could not hold their numbers.
	Exact     int64
	Estimates int64
	Modulates int64

	Estimate, Modulate, Upscale time.Duration           // wall time of all calls, successful ones only
	Stages                      map[Stage]time.Duration // the parts of Estimate and Upscale
}

// Stats returns the counts so far. Like every method, it must not be called while another one runs.
func (e *Engine) Stats() Stats {
	s := e.stats
	s.Stages = map[Stage]time.Duration{}
	for i, d := range e.stages {
		s.Stages[Stage(i)] = d
	}
	return s
}

// Saved implements sr.Saver.
func (e *Engine) Saved() (reused float64, exact int64) { return e.stats.Reused, e.stats.Exact }

// plainConv is a convolution as the plain path wants it: weights [ky][kx][in][out] and bias [out].
type plainConv struct{ w, bias []float32 }

// plainWeights returns the 3x3 convolution of that name.
func (e *Engine) plainWeights(name string) (w, bias []float32) {
	c, ok := e.plain[name]
	if !ok {
		t := e.w.Tensors[name+".weight"]
		c = plainConv{turn(t.Data, t.Shape[0], t.Shape[1], 9), e.w.Tensors[name+".bias"].Data}
		e.plain[name] = c
	}
	return c.w, c.bias
}

// plainTail returns the 5x5 convolution that the collapsed tail is at these edges.
func (e *Engine) plainTail(edges kdsr.Edges) plainConv {
	c, ok := e.tails[edges]
	if !ok {
		w, bias := e.tail.Kernel(edges)
		c = plainConv{turn(w, e.tail.Out, e.tail.C, 25), bias}
		e.tails[edges] = c
	}
	return c
}

// turn makes [taps][in][out] of [out][in][taps].
func turn(w []float32, out, in, taps int) []float32 {
	t := make([]float32, len(w))
	for o := range out {
		for i := range in {
			for k := range taps {
				t[(k*in+i)*out+o] = w[(o*in+i)*taps+k]
			}
		}
	}
	return t
}
