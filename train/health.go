package train

import (
	"errors"
	"fmt"
	"math"
)

// ErrDiverged marks a run that must not be saved: a loss or tensor is no number, or the loss grew out of all proportion.
var ErrDiverged = errors.New("training diverged")

// healthy looks for losses that are not numbers, or far above what they were.
func (t *trainer) healthy(losses []float32) error {
	loss := float64(losses[0])
	if math.IsNaN(loss) || math.IsInf(loss, 0) {
		return fmt.Errorf("%w at step %d: the loss is %v; %s", ErrDiverged, t.step, loss, t.culprit())
	}
	for _, p := range t.running().prog.Params {
		grad, err := p.Grad()
		if err != nil {
			return err
		}
		if d := grad.Data().([]float32); notNumber(d[0]) || notNumber(d[len(d)/2]) {
			return fmt.Errorf("%w at step %d: %s", ErrDiverged, t.step, t.culprit())
		}
	}
	if t.slow == 0 {
		t.slow = loss
	}
	if t.step > 100 && loss > 50*t.slow {
		return fmt.Errorf("%w at step %d: the loss is %g, %g on average before", ErrDiverged, t.step, loss, t.slow)
	}
	t.slow += (loss - t.slow) / 100
	return nil
}

// culprit names the first tensor that holds something other than numbers.
func (t *trainer) culprit() string {
	for _, p := range t.running().prog.Params {
		if i := firstBad(p.Data); i >= 0 {
			return fmt.Sprintf("tensor %s is %v at index %d", p.Name, p.Data[i], i)
		}
	}
	for _, p := range t.running().prog.Params {
		if grad, err := p.Grad(); err == nil {
			if i := firstBad(grad.Data().([]float32)); i >= 0 {
				return fmt.Sprintf("the gradient of %s is %v at index %d", p.Name, grad.Data().([]float32)[i], i)
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
