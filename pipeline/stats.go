package pipeline

import (
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"
)

// StageStats is what one stage has done.
type StageStats struct {
	Name      string        `json:"name"`
	FramesIn  int64         `json:"frames_in"`
	FramesOut int64         `json:"frames_out"`
	Packets   int64         `json:"packets"`
	Dropped   int64         `json:"dropped"` // frames released by the queue in front of the space
	Busy      time.Duration `json:"-"`       // time inside the stage's own code, waiting for queues not counted
	BusyMS    float64       `json:"busy_ms"`
}

// Stats is what a run has done so far.
type Stats struct {
	Stages  []StageStats  // source, steps, sink
	Elapsed time.Duration // since Run was called
	// Closing is true from the moment at which the sink was told to flush and publish.
	Closing bool
}

// FramesIn returns how many frames the source has given.
func (s Stats) FramesIn() int64 {
	if len(s.Stages) == 0 {
		return 0
	}
	return s.Stages[0].FramesOut
}

// FramesOut returns how many frames the sink has taken.
func (s Stats) FramesOut() int64 {
	if len(s.Stages) == 0 {
		return 0
	}
	return s.Stages[len(s.Stages)-1].FramesOut
}

// Dropped returns how many frames the queues have dropped.
func (s Stats) Dropped() int64 {
	var n int64
	for _, r := range s.Stages {
		n += r.Dropped
	}
	return n
}

// FPS returns the frames written for each second since the start.
func (s Stats) FPS() float64 {
	if s.Elapsed <= 0 {
		return 0
	}
	return float64(s.FramesOut()) / s.Elapsed.Seconds()
}

// Bottleneck returns the name of the stage that was busy longest.
func (s Stats) Bottleneck() string {
	var best StageStats
	for _, r := range s.Stages {
		if r.Busy > best.Busy {
			best = r
		}
	}
	return best.Name
}

// LogValue makes slog print the sums.
func (s Stats) LogValue() slog.Value {
	return slog.StringValue(fmt.Sprintf("%d frames in, %d out, %.1f fps", s.FramesIn(), s.FramesOut(), s.FPS()))
}

// meter counts one stage's work; written by the stage, read by anybody.
type meter struct {
	name             string
	in, out, packets atomic.Int64
	busy             atomic.Int64 // nanoseconds
	before           queue        // nil for the source
}

func (m *meter) stats() StageStats {
	busy := time.Duration(m.busy.Load())
	r := StageStats{
		Name: m.name, FramesIn: m.in.Load(), FramesOut: m.out.Load(), Packets: m.packets.Load(),
		Busy: busy, BusyMS: float64(busy.Microseconds()) / 1000,
	}
	if m.before != nil {
		r.Dropped = m.before.dropped()
	}
	return r
}

// time adds the time since start to the busy time.
func (m *meter) time(start time.Time) { m.busy.Add(int64(time.Since(start))) }
