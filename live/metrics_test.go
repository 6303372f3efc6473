package live

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"vsr/live/webrtc/livetest"
)

// scrape reads /metrics as Prometheus does.
func scrape(t *testing.T, s *Session) map[string]float64 {
	t.Helper()
	req, err := http.NewRequest(http.MethodGet, "http://"+s.server.Addr()+"/metrics", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+s.server.Token())
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		b, _ := io.ReadAll(resp.Body)
		t.Fatalf("/metrics: %s: %s", resp.Status, b)
	}
	out := map[string]float64{}
	for lines := bufio.NewScanner(resp.Body); lines.Scan(); {
		name, value, ok := strings.Cut(strings.ReplaceAll(lines.Text(), "slow viewer", "slow_viewer"), "} ")
		if !ok || strings.HasPrefix(name, "#") {
			continue
		}
		v, err := strconv.ParseFloat(value, 64)
		if err != nil {
			t.Fatalf("line %q: %v", lines.Text(), err)
		}
		out[name+"}"] = v
	}
	return out
}

// TestLiveMetrics sends a camera through a lossy line to a viewer and reads every metric of the design.
func TestLiveMetrics(t *testing.T) {
	s := startSession(t, func(c *Options) { c.Feed, c.Model = "porch", "nano-x2" })
	done := make(chan error, 1)
	go func() { done <- camera(s, "vp8", 64, 48, 90) }()
	ctx, cancel := context.WithTimeout(context.Background(), 60*time.Second)
	defer cancel()
	v, err := client(s).Watch(ctx)
	if err != nil {
		t.Fatal(err)
	}
	defer v.Close()
	watchFrames(t, v, 10)
	for _, kind := range []string{"pli", "fir", "nack"} {
		if err := v.Report(kind); err != nil {
			t.Fatal(err)
		}
	}
	for _, want := range []string{
		`frames_total{feed="porch",stage="captured"}`, `frames_total{feed="porch",stage="decoded"}`, `frames_total{feed="porch",stage="enhanced"}`,
		`frames_total{feed="porch",stage="encoded"}`, `frames_total{feed="porch",stage="sent"}`,
		`stage_seconds_count{feed="porch",stage="decode"}`, `stage_seconds_count{feed="porch",stage="sr"}`, `stage_seconds_count{feed="porch",stage="encode"}`,
		`frame_age_seconds_count{feed="porch"}`, `viewers{feed="porch"}`, `keyframes_total{cause="connect",feed="porch"}`,
		`sessions_total{feed="porch",kind="whip",outcome="connected"}`, `sessions_total{feed="porch",kind="whep",outcome="connected"}`,
		`rtcp_total{feed="porch",type="pli"}`, `rtcp_total{feed="porch",type="fir"}`, `rtcp_total{feed="porch",type="nack"}`,
		`bwe_bps{feed="porch"}`, `bitrate_target_bps{feed="porch"}`, `inbound_packets_total{feed="porch"}`, `inbound_jitter_seconds{feed="porch"}`,
	} {
		waitFor(t, want+" to be more than nothing", func() bool { return scrape(t, s)["vsr_live_"+want] > 0 })
	}
	all := scrape(t, s)
	for _, there := range []string{`quality_level{feed="porch"}`, `quality_changes_total{feed="porch"}`, `inbound_lost_packets_total{feed="porch"}`,
		`dropped_frames_total{feed="porch",reason="superseded"}`, `dropped_frames_total{feed="porch",reason="deadline"}`, `dropped_frames_total{feed="porch",reason="slow_viewer"}`} {
		if _, ok := all["vsr_live_"+there]; !ok {
			t.Errorf("there is no %s", there)
		}
	}
	for name := range all {
		if !strings.Contains(name, `feed="porch"`) {
			t.Errorf("%s has no feed", name)
		}
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// TestMaxViewers reads the option's effect at the door. Frames of a source at the server are counted, too.
func TestMaxViewers(t *testing.T) {
	s := startSession(t, func(c *Options) { c.Source, c.MaxViewers = "lavfi:testsrc2=size=64x48:rate=30", 2 })
	ctx, cancel := context.WithTimeout(context.Background(), 60*time.Second)
	defer cancel()
	for range 2 {
		v, err := client(s).Watch(ctx)
		if err != nil {
			t.Fatal(err)
		}
		defer v.Close()
	}
	if v, err := client(s).Watch(ctx); !errors.Is(err, livetest.Refused{Status: http.StatusServiceUnavailable}) {
		t.Errorf("a third viewer gets %v, %v; want 503", v, err)
	}
	waitFor(t, "captured frames", func() bool { return scrape(t, s)[`vsr_live_frames_total{feed="live",stage="captured"}`] > 0 })
}
