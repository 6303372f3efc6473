package av

import (
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"vsr/media"
)

// psnrKind is FFmpeg's psnr, which has the form of libvmaf and is in every build: two inputs, output first, and a file of numbers.
var psnrKind = metricKind{"psnr", func(log string) string { return "stats_file=" + log }, func(text []byte) (scores []float64, err error) {
	for line := range strings.Lines(string(text)) {
		_, rest, ok := strings.Cut(line, "mse_y:")
		if !ok {
			return nil, fmt.Errorf("no mse_y in %q", line)
		}
		v, err := strconv.ParseFloat(strings.Fields(rest)[0], 64)
		if err != nil {
			return nil, err
		}
		scores = append(scores, v)
	}
	return scores, nil
}}

// ramp is a frame whose luma rises by step from sample to sample.
func ramp(w, h, depth, step int, layout media.Layout) *media.Frame {
	f := media.NewFrame(media.Format{Width: w, Height: h, Layout: layout, Depth: depth})
	for y := range h {
		row := f.Row(0, y)
		for x := range w {
			v := (20 + step*(x+y)) % 200 << (depth - 8)
			if depth == 8 {
				row[x] = byte(v)
			} else {
				row[2*x], row[2*x+1] = byte(v), byte(v>>8)
			}
		}
	}
	return f
}

// lumaMSE is the mean squared difference of luma, in levels of as many bits as the metric takes.
func lumaMSE(a, b *media.Frame) float64 {
	depth := 8
	if a.Depth > 8 || b.Depth > 8 {
		depth = 10
	}
	level := func(f *media.Frame, x, y int) float64 {
		row := f.Row(0, y)
		if f.Depth == 8 {
			return float64(int(row[x]) << (depth - 8))
		}
		return math.Floor(math.Ldexp(float64(int(row[2*x])|int(row[2*x+1])<<8), depth-f.Depth) + 0.5)
	}
	sum := 0.0
	for y := range a.Height {
		for x := range a.Width {
			d := level(a, x, y) - level(b, x, y)
			sum += d * d
		}
	}
	return sum / float64(a.Width*a.Height)
}

// Every pair gets its own number, and the number is that of its luma, whatever depth, layout and odd size it comes in.
func TestMetricMeasuresLuma(t *testing.T) {
	t.Setenv("TMPDIR", oddFolder(t))
	for _, c := range []struct {
		w, h, a, b int
		layout     media.Layout
	}{{64, 48, 8, 8, media.YUV420}, {33, 17, 8, 8, media.Gray}, {40, 32, 10, 8, media.YUV444}, {40, 32, 12, 10, media.YUV422}, {31, 20, 8, 16, media.YUV420}} {
		t.Run(fmt.Sprintf("%dx%d-%d-%d", c.w, c.h, c.a, c.b), func(t *testing.T) {
			m, err := newMetric(psnrKind)
			if err != nil {
				t.Fatal(err)
			}
			defer m.Close()
			var want []float64
			for i := range 7 {
				out, ref := ramp(c.w, c.h, c.a, 1+i, c.layout), ramp(c.w, c.h, c.b, 1+i/2*2, media.YUV420)
				want = append(want, lumaMSE(out, ref))
				if err := m.Add(out, ref); err != nil {
					t.Fatal(err)
				}
			}
			got, err := m.Scores()
			if err != nil {
				t.Fatal(err)
			}
			for i := range want {
				if math.Abs(got[i]-want[i]) > 0.006 { // FFmpeg writes two decimals
					t.Errorf("pair %d: %.3f, want %.3f", i, got[i], want[i])
				}
			}
			if want[0] != 0 || want[1] < 1 {
				t.Fatalf("the test's frames: %v", want)
			}
			folder := m.folder
			if err := m.Close(); err != nil {
				t.Fatal(err)
			}
			if _, err := os.Stat(folder); !os.IsNotExist(err) {
				t.Errorf("%s is left: %v", folder, err)
			}
		})
	}
}

