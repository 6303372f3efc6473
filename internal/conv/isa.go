package conv

import (
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
)

// An instruction set: a name, and nothing else for the plain Go one.
type isa struct{ name string }

var (
	available = []*isa{{name: "go"}} // slowest first
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
