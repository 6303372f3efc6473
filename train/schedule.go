package train

import "math"

// rate is the learning rate of a step (0-based). All schedules start with a linear warm-up from 0.
func (o Optim) rate(step int) float64 {
	lr := o.LR
	switch o.Schedule {
	case "halve":
		lr *= math.Pow(0.5, float64(step/o.Halve))
	case "cosine":
		done := min(1, float64(max(step-o.Warmup, 0))/float64(max(o.Steps-o.Warmup, 1)))
		lr = o.Floor + (o.LR-o.Floor)*(1+math.Cos(math.Pi*done))/2
	}
	if step < o.Warmup {
		lr *= float64(step+1) / float64(o.Warmup)
	}
	return lr
}
