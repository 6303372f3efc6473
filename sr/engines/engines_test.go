package engines

import (
	"log/slog"
	"strings"
	"testing"

	"vsr/sr/cuda"
)

func TestDefaultModel(t *testing.T) {
	all := []string{"base-x2", "base-x4", "fast-x2", "fast-x4", "fast-x4-classic", "nano-x2"}
	tests := []struct {
		factor float64
		fast   bool
		names  []string
		want   string
	}{
		{4, false, all, "fast-x4"}, {2, false, all, "base-x2"}, {1.5, false, all, "base-x2"}, {3, false, all, "fast-x4"}, {8, false, all, "fast-x4"},
		{4, false, []string{"base-x4", "nano-x4"}, "nano-x4"}, {4, false, []string{"base-x4", "fast-x2"}, "base-x4"},
		{4, true, all, "fast-x4"}, {2, true, all, "fast-x2"}, {2.5, true, all, "fast-x4"},
		{2, false, []string{"base-x4", "fast-x2"}, "fast-x2"}, {4, false, []string{"fast-x2"}, "fast-x2"}, {4, true, []string{"base-x4"}, "base-x4"},
		{2, true, []string{"nano-x2", "base-x2"}, "nano-x2"}, {4, false, nil, ""}, {4, false, []string{"fast-x4-classic"}, ""},
	}
	for _, tt := range tests {
		if got := defaultModel(tt.factor, tt.fast, false, tt.names); got != tt.want {
			t.Errorf("factor %g, fast %v, of %v: %q, want %q", tt.factor, tt.fast, tt.names, got, tt.want)
		}
	}
}

// Who asks for sharpness gets a model that has a sharp variant, at whatever scale there is one.
func TestDefaultSharpModel(t *testing.T) {
	names := []string{"base-x2", "base-x4", "base-x4-sharp", "fast-x2", "fast-x4"}
	for factor, want := range map[float64]string{4: "base-x4", 2: "base-x4"} {
		if got := defaultModel(factor, false, true, names); got != want {
			t.Errorf("factor %g: %q, want %q", factor, got, want)
		}
	}
	if got := defaultModel(2, false, true, []string{"base-x2"}); got != "base-x2" {
		t.Errorf("without a sharp variant: %q", got)
	}
}

// A program without weights says too that the CUDA engine is untested on hardware, when it is asked for a GPU.
func TestFallbackIsLogged(t *testing.T) {
	var log strings.Builder
	e, err := openFallback(Options{Device: "cuda:0", Factor: 2, Logger: slog.New(slog.NewTextHandler(&log, nil))})
	if err != nil {
		t.Fatal(err)
	}
	e.Close()
	if !strings.Contains(log.String(), cuda.Untested) || !e.Fallback {
		t.Errorf("fallback %v, log %q", e.Fallback, log.String())
	}
}
