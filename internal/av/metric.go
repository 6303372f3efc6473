package av

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	astiav "github.com/asticode/go-astiav"

	"vsr/media"
)

// ErrNoFilter means that this FFmpeg was built without the filter.
var ErrNoFilter = errors.New("this FFmpeg is built without")

// Metric compares two videos frame by frame with one of FFmpeg's filters. Only luma goes in, as code values, at 8 bits, or at
// 10 if one of the first two frames has more; chroma is flat. It is used by one goroutine at a time. Memory is bounded, but for the filter's own log:
// some hundred bytes a frame.
type Metric struct {
	kind   metricKind
	folder string
	graph  *metricGraph
	pairs  int
}

// metricKind is a filter that takes two videos, output first, and writes its numbers into a file when it is closed.
type metricKind struct {
	filter  string
	options func(log string) string // of the filter; log is the file's name, escaped
	read    func(log []byte) ([]float64, error)
}

// vmaf is libvmaf with its default model, vmaf_v0.6.1. FFmpeg 5.1's filter leaves no metadata on its frames: the log has the numbers.
var vmaf = metricKind{"libvmaf", func(log string) string {
	return fmt.Sprintf("log_fmt=json:log_path=%s:n_threads=%d", log, min(runtime.NumCPU(), 8))
}, readVMAF}

// NewVMAF returns a Metric that gives VMAF scores, 0 to 100, or an error that wraps ErrNoFilter. Close it.
func NewVMAF() (*Metric, error) { return newMetric(vmaf) }

func newMetric(k metricKind) (*Metric, error) {
	NewLog(nil, "") // libvmaf would print its score
	if !HasFilter(k.filter) {
		return nil, fmt.Errorf("%w %s", ErrNoFilter, k.filter)
	}
	folder, err := os.MkdirTemp("", "vsr-metric-")
	if err != nil {
		return nil, err
	}
	return &Metric{kind: k, folder: folder}, nil
}

// Add measures a frame against the true one. Both, and those of all calls, must have one size.
func (m *Metric) Add(out, ref *media.Frame) error {
	if out.Width != ref.Width || out.Height != ref.Height {
		return fmt.Errorf("%s: a frame of %dx%d against one of %dx%d", m.kind.filter, out.Width, out.Height, ref.Width, ref.Height)
	}
	if m.graph == nil {
		depth := 8
		if out.Depth > 8 || ref.Depth > 8 {
			depth = 10
		}
		g, err := openMetricGraph(m.kind.filter+"="+m.kind.options(filterEscape(m.log())), out.Width, out.Height, depth)
		if err != nil {
			return fmt.Errorf("%s: %w", m.kind.filter, err)
		}
		m.graph = g
	}
	if err := m.graph.add(out, ref, int64(m.pairs)); err != nil {
		return fmt.Errorf("%s: %w", m.kind.filter, err)
	}
	m.pairs++
	return nil
}

func (m *Metric) log() string { return filepath.Join(m.folder, "log") }

// Scores ends the filter and returns one number for each call of Add. It may be called once.
func (m *Metric) Scores() ([]float64, error) {
	if m.graph == nil {
		return nil, nil
	}
	err := m.graph.finish()
	m.graph = nil
	if err != nil {
		return nil, fmt.Errorf("%s: %w", m.kind.filter, err)
	}
	text, err := os.ReadFile(m.log())
	if err != nil {
		return nil, fmt.Errorf("%s has written no numbers: %w", m.kind.filter, err)
	}
	scores, err := m.kind.read(text)
	if err == nil && len(scores) != m.pairs {
		err = fmt.Errorf("%d numbers for %d frames", len(scores), m.pairs)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", m.kind.filter, err)
	}
	return scores, nil
}

// Close ends the filter and removes what it has written. It may be called twice.
func (m *Metric) Close() error {
	if m.graph != nil {
		m.graph.free()
		m.graph = nil
	}
	return os.RemoveAll(m.folder)
}

// readVMAF reads libvmaf's log in JSON: frames, each with its number and metrics, one of which is vmaf.
func readVMAF(text []byte) ([]float64, error) {
	var log struct {
		Frames []struct {
			Number  int                `json:"frameNum"`
			Metrics map[string]float64 `json:"metrics"`
		} `json:"frames"`
	}
	if err := json.Unmarshal(text, &log); err != nil {
		return nil, fmt.Errorf("its log: %w", err)
	}
	scores := make([]float64, 0, len(log.Frames))
	for i, f := range log.Frames {
		v, ok := f.Metrics["vmaf"]
		if !ok || f.Number != i {
			return nil, fmt.Errorf("its log has no vmaf for frame %d", i)
		}
		scores = append(scores, v)
	}
	return scores, nil
}

// filterEscape makes a value of an option fit into the description of a graph: once for the option's parser, then once for the
// graph's (FFmpeg's manual, "Notes on filtergraph escaping").
func filterEscape(s string) string {
	once := func(special string) {
		var b strings.Builder
		for _, c := range []byte(s) {
			if strings.IndexByte(special, c) >= 0 {
				b.WriteByte('\\')
			}
			b.WriteByte(c)
		}
		s = b.String()
	}
	once(`\':`)
	once(`\'[],; ` + "\t\n")
	return s
}

