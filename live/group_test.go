package live

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"vsr/live/webrtc/livetest"
)

// TestSeveralFeeds: two sources behind one address, each under its name, with the same tokens. A third whose source is no video ends alone.
func TestSeveralFeeds(t *testing.T) {
	t.Parallel()
	o := Defaults()
	o.Listen, o.Model = "127.0.0.1:0", "nano-x2"
	o.Feeds = []Feed{{Name: "door", Source: "lavfi:testsrc2=size=96x64:rate=30"}, {Name: "yard", Source: "lavfi:testsrc2=size=64x48:rate=30", Height: 72, Weight: 2},
		{Name: "broken", Source: "/dev/null"}}
	g, err := OpenAll(o)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- g.Run(ctx) }()
	base := "http://" + g.sessions[0].server.Addr()
	watching, stop := context.WithTimeout(context.Background(), 90*time.Second)
	defer stop()
	for name, height := range map[string]int{"door": 128, "yard": 72} {
		c := livetest.Client{Base: base + "/" + name, Token: g.sessions[0].server.ViewToken()}
		v, err := c.Watch(watching)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if f := watchFrames(t, v, 10); f.Height != height {
			t.Errorf("%s: frames of %v, want %d rows", name, f, height)
		}
		v.Close()
	}
	if a, b := g.sessions[0].server.Token(), g.sessions[1].server.Token(); a != b {
		t.Error("the feeds have tokens of their own")
	}
	plain := http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	for path, want := range map[string]string{"/": "307 /door/", "/watch": "307 /door/watch", "/yard": "307 /yard/", "/yard/watch": "200 ", "/other/": "404 ", "/yard/status": "401 "} {
		resp, err := plain.Get(base + path)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if got := resp.Status[:3] + " " + resp.Header.Get("Location"); got != want {
			t.Errorf("GET %s: %q, want %q", path, got, want)
		}
	}
	var out strings.Builder
	g.Announce(&out, true)
	if !strings.Contains(out.String(), "yard:\nopen "+base+"/yard/#token=") {
		t.Errorf("announced:\n%s", out.String())
	}
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Errorf("Run: %v", err)
	}
	if err := g.Close(); err != nil {
		t.Error(err)
	}
}

// TestPart: the threads go by weight, one at least; what is too little for a whole thread is a part of its time.
func TestPart(t *testing.T) {
	for _, c := range []struct {
		cores   int
		share   float64
		gpu     bool
		threads int
		time    float64
	}{{8, 0.5, false, 4, 1}, {8, 0.25, false, 2, 1}, {2, 0.25, false, 1, 0.5}, {2, 0.75, false, 2, 0.75}, {8, 0.25, true, 8, 0.25}, {2, 1, false, 2, 1}} {
		if threads, time := part(c.cores, c.share, c.gpu); threads != c.threads || time != c.time {
			t.Errorf("%g of %d cores: %d threads for %g of the time, want %d for %g", c.share, c.cores, threads, time, c.threads, c.time)
		}
	}
}

// TestFeedFlag reads what it writes, as a configuration file between the defaults and the flags demands.
func TestFeedFlag(t *testing.T) {
	var o Options
	f := FeedFlag{To: &o}
	for _, text := range []string{"porch", "door=rtsp://a/b?x=1", "yard=browser", "door=rtsp://c"} {
		if err := f.Set(text); err != nil {
			t.Fatal(err)
		}
	}
	if o.Feed != "porch" || f.String() != "door=rtsp://c\nyard=browser" {
		t.Errorf("feed %q, feeds %q", o.Feed, f.String())
	}
	again := Options{Feeds: []Feed{{Name: "yard", Source: "x", Model: "nano-x2"}}}
	if err := (FeedFlag{To: &again}).Set(f.String()); err != nil {
		t.Fatal(err)
	}
	if len(again.Feeds) != 2 || again.Feeds[0].Source != "browser" || again.Feeds[0].Model != "nano-x2" || again.Feeds[1].Name != "door" {
		t.Errorf("over a file: %+v", again.Feeds)
	}
}

// TestFeedsAreChecked before anything is opened.
func TestFeedsAreChecked(t *testing.T) {
	for name, list := range map[string][]Feed{
		"letters": {{Name: "a/b"}}, "two feeds named x": {{Name: "x"}, {Name: "x"}}, "weight": {{Name: "x", Weight: -1}}, "scale": {{Name: "x", Scale: 9}}, "protocol": {{Name: "x", Source: "gopher://y"}},
	} {
		o := Defaults()
		o.Feeds = list
		if err := o.Validate(); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%+v: %v, want %q", list, err, name)
		}
	}
}
