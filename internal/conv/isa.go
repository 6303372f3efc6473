package conv

import (
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
)

// An engine computes the operations of train.go and general.go, whose arguments have been checked.
type engine interface {
	forward(ws *Workers, y, x, w, b, add []float32, g General, slope float32)
	backwardData(ws *Workers, dx, dy, w []float32, g General)
	backwardWeights(ws *Workers, dw, db, x, dy []float32, g General)
	depthwise(ws *Workers, y, x, k []float32, s Shape, slope float32)
	depthwiseData(ws *Workers, dx, dy, k []float32, s Shape)
	depthwiseKernels(ws *Workers, dk, x, dy []float32, s Shape)
	block(ws *Workers, y, x, k, w, b []float32, s Shape)
	blockBackward(ws *Workers, dx, dk, dw, db, dy, x, k, w []float32, s Shape)
}

// An isa is an instruction set by its name.
type isa struct {
	name   string
	engine engine
}

var (
	available = append([]*isa{{"go", plain{}}}, nativeISAs()...) // slowest first
	current   atomic.Pointer[isa]
)

// ISAs lists the instruction sets that this build and this CPU can run, slowest first: "go", and for example "avx2",
// "avx512" and "avx512bf16", or "neon".
func ISAs() []string {
	var names []string
	for _, i := range available {
		names = append(names, i.name)
	}
	return names
}

// ISA is the name of the instruction set in use; without Use it is the last one that ISAs lists.
func ISA() string { return using().name }

// Use selects an instruction set for everything that starts from now on. It is meant for tests, benchmarks and flags.
func Use(name string) error {
	i := slices.IndexFunc(available, func(i *isa) bool { return i.name == name })
	if i < 0 {
		return fmt.Errorf("conv: no instruction set %q here, have %s", name, strings.Join(ISAs(), ", "))
	}
	current.Store(available[i])
	return nil
}

func using() *isa {
	if i := current.Load(); i != nil {
		return i
	}
	return available[len(available)-1]
}
