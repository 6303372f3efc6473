//go:build nvidia

package driver

// #include <cuda.h>
import "C"

import (
	"fmt"
	"unsafe"

	"gorgonia.org/cu"
)

// callError is a call of the driver that failed. It wraps gorgonia.org/cu's constant for the code.
type callError struct {
	call, text string
	code       int
	constant   error
}

func (e *callError) Error() string {
	return fmt.Sprintf("%s: %s (CUDA error %d)", e.call, e.text, e.code)
}

func (e *callError) Unwrap() error { return e.constant }

// check turns a result of the driver into an error.
func check(call string, r C.CUresult) error {
	if r == C.CUDA_SUCCESS {
		return nil
	}
	e := &callError{call: call, text: "unknown error", code: int(r), constant: constant(cu.Success, r)}
	var text *C.char
	if C.cuGetErrorString(r, &text) == C.CUDA_SUCCESS && text != nil {
		e.text = C.GoString(text)
	}
	return e
}

// constant converts a result to the type of cu's constants, which has no name outside.
func constant[T ~int](_ T, r C.CUresult) T { return T(r) }

// The handles of cu and of this package are the same pointers in different Go types.
func streamOf(s cu.Stream) C.CUstream       { return *(*C.CUstream)(unsafe.Pointer(&s)) }
func functionOf(f cu.Function) C.CUfunction { return *(*C.CUfunction)(unsafe.Pointer(&f)) }

// Graph is a captured sequence of launches, ready to be launched as one.
type Graph struct{ exec C.CUgraphExec }

// Capture records what body puts on the stream. Other streams must not take part, and body must not allocate device memory.
func Capture(s cu.Stream, body func() error) (Graph, error) {
	if err := check("cuStreamBeginCapture", C.cuStreamBeginCapture(streamOf(s), C.CU_STREAM_CAPTURE_MODE_THREAD_LOCAL)); err != nil {
		return Graph{}, err
	}
	failed := body()
	var graph C.CUgraph
	err := check("cuStreamEndCapture", C.cuStreamEndCapture(streamOf(s), &graph))
	if graph != nil {
		defer C.cuGraphDestroy(graph)
	}
	if failed != nil {
		return Graph{}, failed
	}
	if err != nil {
		return Graph{}, err
	}
	var g Graph
	err = check("cuGraphInstantiate", C.cuGraphInstantiateWithFlags(&g.exec, graph, 0))
	return g, err
}

// Launch puts the graph on a stream.
func (g Graph) Launch(s cu.Stream) error {
	return check("cuGraphLaunch", C.cuGraphLaunch(g.exec, streamOf(s)))
}

// Close frees the graph. The zero Graph is fine.
func (g *Graph) Close() {
	if g.exec != nil {
		C.cuGraphExecDestroy(g.exec)
		g.exec = nil
	}
}
