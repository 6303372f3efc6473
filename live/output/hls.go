package output

import (
	"context"
	"fmt"
	"math"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"vsr/encode"
	"vsr/media"
)

// HLS of RFC 8216 with the partial segments of its second edition (draft-pantos-hls-rfc8216bis), so that players that know them are two
// seconds behind and the others eight.
const (
	segmentLength = 2.0   // seconds, at the next key frame
	partLength    = 0.333 // seconds
	longest       = 4     // TARGETDURATION; a segment is cut there at the latest, if a key frame comes
	keptSegments  = 8     // whole ones
	partedOnes    = 3     // of them, those whose parts are listed
	mostBytes     = 64 << 20
	reloadWait    = 3 * longest * time.Second
)

// HLS keeps the last seconds of a stream as segments in memory and serves them. It is an http.Handler for index.m3u8 and what that names.
type HLS struct {
	mu       sync.Mutex
	inits    map[int][]byte // by version
	version  int
	master   string // the multivariant playlist
	segments []*segment
	next     int           // number of the next segment
	cut      int           // discontinuities that have left the list
	change   chan struct{} // closed at each new part
	bytes    atomic.Int64
}

// segment is one of the stream; the last one of HLS.segments grows.
type segment struct {
	number  int
	version int // of its init segment
	parts   []part
	whole   bool
	joined  bool // no discontinuity before it
	begin   time.Time
}

type part struct {
	data     []byte
	duration float64 // seconds
	key      bool    // begins with a key frame
}

func (s *segment) duration() (sum float64) {
	for _, p := range s.parts {
		sum += p.duration
	}
	return sum
}

// NewHLS returns one without any segment.
func NewHLS() *HLS { return &HLS{inits: map[int][]byte{}, change: make(chan struct{})} }

// HLSTarget is a target that fills h.
func HLSTarget() Target { return Target{Name: "hls", Kind: KindHLS} }

// begin starts a stream of another description.
func (h *HLS) begin(header []byte, master string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.version++
	h.inits[h.version], h.master = header, master
	h.close()
}

// close ends the segment that grows. h is locked.
func (h *HLS) close() {
	if n := len(h.segments); n > 0 {
		h.segments[n-1].whole = true
	}
}

// add takes a part; fresh begins a segment.
func (h *HLS) add(p part, fresh bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	n := len(h.segments)
	if fresh || n == 0 || h.segments[n-1].whole {
		h.close()
		s := &segment{number: h.next, version: h.version, begin: time.Now(), joined: n == 0 || h.segments[n-1].version == h.version}
		h.next++
		h.segments = append(h.segments, s)
		h.forget()
		n = len(h.segments)
	}
	s := h.segments[n-1]
	s.parts = append(s.parts, p)
	h.bytes.Add(int64(len(p.data)))
	close(h.change)
	h.change = make(chan struct{})
}

// forget drops what is old. h is locked.
func (h *HLS) forget() {
	size := 0
	for _, s := range h.segments {
		for _, p := range s.parts {
			size += len(p.data)
		}
	}
	for len(h.segments) > 1 && (len(h.segments) > keptSegments+1 || size > mostBytes) {
		for _, p := range h.segments[0].parts {
			size -= len(p.data)
		}
		if !h.segments[1].joined {
			h.cut++
		}
		h.segments = h.segments[1:]
	}
	for v := range h.inits {
		if v < h.segments[0].version {
			delete(h.inits, v)
		}
	}
}

// ServeHTTP answers GET of the last element of the path.
func (h *HLS) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	name := r.URL.Path[strings.LastIndexByte(r.URL.Path, '/')+1:]
	w.Header().Set("Cache-Control", "no-cache")
	switch {
	case name == "index.m3u8" || name == "stream.m3u8":
		if name == "stream.m3u8" && !h.waitFor(r) {
			http.Error(w, "that part is too far ahead", http.StatusBadRequest)
			return
		}
		text := h.playlist(name == "index.m3u8")
		if text == "" {
			w.Header().Set("Retry-After", "2")
			http.Error(w, "nothing is live yet", http.StatusNotFound)
			return
		}
		w.Header().Set("Content-Type", "application/vnd.apple.mpegurl")
		_, _ = w.Write([]byte(text))
	default:
		data := h.find(r.Context(), name)
		if data == nil {
			http.Error(w, "no such segment", http.StatusNotFound)
			return
		}
		w.Header().Set("Content-Type", "video/mp4")
		w.Header().Set("Cache-Control", "max-age=60")
		w.Header().Set("Content-Length", strconv.Itoa(len(data)))
		_, _ = w.Write(data)
	}
}

