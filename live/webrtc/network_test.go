package webrtc_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"runtime"
	"testing"
	"time"

	"vsr/live/webrtc"
	"vsr/live/webrtc/livetest"
)

func serve(t *testing.T, o webrtc.Options) (*webrtc.Server, livetest.Client) {
	t.Helper()
	o.Listen, o.RateLimit = "127.0.0.1:0", 1e6
	s, err := webrtc.New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s, livetest.Client{Base: "http://" + s.Addr(), Token: s.Token()}
}

func relay(t *testing.T, l livetest.Line) *livetest.Relay {
	t.Helper()
	r, err := livetest.NewRelay(l)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close() })
	return r
}

func brief(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	t.Cleanup(cancel)
	return ctx
}

// send publishes key frames until the context ends or the session does.
func send(ctx context.Context, p *livetest.Publisher) {
	for n := uint32(0); ctx.Err() == nil; n++ {
		if p.Send(make([]byte, 2000), n*900) != nil {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// TestPublisherThatVanishes pulls the cable of a camera: its place comes free for the next one.
func TestPublisherThatVanishes(t *testing.T) {
	s, client := serve(t, webrtc.Options{Silence: 1600 * time.Millisecond})
	ctx := brief(t)
	bad := client
	bad.Relay = relay(t, livetest.Line{})
	p, err := bad.Publish(ctx, "vp8")
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	go send(ctx, p)
	pub, err := s.Accept(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := pub.Next(ctx); err != nil {
		t.Fatal(err)
	}
	if _, err := client.Publish(ctx, "vp8"); !errors.Is(err, livetest.Refused{Status: http.StatusConflict}) {
		t.Errorf("a second camera gets %v, want 409", err)
	}
	bad.Relay.Cut()
	for err == nil {
		_, err = pub.Next(ctx)
	}
	if err != io.EOF {
		t.Fatalf("after the cable was pulled: %v, want the end", err)
	}
	again, err := client.Publish(ctx, "vp8")
	if err != nil {
		t.Fatalf("the next camera: %v", err)
	}
	go send(ctx, again)
	if pub, err = s.Accept(ctx); err != nil {
		t.Fatal(err)
	}
	if _, err := pub.Next(ctx); err != nil {
		t.Error(err)
	}
	again.Close()
}

// TestCloseLeavesNothing counts goroutines before a server with a camera and viewers, and after.
func TestCloseLeavesNothing(t *testing.T) {
	http.DefaultClient.CloseIdleConnections()
	before := runtime.NumGoroutine()
	s, err := webrtc.New(webrtc.Options{Listen: "127.0.0.1:0", Codec: "vp8"})
	if err != nil {
		t.Fatal(err)
	}
	client := livetest.Client{Base: "http://" + s.Addr(), Token: s.Token()}
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	p, err := client.Publish(ctx, "h264")
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Broadcast().Write("vp8", make([]byte, 100), 0, true); err != nil {
		t.Fatal(err)
	}
	v, err := client.Watch(ctx)
	if err != nil {
		t.Fatal(err)
	}
	s.Close()
	if err := s.Broadcast().Write("vp8", make([]byte, 100), 0, true); err == nil {
		t.Error("a closed broadcast takes frames")
	}
	p.Close()
	v.Close()
	for range 1000 {
		http.DefaultClient.CloseIdleConnections()
		if runtime.NumGoroutine() <= before {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	stacks := make([]byte, 1<<16)
	t.Errorf("%d goroutines, %d before:\n%s", runtime.NumGoroutine(), before, stacks[:runtime.Stack(stacks, true)])
}

// TestTwentyViewers sends numbered frames to many viewers at once: none is lost on the way to any of them.
func TestTwentyViewers(t *testing.T) {
	const viewers, frames = 20, 60
	joined := make(chan struct{}, viewers)
	s, client := serve(t, webrtc.Options{Codec: "vp8", MaxPending: viewers, OnEvent: func(_, outcome string) {
		if outcome == "connected" {
			joined <- struct{}{}
		}
	}})
	ctx := brief(t)
	if err := s.Broadcast().Write("vp8", make([]byte, 100), 0, true); err != nil {
		t.Fatal(err)
	}
	var all []*livetest.Viewer
	for range viewers {
		v, err := client.Watch(ctx)
		if err != nil {
			t.Fatal(err)
		}
		defer v.Close()
		all = append(all, v)
		<-joined
	}
	for n := range frames {
		if err := s.Broadcast().Write("vp8", make([]byte, 3000), uint32(n)*3000, true); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second / 30)
	}
	for i, v := range all {
		for n := range frames {
			select {
			case <-v.Units:
			case <-ctx.Done():
				t.Fatalf("viewer %d: %d of %d frames came", i, n, frames)
			}
		}
	}
	if n := s.Broadcast().Dropped(); n != 0 {
		t.Errorf("%d frames were dropped for slow viewers", n)
	}
}
