package fleet

import (
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"go.temporal.io/sdk/client"

	"vsr/internal/fault"
)

// Metrics are those of Temporal's SDK, for Prometheus. Timers become histograms in seconds.
type Metrics struct {
	registry *prometheus.Registry
	mu       sync.Mutex
	vectors  map[string]prometheus.Collector
}

// labels are the tags that the SDK sets. A metric of Prometheus needs all its labels beforehand; those that it has not are empty.
var labels = []string{"activity_type", "cause", "client_name", "failure_reason", "namespace", "operation", "poller_type", "status_code", "task_queue", "worker_type", "workflow_type"}

// NewMetrics makes metrics that hold nothing.
func NewMetrics() *Metrics {
	return &Metrics{registry: prometheus.NewRegistry(), vectors: map[string]prometheus.Collector{}}
}

// serve answers at an address until the closer is closed, and returns the address that it got.
func (m *Metrics) serve(address string) (string, io.Closer, error) {
	l, err := net.Listen("tcp", address)
	if err != nil {
		return "", nil, fault.New(fault.Usage, "--metrics names another address", "metrics: %w", err)
	}
	mux := http.NewServeMux()
	mux.Handle("/metrics", promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{}))
	s := &http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second}
	go func() { _ = s.Serve(l) }() // it ends with Close
	return l.Addr().String(), s, nil
}

func (m *Metrics) handler() client.MetricsHandler { return tagged{m, nil} }

// tagged is what the SDK writes to.
type tagged struct {
	m    *Metrics
	tags map[string]string
}

func (t tagged) WithTags(tags map[string]string) client.MetricsHandler {
	all := maps.Clone(t.tags)
	if all == nil {
		all = map[string]string{}
	}
	maps.Copy(all, tags)
	return tagged{t.m, all}
}

func (t tagged) values() []string {
	list := make([]string, len(labels))
	for tag, v := range t.tags {
		if i := slices.Index(labels, tag); i >= 0 && v != "none" {
			list[i] = v
		}
	}
	return list
}

// vector returns the metric of a name, and makes it at its first use.
func vector[T prometheus.Collector](m *Metrics, name string, make func(string) T) T {
	m.mu.Lock()
	defer m.mu.Unlock()
	if v, ok := m.vectors[name].(T); ok {
		return v
	}
	v := make(strings.ReplaceAll(name, "-", "_"))
	m.vectors[name] = v
	m.registry.MustRegister(v)
	return v
}

func help(name string) string { return fmt.Sprintf("%s of Temporal's SDK", name) }

func (t tagged) Counter(name string) client.MetricsCounter {
	v := vector(t.m, name+"_total", func(name string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help(name)}, labels)
	})
	return counter{v.WithLabelValues(t.values()...)}
}

func (t tagged) Gauge(name string) client.MetricsGauge {
	v := vector(t.m, name, func(name string) *prometheus.GaugeVec {
		return prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: name, Help: help(name)}, labels)
	})
	return gauge{v.WithLabelValues(t.values()...)}
}

func (t tagged) Timer(name string) client.MetricsTimer {
	v := vector(t.m, name+"_seconds", func(name string) *prometheus.HistogramVec {
		return prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: name, Help: help(name), Buckets: prometheus.ExponentialBuckets(0.005, 4, 10)}, labels)
	})
	return timer{v.WithLabelValues(t.values()...)}
}

type counter struct{ prometheus.Counter }

func (c counter) Inc(n int64) { c.Add(float64(n)) }

type gauge struct{ prometheus.Gauge }

func (g gauge) Update(v float64) { g.Set(v) }

type timer struct{ prometheus.Observer }

func (t timer) Record(d time.Duration) { t.Observe(d.Seconds()) }