// playlist is the multivariant one, or that of the stream; "" when there is nothing.
func (h *HLS) playlist(master bool) string {
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.segments) == 0 {
		return ""
	}
	if master {
		return h.master
	}
	var b strings.Builder
	first := h.segments[0]
	fmt.Fprintf(&b, "#EXTM3U\n#EXT-X-VERSION:9\n#EXT-X-TARGETDURATION:%d\n#EXT-X-SERVER-CONTROL:CAN-BLOCK-RELOAD=YES,PART-HOLD-BACK=%.3f\n#EXT-X-PART-INF:PART-TARGET=%.3f\n"+
		"#EXT-X-INDEPENDENT-SEGMENTS\n#EXT-X-MEDIA-SEQUENCE:%d\n#EXT-X-DISCONTINUITY-SEQUENCE:%d\n", longest, 3.5*partLength, partLength+0.1, first.number, h.cut)
	version := 0
	for i, s := range h.segments {
		if !s.joined && i > 0 {
			b.WriteString("#EXT-X-DISCONTINUITY\n")
		}
		if s.version != version {
			version = s.version
			fmt.Fprintf(&b, "#EXT-X-MAP:URI=\"init%d.mp4\"\n", version)
		}
		fmt.Fprintf(&b, "#EXT-X-PROGRAM-DATE-TIME:%s\n", s.begin.UTC().Format("2006-01-02T15:04:05.000Z"))
		if i >= len(h.segments)-partedOnes {
			for n, p := range s.parts {
				key := ""
				if p.key {
					key = ",INDEPENDENT=YES"
				}
				fmt.Fprintf(&b, "#EXT-X-PART:DURATION=%.5f,URI=\"part%d.%d.m4s\"%s\n", p.duration, s.number, n, key)
			}
		}
		if s.whole {
			fmt.Fprintf(&b, "#EXTINF:%.5f,\nseg%d.m4s\n", s.duration(), s.number)
		}
	}
	last := h.segments[len(h.segments)-1]
	if last.whole {
		fmt.Fprintf(&b, "#EXT-X-PRELOAD-HINT:TYPE=PART,URI=\"part%d.0.m4s\"\n", last.number+1)
	} else {
		fmt.Fprintf(&b, "#EXT-X-PRELOAD-HINT:TYPE=PART,URI=\"part%d.%d.m4s\"\n", last.number, len(last.parts))
	}
	return b.String()
}

// waitFor holds a request for a playlist until it names the segment and part that the query asks for (section 6.2.5.2). It reports false when
// these are further ahead than any player may ask.
func (h *HLS) waitFor(r *http.Request) bool {
	q := r.URL.Query()
	if q.Get("_HLS_msn") == "" {
		return true
	}
	msn, err := strconv.Atoi(q.Get("_HLS_msn"))
	if err != nil || msn < 0 {
		return false
	}
	wanted := -1 // the whole segment
	if p := q.Get("_HLS_part"); p != "" {
		if wanted, err = strconv.Atoi(p); err != nil || wanted < 0 {
			return false
		}
	}
	h.mu.Lock()
	ahead := msn - h.next
	h.mu.Unlock()
	if ahead > 2 {
		return false
	}
	h.await(r.Context(), func() bool {
		n := len(h.segments)
		if n == 0 {
			return false
		}
		last := h.segments[n-1]
		return last.number > msn || last.number == msn && (last.whole || wanted >= 0 && len(last.parts) > wanted)
	})
	return true
}

// await waits until ok, which is called with h locked, or for reloadWait.
func (h *HLS) await(ctx context.Context, ok func() bool) {
	timer := time.NewTimer(reloadWait)
	defer timer.Stop()
	for {
		h.mu.Lock()
		done, change := ok(), h.change
		h.mu.Unlock()
		if done {
			return
		}
		select {
		case <-change:
		case <-timer.C:
			return
		case <-ctx.Done():
			return
		}
	}
}

