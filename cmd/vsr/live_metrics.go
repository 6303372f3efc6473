package main

import (
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"vsr/media"
	"vsr/pipeline"
)

// liveMetrics are what /metrics serves.
type liveMetrics struct {
	registry  *prometheus.Registry
	frames    *prometheus.CounterVec
	dropped   *prometheus.CounterVec
	stage     *prometheus.HistogramVec
	age       prometheus.Histogram
	changes   prometheus.Counter
	sessions  *prometheus.CounterVec
	keyframes *prometheus.CounterVec
	target    prometheus.Gauge
}

func newLiveMetrics() *liveMetrics {
	counter := func(name, help string, labels ...string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Name: "vsr_live_" + name, Help: help}, labels)
	}
	buckets := []float64{.001, .002, .005, .01, .02, .033, .05, .075, .1, .15, .2, .3, .5, 1, 2}
	m := &liveMetrics{
		registry:  prometheus.NewRegistry(),
		frames:    counter("frames_total", "Frames that left a stage.", "stage"),
		dropped:   counter("dropped_frames_total", "Frames dropped, by reason.", "reason"),
		stage:     prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "vsr_live_stage_seconds", Help: "Time of a frame in a stage.", Buckets: buckets}, []string{"stage"}),
		age:       prometheus.NewHistogram(prometheus.HistogramOpts{Name: "vsr_live_frame_age_seconds", Help: "Age of a frame when it has been encoded.", Buckets: buckets}),
		changes:   prometheus.NewCounter(prometheus.CounterOpts{Name: "vsr_live_rung_changes_total", Help: "Changes of the model that runs."}),
		sessions:  counter("sessions_total", "Sessions by kind and outcome.", "kind", "outcome"),
		keyframes: counter("keyframes_total", "Key frames asked for, by cause.", "cause"),
		target:    prometheus.NewGauge(prometheus.GaugeOpts{Name: "vsr_live_bitrate_target_bps", Help: "Bit rate asked of the encoder."}),
	}
	m.registry.MustRegister(m.frames, m.dropped, m.stage, m.age, m.changes, m.sessions, m.keyframes, m.target)
	return m
}

func (m *liveMetrics) session(kind, outcome string) { m.sessions.WithLabelValues(kind, outcome).Inc() }

// handler serves the metrics, with gauges that are read when they are asked for.
func (m *liveMetrics) handler(s *studio) http.Handler {
	gauge := func(name, help string, f func() float64) {
		m.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "vsr_live_" + name, Help: help}, f))
	}
	gauge("viewers", "Viewers connected.", func() float64 { return float64(s.server.Viewers()) })
	gauge("rung", "Rung that runs, 0 is the best.", func() float64 { return float64(s.rung().Rung) })
	gauge("viewer_dropped_frames", "Frames that slow viewers present now have lost.", func() float64 { return float64(s.server.Broadcast().Dropped()) })
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{})
}

// rate counts events and gives them per second over the last second or two.
type rate struct {
	mu          sync.Mutex
	count, last int
	since       time.Time
	perSecond   float64
}

func (r *rate) tick() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.count++
	now := time.Now()
	if r.since.IsZero() {
		r.since = now
	}
	if d := now.Sub(r.since); d >= time.Second {
		r.perSecond, r.last, r.since = float64(r.count-r.last)/d.Seconds(), r.count, now
	}
}

func (r *rate) value() float64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	if time.Since(r.since) > 3*time.Second {
		return 0
	}
	return r.perSecond
}

// liveNumbers is what the page shows.
type liveNumbers struct {
	in, out              rate
	superseded, deadline atomic.Int64

	mu       sync.Mutex
	from, to media.Format
	age      time.Duration // slow average
	decode   time.Duration // slow average
	perStage map[string]float64
}

func (n *liveNumbers) begin(from, to media.Format) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.from, n.to, n.age, n.decode, n.perStage = from, to, 0, 0, nil
}

func (n *liveNumbers) encoded(age time.Duration) {
	n.out.tick()
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.age == 0 {
		n.age = age
	}
	n.age += (age - n.age) / 16
}

// decoded counts a publisher's picture.
func (s *studio) decoded(took time.Duration) {
	s.metrics.stage.WithLabelValues(roomDecode).Observe(took.Seconds())
	s.metrics.frames.WithLabelValues("decoded").Inc()
	n := &s.numbers
	n.mu.Lock()
	defer n.mu.Unlock()
	n.decode += (took - n.decode) / 16
}

// stages keeps the mean time of a frame in each room.
func (n *liveNumbers) stages(st pipeline.Stats) {
	m := map[string]float64{}
	for _, r := range st.Rooms {
		if r.FramesOut > 0 && r.Name != roomDecode {
			m[r.Name] = float64(r.Busy.Milliseconds()) / float64(r.FramesOut)
		}
	}
	n.mu.Lock()
	if n.decode > 0 {
		m[roomDecode] = float64(n.decode) / float64(time.Millisecond)
	}
	n.perStage = m
	n.mu.Unlock()
}
