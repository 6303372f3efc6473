package train

import (
	"slices"
	"testing"
	"time"

	g "gorgonia.org/gorgonia"

	"vsr/internal/conv"
	"vsr/sr/kdsr"
	"vsr/train/graph"
)

// BenchmarkStudentStep is one whole step of stage 2: the teacher's estimator, student forward and backward, Adam.
// tools/bench/train_step.py makes the same step with PyTorch.
func BenchmarkStudentStep(b *testing.B) {
	shape, err := kdsr.Preset("fast", 4)
	if err != nil {
		b.Fatal(err)
	}
	teacher, err := kdsr.RandomTeacher(shape, 1)
	if err != nil {
		b.Fatal(err)
	}
	student, err := fromTeacher(teacher, 2)
	if err != nil {
		b.Fatal(err)
	}
	ws := conv.NewWorkers(0)
	defer ws.Close()
	geo := geometry{8, 64, 4}
	m, err := newStudent(ws, student, teacher, nil, geo, Default(), nil)
	if err != nil {
		b.Fatal(err)
	}
	defer m.prog.Close()
	adam := graph.NewAdam(ws, 0.9, 0.99)
	adam.LR = 1e-4
	model := make([]g.ValueGrad, len(m.prog.Params))
	for i, p := range m.prog.Params {
		model[i] = p
	}
	batch := formulaBatch(geo, 0)
	step := func() {
		if _, err := m.run(batch); err != nil {
			b.Fatal(err)
		}
		if err := adam.Step(model); err != nil {
			b.Fatal(err)
		}
	}
	step()
	b.ReportAllocs()
	var times []float64
	for b.Loop() {
		start := time.Now()
		step()
		times = append(times, time.Since(start).Seconds())
	}
	slices.Sort(times)
	b.ReportMetric(1e3*times[len(times)/2], "median-ms")
	b.ReportMetric(1e3*times[0], "best-ms")
	b.ReportMetric(float64(geo.batch*b.N)/b.Elapsed().Seconds(), "samples/s")
}
