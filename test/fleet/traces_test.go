package fleet

import (
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	collector "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	"google.golang.org/protobuf/proto"
)

// A job is one trace: what started it, its plan, each segment and the join, from whichever process, at the collector that OpenTelemetry's variable names.
func TestTraces(t *testing.T) {
	var mu sync.Mutex
	spans, traces := map[string]int{}, map[string]bool{}
	h := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b, err := io.ReadAll(r.Body)
		in := &collector.ExportTraceServiceRequest{}
		if err == nil {
			err = proto.Unmarshal(b, in)
		}
		if err != nil || r.URL.Path != "/v1/traces" {
			t.Errorf("%s: %v", r.URL.Path, err)
		}
		mu.Lock()
		defer mu.Unlock()
		for _, rs := range in.ResourceSpans {
			for _, ss := range rs.ScopeSpans {
				if ss.Scope.GetName() != "vsr" {
					continue // Temporal's server may send its own
				}
				for _, span := range ss.Spans {
					spans[span.Name]++
					traces[string(span.TraceId)] = true
				}
			}
		}
	}))
	defer h.Close()
	s, dir := startServer(t), t.TempDir()
	in, cfg := clip(t, dir, "in.mkv", 36)
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", h.URL)
	w := worker(t, s, filepath.Join(dir, "scratch"))
	vsr(t, 0, "fleet", "run", in, "-o", filepath.Join(dir, "out.mkv"), "--address", s.address, "-c", cfg, "--model", "nano-x2")
	if err := w.cmd.Process.Signal(syscall.SIGTERM); err != nil { // the last spans are sent at the end
		t.Fatal(err)
	}
	if code := w.wait(t, time.Minute); code != 0 {
		t.Errorf("exit code %d", code)
	}
	mu.Lock()
	defer mu.Unlock()
	for name, want := range map[string]int{"RunActivity:Plan": 1, "RunActivity:Segment": 3, "RunActivity:Join": 1} {
		if spans[name] != want {
			t.Errorf("%d spans %s, want %d: %v", spans[name], name, want, spans)
		}
	}
	run := 0
	for name, n := range spans {
		if strings.HasPrefix(name, "RunWorkflow:") {
			run += n
		}
	}
	if run != 1 || len(traces) != 1 {
		t.Errorf("%d workflows in %d traces: %v", run, len(traces), spans)
	}
}
