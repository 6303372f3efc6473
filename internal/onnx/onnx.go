// Package onnx runs an ONNX model with ONNX Runtime, to compare our engines with it. Nothing else in the program uses it.
//
// In: a model and frames as float32, [N,C,H,W]. Out: the same. The shared library is opened at run time, so that the program
// builds and runs without it.
package onnx

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"

	ort "github.com/yalue/onnxruntime_go"
)

// ErrNoLibrary is returned by Find when no library is there.
var ErrNoLibrary = errors.New("onnx: ONNX Runtime is not here")

// where lists the patterns that Find tries: what `make onnxruntime` fetches, an npm package of the working directory, the system.
func where() []string {
	arch := runtime.GOARCH
	if arch == "amd64" {
		arch = "x64" // npm's name of it
	}
	inside := "node_modules/onnxruntime-node/bin/napi-v*/linux/" + arch
	var patterns []string
	for _, dir := range []string{"build/onnxruntime/" + inside, inside, "/usr/local/lib", "/usr/lib/*-linux-gnu", "/usr/lib64", "/usr/lib"} {
		patterns = append(patterns, dir+"/libonnxruntime.so*")
	}
	return patterns
}

// Find returns the library at path, or, if that is empty, the first one in the usual places under the working directory and in
// the system.
func Find(path string) (string, error) {
	if path != "" {
		if _, err := os.Stat(path); err != nil {
			return "", fmt.Errorf("onnx: library: %w", err)
		}
		return filepath.Abs(path)
	}
	for _, pattern := range where() {
		names, err := filepath.Glob(pattern)
		if err != nil {
			return "", fmt.Errorf("onnx: %w", err)
		}
		for _, name := range names {
			if info, err := os.Stat(name); err == nil && info.Mode()&fs.ModeType == 0 {
				return filepath.Abs(name)
			}
		}
	}
	return "", ErrNoLibrary
}

// Runtime is the opened library. There is one at a time in a process.
type Runtime struct{}

// Open loads the library.
func Open(library string) (*Runtime, error) {
	if ort.IsInitialized() {
		return nil, errors.New("onnx: the library is open already")
	}
	ort.SetSharedLibraryPath(library)
	if err := ort.InitializeEnvironment(); err != nil {
		return nil, fmt.Errorf("onnx: open %s: %w", library, err)
	}
	return &Runtime{}, nil
}

// Version is the version of the library.
func (*Runtime) Version() string { return ort.GetVersion() }

// Close unloads the library. All sessions must be closed before.
func (*Runtime) Close() error { return ort.DestroyEnvironment() }

// Session is one model with buffers of one size. In and Out stay where they are; Run reads one and fills the other.
type Session struct {
	In, Out []float32

	session *ort.AdvancedSession
	tensors []ort.Value
}

// Load makes a session of a model with one input "x" and one output "y" of these shapes, on that many threads. Its worker
// threads spin while Run is under way, as is their default, and sleep afterwards, so that they do not disturb who is measured next.
func (*Runtime) Load(model []byte, in, out [4]int, threads int) (*Session, error) {
	if threads < 1 {
		return nil, fmt.Errorf("onnx: %d threads, want 1 or more", threads)
	}
	options, err := sessionOptions(threads)
	if err != nil {
		return nil, fmt.Errorf("onnx: %w", err)
	}
	defer options.Destroy()
	s := &Session{}
	x, err := s.tensor(in)
	if err == nil {
		s.In = x.GetData()
		x, err = s.tensor(out)
	}
	if err == nil {
		s.Out = x.GetData()
		s.session, err = ort.NewAdvancedSessionWithONNXData(model, []string{"x"}, []string{"y"}, s.tensors[:1], s.tensors[1:], options)
	}
	if err != nil {
		s.Close()
		return nil, fmt.Errorf("onnx: %w", err)
	}
	return s, nil
}

func sessionOptions(threads int) (*ort.SessionOptions, error) {
	o, err := ort.NewSessionOptions()
	if err != nil {
		return nil, err
	}
	err = errors.Join(o.SetIntraOpNumThreads(threads), o.SetInterOpNumThreads(1),
		o.SetGraphOptimizationLevel(ort.GraphOptimizationLevelEnableAll), o.AddSessionConfigEntry("session.force_spinning_stop", "1"))
	if err != nil {
		o.Destroy()
		return nil, err
	}
	return o, nil
}

func (s *Session) tensor(shape [4]int) (*ort.Tensor[float32], error) {
	t, err := ort.NewEmptyTensor[float32](ort.NewShape(int64(shape[0]), int64(shape[1]), int64(shape[2]), int64(shape[3])))
	if err != nil {
		return nil, err
	}
	s.tensors = append(s.tensors, t)
	return t, nil
}

// Run computes Out from In.
func (s *Session) Run() error {
	if err := s.session.Run(); err != nil {
		return fmt.Errorf("onnx: %w", err)
	}
	return nil
}

// Close frees the session. It may be called twice.
func (s *Session) Close() error {
	var errs []error
	if s.session != nil {
		errs = append(errs, s.session.Destroy())
	}
	for _, t := range s.tensors {
		errs = append(errs, t.Destroy())
	}
	s.session, s.tensors, s.In, s.Out = nil, nil, nil, nil
	return errors.Join(errs...)
}
