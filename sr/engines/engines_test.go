package engines

import (
	"log/slog"
	"strings"
	"testing"

	"vsr/sr/cuda"
)

func TestDefaultModel(t *testing.T) {
	all := []string{"base-x4", "fast-x2", "fast-x4"}
	tests := []struct {
		factor float64
		names  []string
		want   string
	}{
		{4, all, "fast-x4"}, {2, all, "fast-x2"}, {1.5, all, "fast-x2"}, {3, all, "fast-x4"}, {2.5, all, "fast-x4"}, {8, all, "fast-x4"},
		{4, []string{"fast-x2"}, "fast-x2"}, {4, nil, ""}, {4, []string{"base-x4"}, ""},
	}
	for _, tt := range tests {
		if got := defaultModel(tt.factor, tt.names); got != tt.want {
			t.Errorf("factor %g of %v: %q, want %q", tt.factor, tt.names, got, tt.want)
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
	if !strings.Contains(log.String(), cuda.NeverRun) || !e.Fallback {
		t.Errorf("fallback %v, log %q", e.Fallback, log.String())
	}
}