// metricGraph is two sources, the filter, and a sink that is emptied.
type metricGraph struct {
	graph   *astiav.FilterGraph
	in      [2]*astiav.FilterContext
	out     *astiav.FilterContext
	frame   *astiav.Frame
	pixels  astiav.PixelFormat
	w, h    int
	depth   int
	scratch Frame
}

func openMetricGraph(filter string, w, h, depth int) (g *metricGraph, err error) {
	g = &metricGraph{graph: astiav.AllocFilterGraph(), frame: astiav.AllocFrame(), w: w, h: h, depth: depth, pixels: astiav.PixelFormatYuv420P}
	defer func() {
		if err != nil {
			g.free()
		}
	}()
	if depth > 8 {
		g.pixels, _ = FindPixels("yuv420p10le")
	}
	g.graph.SetThreadCount(1)
	args := astiav.FilterArgs{"video_size": fmt.Sprintf("%dx%d", w, h), "pix_fmt": g.pixels.String(), "time_base": "1/25", "pixel_aspect": "1/1"}
	for i, name := range []string{"output", "reference"} {
		if g.in[i], err = g.graph.NewFilterContext(astiav.FindFilterByName("buffer"), name, args); err != nil {
			return nil, Err(err)
		}
	}
	if g.out, err = g.graph.NewFilterContext(astiav.FindFilterByName("buffersink"), "end", nil); err != nil {
		return nil, Err(err)
	}
	sources, second, sinks := astiav.AllocFilterInOut(), astiav.AllocFilterInOut(), astiav.AllocFilterInOut()
	sources.SetNext(second) // and is freed with it
	defer sources.Free()
	defer sinks.Free()
	sources.SetName("output")
	sources.SetFilterContext(g.in[0])
	second.SetName("reference")
	second.SetFilterContext(g.in[1])
	sinks.SetName("end")
	sinks.SetFilterContext(g.out)
	err = Explain(func() error {
		if err := g.graph.Parse("[output][reference]"+filter+"[end]", sinks, sources); err != nil {
			return err
		}
		return g.graph.Configure()
	})
	return g, err
}

// add hands in a pair with time n.
func (g *metricGraph) add(out, ref *media.Frame, n int64) error {
	if out.Width != g.w || out.Height != g.h {
		return fmt.Errorf("a frame of %dx%d among those of %dx%d", out.Width, out.Height, g.w, g.h)
	}
	for i, fr := range []*media.Frame{out, ref} {
		g.frame.SetWidth(g.w)
		g.frame.SetHeight(g.h)
		g.frame.SetPixelFormat(g.pixels)
		if err := g.frame.AllocBuffer(0); err != nil {
			return Err(err)
		}
		g.fill(fr)
		g.frame.SetPts(n)
		err := Explain(func() error { return g.in[i].BuffersrcAddFrame(g.frame, astiav.NewBuffersrcFlags()) })
		g.frame.Unref()
		if err != nil {
			return err
		}
	}
	return g.drain(ErrAgain)
}

// fill writes the luma of fr at the graph's depth into g.frame, and gray chroma.
func (g *metricGraph) fill(fr *media.Frame) {
	g.scratch.Read(g.frame)
	size := 1
	if g.depth > 8 {
		size = 2
	}
	for y := range g.h {
		dst, src := g.scratch.Row(0, y, g.w*size), fr.Row(0, y)
		if fr.Depth == g.depth {
			copy(dst, src)
			continue
		}
		for x := range g.w {
			v := 0
			if fr.Depth == 8 {
				v = int(src[x])
			} else {
				v = int(binary.LittleEndian.Uint16(src[2*x:]))
			}
			if up := g.depth - fr.Depth; up >= 0 {
				v <<= up
			} else {
				v = min((v+1<<-up>>1)>>-up, 1<<g.depth-1)
			}
			if size == 1 {
				dst[x] = byte(v)
			} else {
				binary.LittleEndian.PutUint16(dst[2*x:], uint16(v))
			}
		}
	}
	flat := make([]byte, (g.w+1)/2*size)
	for i := range flat {
		if flat[i] = 128; size == 2 { // 512, low byte first
			flat[i] = byte(2 * (i % 2))
		}
	}
	for p := 1; p <= 2; p++ {
		for y := range (g.h + 1) / 2 {
			copy(g.scratch.Row(p, y, len(flat)), flat)
		}
	}
}

// drain takes out what the filter has passed on, until it says end.
func (g *metricGraph) drain(end error) error {
	for {
		err := Explain(func() error { return g.out.BuffersinkGetFrame(g.frame, astiav.NewBuffersinkFlags()) })
		g.frame.Unref()
		switch {
		case err == nil:
		case err == end:
			return nil
		default:
			return err
		}
	}
}

// finish tells the filter that nothing more comes, and frees it, which makes it write its log.
func (g *metricGraph) finish() error {
	defer g.free()
	for _, in := range g.in {
		if err := Err(in.BuffersrcAddFrame(nil, astiav.NewBuffersrcFlags())); err != nil && err != io.EOF {
			return err
		}
	}
	return g.drain(io.EOF)
}

func (g *metricGraph) free() {
	for _, c := range []*astiav.FilterContext{g.in[0], g.in[1], g.out} {
		if c != nil {
			c.Free()
		}
	}
	g.graph.Free()
	g.frame.Free()
}
