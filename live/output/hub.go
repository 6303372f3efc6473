package output

import (
	"context"
	"fmt"
	"log/slog"
	"reflect"
	"sync"
	"time"

	"vsr/encode"
	"vsr/internal/fault"
	"vsr/media"
)

// Options of a Hub.
type Options struct {
	// Keyframe asks the shared encoder for a key frame.
	Keyframe func(cause string)
	// Encoder is that of outputs with an encoder of their own, which set its BitRate.
	Encoder encode.Options
	HLS     *HLS         // that outputs of this kind fill; nil for none
	Logger  *slog.Logger // nil discards
}

// Hub hands one stream to all outputs. It is an encode.PacketWriter for one pipeline after the other, since sources come and go; its times go
// on rising over all of them.
type Hub struct {
	o    Options
	wait sync.WaitGroup

	mu      sync.Mutex
	outputs []*Output
	stops   []context.CancelFunc // of the outputs
	now     *stream              // nil between two pipelines
	number  int                  // of the pipelines so far
	clock   clock
	sound   soundLine
	pool    *media.Pool // of copies of frames
	closed  bool
}

// stream is what one pipeline gives.
type stream struct {
	info   media.Info // as the encoder describes it, with an audio track of Opus always
	video  int
	audio  int
	silent bool // the audio track holds silence alone
	number int
}

// same reports whether an output may go on with s after b, without its receiver noticing more than a gap.
func (s *stream) same(b *stream) bool {
	v, w := s.info.VideoTrack(), b.info.VideoTrack()
	return s.info.Format == b.info.Format && s.silent == b.silent && v.Codec == w.Codec && v.TimeBase == w.TimeBase &&
		reflect.DeepEqual(encode.Headers(v), encode.Headers(w))
}

// NewHub makes a hub without outputs. Close it by Shutdown.
func NewHub(o Options) *Hub {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Keyframe == nil {
		o.Keyframe = func(string) {}
	}
	return &Hub{o: o}
}

// Add begins an output. on says whether it runs, or waits until Control starts it. The error is a *fault.Error of what can never work.
func (h *Hub) Add(t Target, on bool) (*Output, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed {
		return nil, context.Canceled
	}
	plain := t.Name
	for n := 2; h.find(t.Name) != nil; n++ {
		t.Name = fmt.Sprintf("%s (%d)", plain, n)
	}
	out, err := newOutput(h, t)
	if err != nil {
		return nil, err
	}
	out.on = on
	ctx, stop := context.WithCancel(context.Background())
	h.outputs, h.stops = append(h.outputs, out), append(h.stops, stop)
	h.wait.Add(1)
	go func() {
		defer h.wait.Done()
		out.run(ctx)
	}()
	return out, nil
}

func (h *Hub) find(name string) *Output {
	for _, o := range h.outputs {
		if o.target.Name == name {
			return o
		}
	}
	return nil
}

// Outputs lists the state of all outputs, in the order in which they were added.
func (h *Hub) Outputs() []Status {
	h.mu.Lock()
	list := append([]*Output{}, h.outputs...)
	h.mu.Unlock()
	out := make([]Status, 0, len(list))
	for _, o := range list {
		out = append(out, o.Status())
	}
	return out
}

// Control starts or stops an output. The error, a *fault.Error of kind Usage, says that there is none of that name.
func (h *Hub) Control(name string, on bool) error {
	h.mu.Lock()
	o := h.find(name)
	h.mu.Unlock()
	if o == nil {
		return fault.New(fault.Usage, "", "there is no output of that name")
	}
	o.set(on)
	return nil
}

// GlobalHeader asks the encoder for headers in front of the stream, where there are outputs that want them.
func (h *Hub) GlobalHeader() bool { return h.Any() }

// Any reports whether there are outputs, of whatever state.
func (h *Hub) Any() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.outputs) > 0
}

// Streams reports whether there are outputs that want a key frame every two seconds: all but recordings.
func (h *Hub) Streams() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, o := range h.outputs {
		if o.target.Kind != KindRecord {
			return true
		}
	}
	return false
}

// Start implements encode.PacketWriter: a new pipeline begins.
func (h *Hub) Start(info *media.Info) error {
	h.mu.Lock()
	h.number++
	s := &stream{info: *info, video: info.Video, audio: -1, number: h.number}
	s.info.Tracks = append([]media.Track{}, info.Tracks...)
	for i := range info.Tracks {
		if info.Tracks[i].Type == media.TrackAudio && s.audio < 0 {
			s.audio = i
		}
	}
	if s.audio < 0 {
		s.silent, s.audio = true, len(s.info.Tracks)
		t := encode.OpusTrack(2)
		t.Index = s.audio
		s.info.Tracks = append(s.info.Tracks, t)
	}
	h.now = s
	h.clock.restart(info.VideoTrack().TimeBase)
	h.sound.restart()
	list := append([]*Output{}, h.outputs...)
	h.mu.Unlock()
	for _, o := range list {
		o.changed()
	}
	return nil
}

