package engines

import (
	"cmp"
	"fmt"
	"strconv"
	"strings"

	"vsr/internal/fault"
	"vsr/sr/kdsr"
)

// Shape reads a model as Weights does, or makes random weights for the name of a shape (nano, fast, base, m, l or gan, with an ending
// such as -x2), for measurements. scale is that of a shape without an ending, 0 is 4; a model of another scale is refused. label names
// what was opened.
func Shape(name string, scale int) (w *kdsr.Weights, label string, err error) {
	w, err = Weights(name)
	if err == nil {
		if scale != 0 && scale != w.Config.Scale {
			return nil, "", fault.New(fault.Request, "", "model %s enlarges by %d, not by %d", name, w.Config.Scale, scale)
		}
		return w, name, nil
	}
	preset, ending, found := strings.Cut(name, "-x")
	if n, perr := strconv.Atoi(ending); found && perr == nil && (scale == 0 || scale == n) {
		scale = n
	} else if found {
		return nil, "", err
	}
	c, perr := kdsr.Preset(preset, cmp.Or(scale, 4))
	if perr != nil {
		return nil, "", err
	}
	if w, err = kdsr.RandomWeights(c, 1); err != nil {
		return nil, "", err
	}
	Soften(w)
	return w, fmt.Sprintf("%s-x%d with random weights", preset, c.Scale), nil
}

// Soften makes the last layer of random weights small: like a trained network this one then adds little to the enlarged frame, and the
// difference between two engines is that of images and not of noise cut off at black and white.
func Soften(w *kdsr.Weights) {
	last := "G.tail.0.weight"
	if w.Config.Tail == kdsr.TailOfficial {
		last = "G.tail.1.weight"
	}
	for i := range w.Tensors[last].Data {
		w.Tensors[last].Data[i] *= 0.04
	}
}