// The output goes into the filter's first input and the reference into its second: libvmaf would give other numbers else.
func TestMetricOrder(t *testing.T) {
	difference := metricKind{"blend", func(log string) string {
		return "all_mode=subtract,signalstats,metadata=print:key=lavfi.signalstats.YMAX:file=" + log
	}, func(text []byte) (scores []float64, err error) {
		for line := range strings.Lines(string(text)) {
			if _, v, ok := strings.Cut(line, "YMAX="); ok {
				x, err := strconv.ParseFloat(strings.TrimSpace(v), 64)
				if err != nil {
					return nil, err
				}
				scores = append(scores, x)
			}
		}
		return scores, nil
	}}
	m, err := newMetric(difference)
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	dark, light := ramp(32, 32, 8, 0, media.YUV420), ramp(32, 32, 8, 0, media.YUV420)
	for i := range light.Plane[0] {
		light.Plane[0][i] = 53
	}
	for _, pair := range [][2]*media.Frame{{light, dark}, {dark, light}} {
		if err := m.Add(pair[0], pair[1]); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := m.Scores(); err != nil || fmt.Sprint(got) != "[33 0]" {
		t.Errorf("output less reference, 53 less 20 and 20 less 53: %v, %v", got, err)
	}
}

// The first pair settles the depth; frames of another that come later are brought to it.
func TestMetricKeepsItsDepth(t *testing.T) {
	m, err := newMetric(psnrKind)
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	for _, depth := range []int{8, 10, 16} {
		if err := m.Add(ramp(35, 32, depth, 2, media.YUV420), ramp(35, 32, 8, 3, media.YUV420)); err != nil {
			t.Fatal(err)
		}
	}
	want := lumaMSE(ramp(35, 32, 8, 2, media.YUV420), ramp(35, 32, 8, 3, media.YUV420))
	if got, err := m.Scores(); err != nil || math.Abs(got[1]-want) > 0.006 || got[0] != got[1] || got[1] != got[2] {
		t.Errorf("%v, %v, want %.3f three times", got, err, want)
	}
}

// oddFolder has every byte in its name that means something in the description of a graph.
func oddFolder(t *testing.T) string {
	dir := filepath.Join(t.TempDir(), `a:b'c,[d];e\f g=h`)
	if err := os.Mkdir(dir, 0o777); err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestMetricRefuses(t *testing.T) {
	if _, err := newMetric(metricKind{filter: "nosuchfilter"}); !errors.Is(err, ErrNoFilter) {
		t.Errorf("a filter that is not there: %v", err)
	}
	m, err := newMetric(psnrKind)
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	if s, err := m.Scores(); s != nil || err != nil {
		t.Errorf("nothing measured: %v, %v", s, err)
	}
	small, large := ramp(32, 32, 8, 1, media.YUV420), ramp(64, 32, 8, 1, media.YUV420)
	if m.Add(small, large) == nil {
		t.Error("two sizes in one pair")
	}
	if err := m.Add(small, small); err != nil {
		t.Error(err)
	}
	if m.Add(large, large) == nil {
		t.Error("a second size")
	}
	short := metricKind{"psnr", psnrKind.options, func([]byte) ([]float64, error) { return []float64{}, nil }}
	if m, err = newMetric(short); err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	if err := m.Add(small, small); err != nil {
		t.Fatal(err)
	}
	if _, err := m.Scores(); err == nil || !strings.Contains(err.Error(), "0 numbers for 1") {
		t.Errorf("too few numbers: %v", err)
	}
}

func TestReadVMAF(t *testing.T) {
	frame := func(n int, rest string) string { return fmt.Sprintf(`{"frameNum": %d, "metrics": {%s}}`, n, rest) }
	for _, c := range []struct {
		log  string
		want []float64
	}{
		{`{"version":"3.0.0","fps":9.5,"frames":[` + frame(0, `"integer_adm2":0.99,"vmaf":97.25`) + "," + frame(1, `"vmaf":12.5`) + `],"pooled_metrics":{"vmaf":{"mean":54}}}`,
			[]float64{97.25, 12.5}},
		{`{"frames":[` + frame(0, `"integer_adm2":0.99`) + `]}`, nil},
		{`{"frames":[` + frame(1, `"vmaf":97`) + `]}`, nil},
		{`{"frames":[` + frame(0, `"vmaf":"97"`) + `]}`, nil},
		{`{"frames":[`, nil},
		{``, nil},
	} {
		got, err := readVMAF([]byte(c.log))
		if (err == nil) != (c.want != nil) || fmt.Sprint(got) != fmt.Sprint(c.want) {
			t.Errorf("%s: %v, %v", c.log, got, err)
		}
	}
}

// With libvmaf at hand, a frame against itself scores far above a spoilt one. Skipped without.
func TestVMAF(t *testing.T) {
	t.Setenv("TMPDIR", oddFolder(t))
	m, err := NewVMAF()
	if errors.Is(err, ErrNoFilter) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	for i := range 6 {
		ref := ramp(128, 96, 8+2*(i%2), 3, media.YUV420)
		out := ref
		if i >= 4 {
			out = ramp(128, 96, 8, 9, media.YUV420)
		}
		if err := m.Add(out, ref); err != nil {
			t.Fatal(err)
		}
	}
	s, err := m.Scores()
	if err != nil {
		t.Fatal(err)
	}
	t.Log(s)
	for i, v := range s {
		if good := i < 4; good && v < 80 || !good && v > 40 || v < 0 || v > 100 {
			t.Errorf("frame %d: %v", i, v)
		}
	}
}