// WritePacket implements encode.PacketWriter. It never waits.
func (h *Hub) WritePacket(p *media.Packet) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	s := h.now
	if s == nil {
		return nil
	}
	switch p.Track {
	case s.video:
		q := *p
		shift := h.clock.at(p.PTS, time.Now()) - p.PTS
		q.PTS, q.DTS = q.PTS+shift, q.DTS+shift
		h.give(s, media.Unit{Packet: &q})
		h.silence(s, int64(float64(q.PTS)*s.info.VideoTrack().TimeBase.Float()/encode.OpusClock.Float()))
	case s.audio:
		shift := int64(float64(h.clock.offset) * s.info.VideoTrack().TimeBase.Float() / encode.OpusClock.Float())
		for _, q := range h.sound.take(p, shift) {
			q.Track = s.audio
			h.give(s, media.Unit{Packet: q})
		}
	}
	return nil
}

// silence fills the audio up where none comes: at once where there is none, and after a while where a source has stopped to send it.
func (h *Hub) silence(s *stream, now int64) {
	lag := int64(mostLag)
	if s.silent {
		lag = 0
	}
	for _, q := range h.sound.fill(now-lag, now) {
		q.Track = s.audio
		h.give(s, media.Unit{Packet: q})
	}
}

// give queues a packet for all outputs that share the encoder, and audio for all.
func (h *Hub) give(s *stream, u media.Unit) {
	for _, o := range h.outputs {
		o.packet(s, u.Packet)
	}
}

// frameLimit bounds the copies of frames that are out.
const frameLimit = 64

// Frame hands a frame to the outputs that encode by themselves, before the shared encoder takes it. f stays the caller's. It never waits.
func (h *Hub) Frame(f *media.Frame) {
	h.mu.Lock()
	defer h.mu.Unlock()
	s := h.now
	if s == nil {
		return
	}
	var takers []*Output
	for _, o := range h.outputs {
		if o.wantsFrame(s) {
			takers = append(takers, o)
		}
	}
	if len(takers) == 0 {
		return
	}
	c := h.copyFrame(f)
	if c == nil {
		return
	}
	c.PTS += h.clock.at(f.PTS, time.Now()) - f.PTS
	for range takers[1:] {
		c.Retain()
	}
	for _, o := range takers {
		o.frame(s, c)
	}
}

// copyFrame copies f, so that an output that is slow holds none of the pipeline's frames; nil when too many are out.
func (h *Hub) copyFrame(f *media.Frame) *media.Frame {
	if h.pool == nil || h.pool.Format() != f.Format {
		h.pool = media.NewPool(f.Format, frameLimit, nil)
	}
	if h.pool.Outstanding() >= frameLimit {
		return nil
	}
	c, err := h.pool.Get(context.Background()) // one is at home
	if err != nil {
		return nil
	}
	c.CopyProps(f)
	if f.Surface != nil {
		if err := f.Surface.GPU.Copy(c, f); err != nil {
			c.Release()
			return nil
		}
		return c
	}
	for p := range f.Format.Planes() {
		_, rows := f.Format.PlaneSize(p)
		for y := range rows {
			copy(c.Row(p, y), f.Row(p, y))
		}
	}
	return c
}

// Close implements encode.PacketWriter: the pipeline has ended. It waits until recordings are whole.
func (h *Hub) Close() error {
	h.mu.Lock()
	s := h.now
	h.now = nil
	list := append([]*Output{}, h.outputs...)
	h.mu.Unlock()
	if s == nil {
		return nil
	}
	for _, o := range list {
		o.end(s)
	}
	return nil
}

// shutdownPatience is how long Shutdown waits. Only a reader of standard output that has stopped to read holds an output up for so long.
const shutdownPatience = 15 * time.Second

// Shutdown ends all outputs, well where they can be in a few seconds, and waits.
func (h *Hub) Shutdown() {
	_ = h.Close()
	h.mu.Lock()
	h.closed = true
	for _, stop := range h.stops {
		stop()
	}
	h.mu.Unlock()
	done := make(chan struct{})
	go func() {
		h.wait.Wait()
		close(done)
	}()
	select {
	case <-done:
	case <-time.After(shutdownPatience):
		h.o.Logger.Warn("an output does not end", "stage", "output")
	}
}
