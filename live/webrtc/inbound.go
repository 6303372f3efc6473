package webrtc

import (
	"sync"
	"time"
)

// Inbound counts what came from publishers, one after the other. The counts only grow.
type Inbound struct {
	Packets int64         // of video that came
	Lost    int64         // that never came, though they were asked for again
	Jitter  time.Duration // interarrival jitter now (RFC 3550 section 6.4.1)
}

// inbound measures the stream of packets. count is for one goroutine at a time.
type inbound struct {
	mu      sync.Mutex
	total   Inbound
	begun   bool
	time    uint32    // RTP time of the packet before
	arrival time.Time // of the packet before
	jitter  float64   // seconds
}

// restart says that the next packet belongs to another stream.
func (i *inbound) restart() {
	i.mu.Lock()
	i.begun, i.jitter = false, 0
	i.mu.Unlock()
}

// count takes a packet with its RTP time of 90 kHz, and how many packets were given up just now.
func (i *inbound) count(rtpTime uint32, now time.Time, lost int) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.total.Packets++
	i.total.Lost += int64(lost)
	if i.begun {
		d := now.Sub(i.arrival).Seconds() - float64(int32(rtpTime-i.time))/clockRate
		i.jitter += (max(d, -d) - i.jitter) / 16
	}
	i.begun, i.time, i.arrival = true, rtpTime, now
}

func (i *inbound) stats() Inbound {
	i.mu.Lock()
	defer i.mu.Unlock()
	s := i.total
	s.Jitter = time.Duration(i.jitter * float64(time.Second))
	return s
}