// find gives an init segment, a segment or a part by its name, nil where there is none. The part that comes next is waited for.
func (h *HLS) find(ctx context.Context, name string) []byte {
	f := fileName.FindStringSubmatch(name)
	if f == nil {
		return nil
	}
	a, _ := strconv.Atoi(f[2])
	b, _ := strconv.Atoi(f[3])
	if f[1] == "part" {
		h.mu.Lock()
		coming := len(h.segments) > 0 && a >= h.next-1 && a <= h.next
		h.mu.Unlock()
		if coming {
			h.await(ctx, func() bool { s := h.at(a); return s != nil && (len(s.parts) > b || s.whole) || h.next > a+1 })
		}
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	s := h.at(a)
	switch {
	case f[1] == "init":
		return h.inits[a]
	case s == nil:
		return nil
	case f[1] == "part" && b < len(s.parts):
		return s.parts[b].data
	case f[1] == "seg" && s.whole:
		var all []byte
		for _, p := range s.parts {
			all = append(all, p.data...)
		}
		return all
	}
	return nil
}

// fileName is what a playlist may name: init1.mp4, seg2.m4s, part2.0.m4s.
var fileName = regexp.MustCompile(`^(init|seg|part)(\d{1,9})(?:\.(\d{1,9}))?\.m(?:p4|4s)$`)

// at is the segment of a number, nil where it is not kept. h is locked.
func (h *HLS) at(number int) *segment {
	if len(h.segments) == 0 {
		return nil
	}
	if i := number - h.segments[0].number; i >= 0 && i < len(h.segments) {
		return h.segments[i]
	}
	return nil
}

// Bytes is how many went into segments so far.
func (h *HLS) Bytes() int64 { return h.bytes.Load() }

// hlsWriter is a PacketWriter that cuts a stream into parts.
type hlsWriter struct {
	to     *HLS
	video  int
	base   media.Rational
	aac    *encode.AAC
	rate   int
	held   *media.Packet // the last frame, whose duration the next one tells
	part   []sample      // of the video
	start  int64         // of the part, 90 kHz
	sound  []sample
	from   int64 // of sound
	number uint32
	length float64 // of the segment so far, seconds
}

// GlobalHeader says that the parameter sets are wanted in front.
func (w *hlsWriter) GlobalHeader() bool { return true }

// Start implements encode.PacketWriter.
func (w *hlsWriter) Start(info *media.Info) error {
	w.video, w.base = info.Video, info.VideoTrack().TimeBase
	v, err := newVideoTrack(info.Format.Width, info.Format.Height, encode.Headers(info.VideoTrack()))
	if err != nil {
		return err
	}
	var a *audioTrack
	codecs := v.codec()
	for i := range info.Tracks {
		if info.Tracks[i].Type == media.TrackAudio {
			if w.aac, err = encode.NewAAC(&info.Tracks[i]); err != nil {
				return err
			}
			t := w.aac.Track()
			w.rate = t.TimeBase.Den
			a = &audioTrack{rate: w.rate, channels: w.aac.Channels(), config: encode.Headers(&t)}
			codecs += ",mp4a.40.2"
			break
		}
	}
	w.to.begin(initSegment(v, a), fmt.Sprintf("#EXTM3U\n#EXT-X-VERSION:9\n#EXT-X-INDEPENDENT-SEGMENTS\n#EXT-X-STREAM-INF:BANDWIDTH=%d,RESOLUTION=%dx%d,CODECS=\"%s\"\nstream.m3u8\n",
		8_000_000, v.width, v.height, codecs))
	return nil
}

// WritePacket implements encode.PacketWriter.
func (w *hlsWriter) WritePacket(p *media.Packet) error {
	if p.Track != w.video {
		if w.aac == nil {
			return nil
		}
		list, _ := w.aac.Convert(p)
		for _, q := range list {
			if len(w.sound) == 0 {
				w.from = max(q.PTS, 0)
			}
			w.sound = append(w.sound, sample{data: q.Data, duration: uint32(max(q.Duration, 1)), key: true})
		}
		return nil
	}
	if w.held != nil {
		w.frame(p)
	}
	w.held = p
	return nil
}

// ticks is a time of the video on its clock.
func (w *hlsWriter) ticks(t int64) int64 {
	return int64(math.Round(float64(t) * w.base.Float() * videoClock))
}

// frame adds the held frame, now that the next one is known.
func (w *hlsWriter) frame(next *media.Packet) {
	at, until := w.ticks(w.held.DTS), w.ticks(next.DTS)
	if len(w.part) == 0 {
		w.start = at
	}
	w.part = append(w.part, sample{data: withLengths(w.held.Data), duration: uint32(max(until-at, 1)), key: w.held.Key})
	length := float64(until-w.start) / videoClock
	whole := next.Key && w.length+length >= segmentLength*0.75
	if whole || length+0.5*float64(until-at)/videoClock >= partLength {
		w.flush(length)
	}
	if whole {
		w.length = 0
	}
}

// flush hands the part over.
func (w *hlsWriter) flush(length float64) {
	runs := []run{{id: videoID, start: w.start, samples: w.part}}
	if len(w.sound) > 0 {
		runs = append(runs, run{id: audioID, start: w.from, samples: w.sound})
	}
	w.number++
	w.to.add(part{data: fragment(w.number, runs), duration: length, key: w.part[0].key}, w.length == 0)
	w.length += length
	w.part, w.sound = nil, nil
}

// Close implements encode.PacketWriter.
func (w *hlsWriter) Close() error {
	if w.aac != nil {
		w.aac.Close()
		w.aac = nil
	}
	w.to.mu.Lock()
	w.to.close()
	w.to.mu.Unlock()
	return nil
}
