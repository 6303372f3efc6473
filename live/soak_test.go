package live

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"vsr/decode"
	"vsr/live/output"
)

// taker is a receiver that counts frames, and may be killed.
type taker struct {
	frames atomic.Int64
	cancel context.CancelFunc
	done   chan struct{}
}

func take(address string, options map[string]string) *taker {
	ctx, cancel := context.WithCancel(context.Background())
	r := &taker{cancel: cancel, done: make(chan struct{})}
	go func() {
		defer close(r.done)
		for ctx.Err() == nil { // a player that tries again until there is something
			if src, err := decode.Open(ctx, address, decode.Options{Network: true, LowDelay: true, Threads: 1, FFmpeg: options}); err == nil {
				for err == nil {
					u, e := src.Next(ctx)
					if err = e; u.Frame != nil {
						r.frames.Add(1)
					}
					u.Release()
				}
				src.Close()
			}
			time.Sleep(200 * time.Millisecond)
		}
	}()
	return r
}

func (r *taker) kill() { r.cancel(); <-r.done }

// resident is the memory of this process, in bytes, FFmpeg's included; 0 where the system does not say.
func resident() int64 {
	b, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		return 0
	}
	f := strings.Fields(string(b))
	pages, _ := strconv.ParseInt(f[1], 10, 64)
	return pages * int64(os.Getpagesize())
}

// TestManyOutputsAtOnce: one source to a viewer, RTMP, SRT, HLS and a recording. Each is killed, or stopped, and brought back once; the others do not
// notice, and memory stays. VSR_SOAK=10m makes it last.
func TestManyOutputsAtOnce(t *testing.T) {
	length := 10 * time.Second
	if v := os.Getenv("VSR_SOAK"); v != "" {
		var err error
		if length, err = time.ParseDuration(v); err != nil {
			t.Fatal(err)
		}
	} else if testing.Short() {
		t.Skip("it takes half a minute")
	}
	udp, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	srt, rtmp := udp.LocalAddr().String(), freeAddress(t)
	udp.Close()
	record := filepath.Join(t.TempDir(), "rec.mkv")
	var made atomic.Int32
	s := startSession(t, func(o *Options) {
		o.Source, o.Record, o.HLS = "lavfi:testsrc2=s=160x90:r=30[out0];sine=r=48000[out1]", record, true
		o.Push = output.Addresses{output.Address("rtmp://" + rtmp + "/live/x#name=rtmp"), output.Address("srt://" + srt + "#name=srt")}
	}, plainLevels(&made))
	receivers := map[string]func() *taker{
		"rtmp": func() *taker { return take("rtmp://"+rtmp+"/live/x", map[string]string{"listen": "1"}) },
		"srt":  func() *taker { return take("srt://"+srt+"?mode=listener", nil) },
		"hls":  func() *taker { return take(s.server.Addresses()[0].HLS, nil) },
	}
	ctx, cancel := context.WithTimeout(context.Background(), length+10*time.Minute)
	defer cancel()
	var watched atomic.Int64
	watch := func() (stop func()) {
		v, err := client(s).Watch(ctx)
		if err != nil {
			t.Fatal(err)
		}
		done := make(chan struct{})
		quit := make(chan struct{})
		go func() {
			defer close(done)
			for {
				select {
				case <-v.Units:
					watched.Add(1)
				case <-quit:
					return
				}
			}
		}()
		return func() { close(quit); <-done; v.Close() }
	}
	stopWatching := watch()
	now := map[string]*taker{}
	for name, start := range receivers {
		now[name] = start()
	}
	statuses := func() map[string]output.Status {
		m := map[string]output.Status{}
		for _, o := range s.Status().Outputs {
			m[o.Name] = o
		}
		return m
	}
	const recording = "recording rec.mkv"
	counts := func() map[string]int64 {
		m := map[string]int64{"viewer": watched.Load(), recording: statuses()[recording].Frames}
		for name, r := range now {
			m[name] = r.frames.Load()
		}
		return m
	}
	flow := func(when string, except string) {
		t.Helper()
		before := counts()
		for name := range before {
			if name != except {
				waitFor(t, fmt.Sprintf("%s: frames for %s", when, name), func() bool { return counts()[name] >= before[name]+30 })
			}
		}
	}
	flow("at first", "")
	memory, begin := []int64{resident()}, time.Now()
	victims := []string{"rtmp", "srt", "hls", "viewer", recording}
	for i, name := range victims {
		for time.Since(begin) < length*time.Duration(i)/time.Duration(len(victims)) {
			time.Sleep(100 * time.Millisecond)
		}
		before := statuses()
		switch name {
		case "viewer":
			stopWatching()
		case recording:
			if err := s.hub.Control(name, false); err != nil {
				t.Fatal(err)
			}
		default:
			now[name].kill()
		}
		flow("without "+name, name)
		switch name {
		case "viewer":
			stopWatching = watch()
		case recording:
			if err := s.hub.Control(name, true); err != nil {
				t.Fatal(err)
			}
		default:
			now[name] = receivers[name]()
		}
		flow(name+" is back", "")
		for other, st := range statuses() {
			if other != name && (st.Connects != before[other].Connects || st.Dropped != before[other].Dropped) {
				t.Errorf("%s noticed that %s was away: %+v, before %+v", other, name, st, before[other])
			}
		}
		memory = append(memory, resident())
	}
	for time.Since(begin) < length {
		time.Sleep(100 * time.Millisecond)
	}
	flow("at the end", "")
	runtime.GC()
	memory = append(memory, resident())
	t.Logf("%v: %+v", time.Since(begin).Round(time.Second), s.Status().Outputs)
	t.Logf("viewer %d frames; memory %d MB", watched.Load(), func() (mb []int64) {
		for _, m := range memory {
			mb = append(mb, m>>20)
		}
		return mb
	}())
	if first, last := memory[1], memory[len(memory)-1]; last > first+first/2+64<<20 {
		t.Errorf("memory grew from %d to %d MB", first>>20, last>>20)
	}
	stopWatching()
	for _, r := range now {
		r.kill()
	}
}
