package live

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

// metrics are what /metrics serves.
type metrics struct {
	registry  *prometheus.Registry
	named     prometheus.Registerer // registry with the feed's label
	frames    *prometheus.CounterVec
	stage     *prometheus.HistogramVec
	age       prometheus.Histogram
	changes   prometheus.Counter
	sessions  *prometheus.CounterVec
	keyframes *prometheus.CounterVec
	rtcp      *prometheus.CounterVec
	target    prometheus.Gauge
}

// newMetrics makes the metrics of one feed, whose name all of them carry as a label.
func newMetrics(feed string) *metrics {
	counter := func(name, help string, labels ...string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Name: "vsr_live_" + name, Help: help}, labels)
	}
	buckets := []float64{.001, .002, .005, .01, .02, .033, .05, .075, .1, .15, .2, .3, .5, 1, 2}
	m := &metrics{
		registry:  prometheus.NewRegistry(),
		frames:    counter("frames_total", "Frames that left a stage.", "stage"),
		stage:     prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "vsr_live_stage_seconds", Help: "Time of a frame in a stage.", Buckets: buckets}, []string{"stage"}),
		age:       prometheus.NewHistogram(prometheus.HistogramOpts{Name: "vsr_live_frame_age_seconds", Help: "Age of a frame when it has been encoded.", Buckets: buckets}),
		changes:   prometheus.NewCounter(prometheus.CounterOpts{Name: "vsr_live_quality_changes_total", Help: "Changes of the model that runs."}),
		sessions:  counter("sessions_total", "Sessions by kind and outcome.", "kind", "outcome"),
		keyframes: counter("keyframes_total", "Key frames asked for, by cause.", "cause"),
		rtcp:      counter("rtcp_total", "Requests in the viewers' RTCP: pli, fir and nack.", "type"),
		target:    prometheus.NewGauge(prometheus.GaugeOpts{Name: "vsr_live_bitrate_target_bps", Help: "Bit rate asked of the encoder."}),
	}
	m.named = prometheus.WrapRegistererWith(prometheus.Labels{"feed": feed}, m.registry)
	m.named.MustRegister(m.frames, m.stage, m.age, m.changes, m.sessions, m.keyframes, m.rtcp, m.target)
	// So that rates can be taken from the first event on.
	for _, stage := range []string{"captured", "decoded", "enhanced", "encoded", "sent"} {
		m.frames.WithLabelValues(stage)
	}
	for _, kind := range []string{"pli", "fir", "nack"} {
		m.rtcp.WithLabelValues(kind)
	}
	return m
}

func (m *metrics) session(kind, outcome string) { m.sessions.WithLabelValues(kind, outcome).Inc() }
func (m *metrics) report(kind string)           { m.rtcp.WithLabelValues(kind).Inc() }
func (m *metrics) frame(stage string)           { m.frames.WithLabelValues(stage).Inc() }

// handler serves the metrics, with those that are read when they are asked for.
func (m *metrics) handler(s *Session) http.Handler {
	gauge := func(name, help string, f func() float64) {
		m.named.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "vsr_live_" + name, Help: help}, f))
	}
	total := func(name, help string, labels prometheus.Labels, f func() float64) {
		m.named.MustRegister(prometheus.NewCounterFunc(prometheus.CounterOpts{Name: "vsr_live_" + name, Help: help, ConstLabels: labels}, f))
	}
	gauge("viewers", "Viewers connected.", func() float64 { return float64(s.server.Viewers()) })
	gauge("quality_level", "Quality level that runs, 0 is the best.", func() float64 { return float64(s.level().Level) })
	gauge("bwe_bps", "Lowest bandwidth estimate of the viewers, 0 without one.", func() float64 { return float64(s.server.Broadcast().Estimate()) })
	gauge("inbound_jitter_seconds", "Interarrival jitter of the publisher's packets.", func() float64 { return s.server.Inbound().Jitter.Seconds() })
	for reason, count := range s.dropped() {
		total("dropped_frames_total", "Frames dropped, by reason.", prometheus.Labels{"reason": reason}, func() float64 { return float64(count()) })
	}
	total("inbound_packets_total", "Packets that publishers sent and that came.", nil, func() float64 { return float64(s.server.Inbound().Packets) })
	total("inbound_lost_packets_total", "Packets that publishers sent and that never came.", nil, func() float64 { return float64(s.server.Inbound().Lost) })
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{})
}

// dropped lists the reasons for which frames are dropped, and how many were.
func (s *Session) dropped() map[string]func() int64 {
	return map[string]func() int64{
		"superseded": s.numbers.superseded.Load, "deadline": s.numbers.deadline.Load,
		"slow viewer": func() int64 { return int64(s.server.Broadcast().Dropped()) },
	}
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

// numbers is what the page shows.
type numbers struct {
	in, out              rate
	superseded, deadline atomic.Int64

	mu       sync.Mutex
	from, to media.Format
	age      time.Duration // slow average
	decode   time.Duration // slow average
	perStage map[string]float64
}

func (n *numbers) begin(from, to media.Format) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.from, n.to, n.age, n.decode, n.perStage = from, to, 0, 0, nil
}

func (n *numbers) encoded(age time.Duration) {
	n.out.tick()
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.age == 0 {
		n.age = age
	}
	n.age += (age - n.age) / 16
}

// lag is how old frames usually are when they leave.
func (n *numbers) lag() time.Duration {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.age
}

// decoded counts a publisher's frame, which took so long to decode.
func (s *Session) decoded(took time.Duration) {
	s.metrics.frame("captured")
	s.metrics.stage.WithLabelValues(stageDecode).Observe(took.Seconds())
	n := &s.numbers
	n.mu.Lock()
	defer n.mu.Unlock()
	n.decode += (took - n.decode) / 16
}

// stages keeps the mean time of a frame in each stage.
func (n *numbers) stages(st pipeline.Stats) {
	m := map[string]float64{}
	for _, r := range st.Stages {
		if r.FramesOut > 0 && r.Name != stageDecode {
			m[r.Name] = float64(r.Busy.Milliseconds()) / float64(r.FramesOut)
		}
	}
	n.mu.Lock()
	if n.decode > 0 {
		m[stageDecode] = float64(n.decode) / float64(time.Millisecond)
	}
	n.perStage = m
	n.mu.Unlock()
}
