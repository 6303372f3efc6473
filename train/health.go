package train

import (
	"errors"
	"fmt"
	"math"
)

// ErrDiverged marks a run that must not be saved: a loss or tensor is no number, or the loss grew out of all proportion.
var ErrDiverged = errors.New("training diverged")

// A step whose loss is outlier times the slow mean is left out: generated kernels multiply, so one odd batch can give a loss of
// thousands, and its gradient, however clipped, would point nowhere useful. Where such steps come often the network itself is lost.
const (
	outlier     = 5
	settled     = 100 // steps before the slow mean is worth comparing with
	maxOutliers = 10  // in a row; each good step forgives a tenth

	maxRollbacks = 4
	rollbackRate = 0.7 // of the learning rate, for each rollback
)

// rollback undoes what made the weights bad: they become the averaged weights, which the last steps have hardly moved, the solver
// forgets its moments, and the rate is lower from here on. It reports false when there is no average or the run has come to this too
// often.
func (t *trainer) rollback(loss float64) bool {
	if t.ema == nil || t.rollbacks == maxRollbacks {
		return false
	}
	t.rollbacks++
	for i, p := range t.m.prog.Params {
		copy(p.Data, t.ema[i])
		clear(t.adam.M[i])
		clear(t.adam.V[i])
	}
	t.outlierScore = 0
	t.o.Log.Warn("the weights went bad: training goes on from the averaged ones at a lower rate", "step", t.step, "loss", loss, "mean", t.slow,
		"rate", math.Pow(rollbackRate, float64(t.rollbacks)))
	return true
}

// healthy looks for losses that are not numbers, or far above what they were. It reports whether the step may be made.
func (t *trainer) healthy(losses []float32) (bool, error) {
	loss := float64(losses[0])
	if math.IsNaN(loss) || math.IsInf(loss, 0) {
		return false, fmt.Errorf("%w at step %d: the loss is %v; %s", ErrDiverged, t.step, loss, t.firstNonFinite())
	}
	for _, p := range t.running().prog.Params {
		grad, err := p.Grad()
		if err != nil {
			return false, err
		}
		if d, ok := grad.Data().([]float32); !ok || notNumber(d[0]) || notNumber(d[len(d)/2]) {
			return false, fmt.Errorf("%w at step %d: %s", ErrDiverged, t.step, t.firstNonFinite())
		}
	}
	if t.c.Loss.L2 > 0 && t.running() == t.m {
		loss = float64(losses[1]) // L1: squares of sound batches are far apart
	}
	if t.slow == 0 || t.step == t.c.estimatorOnly(t.stage) { // all losses are new
		t.slow = loss
	}
	if t.step > settled && loss > outlier*t.slow {
		t.leftOut++
		if t.outlierScore++; t.outlierScore > maxOutliers && !t.rollback(loss) {
			return false, fmt.Errorf("%w at step %d: the loss is %g, %g on average before, the last of many such steps", ErrDiverged, t.step, loss, t.slow)
		}
		return false, nil
	}
	t.outlierScore = max(t.outlierScore-0.1, 0)
	t.slow += (loss - t.slow) / 100
	return true, nil
}

// firstNonFinite names the first tensor that holds something other than numbers.
func (t *trainer) firstNonFinite() string {
	for _, p := range t.running().prog.Params {
		if i := firstBad(p.Data); i >= 0 {
			return fmt.Sprintf("tensor %s is %v at index %d", p.Name, p.Data[i], i)
		}
	}
	for _, p := range t.running().prog.Params {
		if grad, err := p.Grad(); err == nil {
			d, _ := grad.Data().([]float32)
			if i := firstBad(d); i >= 0 {
				return fmt.Sprintf("the gradient of %s is %v at index %d", p.Name, d[i], i)
			}
		}
	}
	return "every tensor and gradient is a number"
}

func notNumber(v float32) bool { return v-v != 0 }

func firstBad(data []float32) int {
	for i, v := range data {
		if notNumber(v) {
			return i
		}
	}
	return -1
}
