package train

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"testing"

	"vsr/train/data"
)

// prepared is a run before its first step, with a batch.
func prepared(t *testing.T, c Config) (*trainer, *data.Batch) {
	t.Helper()
	tr := &trainer{c: c, stage: Teacher, o: Options{Sources: waves, Log: slog.New(slog.DiscardHandler)}}
	if err := tr.prepare(context.Background()); err != nil {
		t.Fatal(err)
	}
	b, err := tr.sampler.Batch(0)
	if err != nil {
		t.Fatal(err)
	}
	return tr, b
}

// A step with a loss far above the mean changes nothing but the step's number; many of them end the run.
func TestOutliersAreLeftOut(t *testing.T) {
	c := tinyConfig(t)
	c.Validate.Every = 0
	tr, b := prepared(t, c)
	defer tr.close()
	losses, err := tr.one(b)
	if err != nil || len(losses) == 0 {
		t.Fatalf("an ordinary step: losses %v, error %v", losses, err)
	}
	usual := float64(losses[0])
	snapshot := func() []float32 {
		var all []float32
		for i, p := range tr.m.prog.Params {
			all = append(append(append(all, p.Data...), tr.adam.M[i]...), tr.ema[i]...)
		}
		return all
	}
	before := snapshot()
	tr.step, tr.slow = settled+1, usual/(2*outlier)
	for n := range maxOutliers {
		if losses, err = tr.one(b); err != nil || losses != nil {
			t.Fatalf("outlier %d: losses %v, error %v", n, losses, err)
		}
	}
	if tr.step != settled+1+maxOutliers || tr.leftOut != maxOutliers || !slices.Equal(snapshot(), before) {
		t.Errorf("step %d, %d left out, weights untouched: %v", tr.step, tr.leftOut, slices.Equal(snapshot(), before))
	}
	for n := range maxRollbacks { // the averaged weights come back, again and again
		for i := range tr.ema {
			for k := range tr.ema[i] {
				tr.m.prog.Params[i].Data[k] += 0.5
			}
		}
		tr.outlierScore = maxOutliers
		if losses, err = tr.one(b); err != nil || losses != nil || tr.rollbacks != n+1 || tr.outlierScore != 0 {
			t.Fatalf("rollback %d: losses %v, error %v, %d rollbacks, score %g", n+1, losses, err, tr.rollbacks, tr.outlierScore)
		}
		for i, p := range tr.m.prog.Params {
			if !slices.Equal(p.Data, tr.ema[i]) || slices.ContainsFunc(tr.adam.M[i], func(v float32) bool { return v != 0 }) {
				t.Fatalf("rollback %d: %s is not the averaged one, or its moments are kept", n+1, p.Name)
			}
		}
	}
	tr.outlierScore = maxOutliers
	if _, err = tr.one(b); !errors.Is(err, ErrDiverged) {
		t.Errorf("after %d outliers: %v", tr.leftOut, err)
	}
	before = snapshot()
	tr.slow = usual
	if losses, err = tr.one(b); err != nil || losses == nil || slices.Equal(snapshot(), before) || tr.outlierScore > maxOutliers+1-0.09 {
		t.Errorf("a good step after them: losses %v, outlierScore %g, error %v", losses, tr.outlierScore, err)
	}
	if err := tr.save(); err != nil {
		t.Fatal(err)
	}
	again := &trainer{c: c, stage: Teacher, o: Options{Sources: waves, Resume: true, Log: slog.New(slog.DiscardHandler)}}
	tr.close()
	defer again.close()
	if err := again.prepare(context.Background()); err != nil {
		t.Fatal(err)
	}
	if again.leftOut != tr.leftOut || again.outlierScore != tr.outlierScore || again.slow != tr.slow || again.rollbacks != tr.rollbacks {
		t.Errorf("resumed with %d, %g, %g; saved %d, %g, %g", again.leftOut, again.outlierScore, again.slow, tr.leftOut, tr.outlierScore, tr.slow)
	}
}

// With squares in the loss it is L1 that tells an odd batch: sound batches differ in their squares by more than the bound.
func TestOutliersBySquares(t *testing.T) {
	c := tinyConfig(t)
	c.Validate.Every, c.Loss.L2 = 0, 1e4
	tr, b := prepared(t, c)
	defer tr.close()
	losses, err := tr.one(b)
	if err != nil || len(losses) != 3 || losses[0] < 10*losses[1] || tr.slow != float64(losses[1]) {
		t.Fatalf("losses %v, mean %g, error %v", losses, tr.slow, err)
	}
	tr.step = settled + 1
	if losses, err = tr.one(b); err != nil || losses == nil {
		t.Errorf("a sound step was left out: losses %v, error %v", losses, err)
	}
}
