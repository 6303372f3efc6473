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
		{4, false, all, "base-x4"}, {2, false, all, "base-x2"}, {1.5, false, all, "base-x2"}, {3, false, all, "base-x4"}, {8, false, all, "base-x4"},
		{4, true, all, "fast-x4"}, {2, true, all, "fast-x2"}, {2.5, true, all, "fast-x4"},
		{2, false, []string{"base-x4", "fast-x2"}, "fast-x2"}, {4, false, []string{"fast-x2"}, "fast-x2"}, {4, true, []string{"base-x4"}, "base-x4"},
		{2, true, []string{"nano-x2", "base-x2"}, "nano-x2"}, {4, false, nil, ""}, {4, false, []string{"fast-x4-classic"}, ""},
	}
	for _, tt := range tests {
		if got := defaultModel(tt.factor, tt.fast, tt.names); got != tt.want {
			t.Errorf("factor %g, fast %v, of %v: %q, want %q", tt.factor, tt.fast, tt.names, got, tt.want)
		}
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
