// Package fleet has tests of vsr fleet with a real Temporal server, worker processes that are killed, and a real S3 server. It is a
// module of its own because the server is large: `make test-fleet` builds what it needs and runs it.
package fleet

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.temporal.io/api/enums/v1"
	historypb "go.temporal.io/api/history/v1"
	"google.golang.org/protobuf/encoding/protojson"
)

// limit is how long a job may take on a busy machine.
const limit = 10 * time.Minute

var record = flag.Bool("record", false, "write the histories of the jobs into upscale/fleet/testdata/histories")

// config makes segments of 12 frames.
const config = "segment_min: 12\nsegment_max: 12\nencode:\n  preset: ultrafast\n"

// clip writes a video of some frames at 96x64 and returns its name and that of the configuration.
func clip(t *testing.T, dir, name string, frames int) (path, cfg string) {
	t.Helper()
	const w, h = 48, 32
	var b bytes.Buffer
	fmt.Fprintf(&b, "YUV4MPEG2 W%d H%d F24:1 Ip A1:1 C420jpeg\n", w, h)
	for n := range frames {
		b.WriteString("FRAME\n")
		s := n / 30
		for y := range h {
			for x := range w {
				b.WriteByte(byte((x*(s+2) + y*3 + n*2) ^ (s * 37)))
			}
		}
		b.Write(bytes.Repeat([]byte{byte(100 + s*3)}, w*h/4))
		b.Write(bytes.Repeat([]byte{byte(140 - s*2)}, w*h/4))
	}
	raw := filepath.Join(t.TempDir(), "small.y4m")
	cfg = filepath.Join(dir, "config.yaml")
	for name, text := range map[string][]byte{raw: b.Bytes(), cfg: []byte(config)} {
		if err := os.WriteFile(name, text, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	path = filepath.Join(dir, name)
	vsr(t, 0, "run", raw, "-o", path, "-c", cfg, "--model", "nano-x2", "--threads", "1", "--progress", "none")
	return path, cfg
}

// worker starts a worker with a scratch folder of its own.
func worker(t *testing.T, s *server, scratch string, more ...string) *process {
	t.Helper()
	args := append([]string{"fleet", "worker", "--address", s.address, "--device", "cpu", "--threads", "1", "--scratch", scratch, "--grace", "5s"}, more...)
	return start(t, "vsr", args...)
}

// same compares two files.
func same(t *testing.T, a, b string) {
	t.Helper()
	x, errX := os.ReadFile(a)
	y, errY := os.ReadFile(b)
	if errX != nil || errY != nil || !bytes.Equal(x, y) {
		t.Errorf("%s (%d bytes, %v) and %s (%d bytes, %v) differ", a, len(x), errX, b, len(y), errY)
	}
}

// report is what is read of a fleet's report.
type report struct {
	OK       bool
	Frames   struct{ In, Out int64 }
	Segments []struct {
		Index                 int
		Frames                int64
		Device, Worker, Error string
		Attempt               int
	}
	Checks []struct {
		Name string
		OK   bool
	}
}

func readReport(t *testing.T, path string) (r report) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err == nil {
		err = json.Unmarshal(b, &r)
	}
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// checkSegments checks that the report names each of n segments once, and that the work folder holds one record and one file for each.
func checkSegments(t *testing.T, r report, work string, n int) {
	t.Helper()
	if !r.OK || len(r.Segments) != n || r.Frames.In != r.Frames.Out || len(r.Checks) == 0 {
		t.Errorf("report: %+v", r)
	}
	for i, s := range r.Segments {
		if s.Index != i || s.Device == "" || s.Worker == "" {
			t.Errorf("segment %d: %+v", i, s)
		}
	}
	records, _ := filepath.Glob(filepath.Join(work, "*", "*.done"))
	if len(records) != n {
		t.Errorf("%d records of %d segments", len(records), n)
	}
	for _, path := range records {
		var c struct {
			File  string
			Bytes int64
		}
		b, err := os.ReadFile(path)
		if err == nil {
			err = json.Unmarshal(b, &c)
		}
		if err != nil {
			t.Error(err)
			continue
		}
		if st, err := os.Stat(filepath.Join(filepath.Dir(path), "segments", c.File)); err != nil || st.Size() != c.Bytes {
			t.Errorf("%s: %v", path, err)
		}
	}
}

// A video of 20 segments on three workers of which one is killed whenever two more segments are done, and at least every few seconds, with the
// server killed once and one more worker whose disk is full: it comes out whole, and as one run makes it.
func TestKilled(t *testing.T) {
	s, dir := startServer(t), t.TempDir()
	in, cfg := clip(t, dir, "in.mkv", 240)
	plain, out, reported := filepath.Join(dir, "plain.mp4"), filepath.Join(dir, "out.mp4"), filepath.Join(dir, "report.json")
	flags := []string{"-c", cfg, "--model", "nano-x2", "--repeatable", "--progress", "none"}
	vsr(t, 0, append([]string{"run", in, "-o", plain, "--threads", "1"}, flags...)...)
	var filled *process
	if full := fullDisk(t); full != "" {
		filled = worker(t, s, full)
	}
	var workers []*process
	for i := range 3 {
		workers = append(workers, worker(t, s, filepath.Join(dir, "scratch", strconv.Itoa(i))))
	}
	job := start(t, "vsr", append([]string{"fleet", "run", in, "-o", out, "--address", s.address, "--heartbeat", "3s", "--report", reported, "--keep", "--attempts", "20"}, flags...)...)
	kills, servers, seen, last := 0, 0, 0, time.Now()
	for job.alive() {
		select {
		case <-job.done:
			continue
		case <-time.After(10 * time.Millisecond):
		}
		// Fast machines do a segment in a blink, so work done counts, not only time.
		records, _ := filepath.Glob(filepath.Join(dir, ".vsr-fleet", "*", "*.done"))
		if len(records) < seen+2 && time.Since(last) < 2500*time.Millisecond {
			continue
		}
		i := kills % len(workers)
		workers[i].kill()
		kills++
		workers[i] = worker(t, s, filepath.Join(dir, "scratch", strconv.Itoa(i)))
		if kills == 4 {
			s.kill()
			servers++
			time.Sleep(time.Second)
			s.restart(t)
		}
		if kills > 200 {
			t.Fatalf("the job does not end:\n%s", vsr(t, 0, "fleet", "list", "--address", s.address))
		}
		seen, last = len(records), time.Now()
	}
	if code := job.wait(t, time.Second); code != 0 {
		t.Fatalf("exit code %d:\n%s", code, job.log.String())
	}
	if filled != nil {
		if code := filled.wait(t, time.Minute); code != 6 || !strings.Contains(strings.ToLower(filled.log.String()), "no space left on device") {
			t.Errorf("the worker with a full disk: exit code %d:\n%s", code, filled.log.String())
		}
	}
	r := readReport(t, reported)
	checkSegments(t, r, filepath.Join(dir, ".vsr-fleet"), 20)
	same(t, plain, out)
	vsr(t, 0, "verify", in, out)
	tried := 0
	for _, seg := range r.Segments {
		if seg.Attempt > 1 {
			tried++
		}
	}
	t.Logf("%d workers and %d servers were killed; %d of 20 segments were committed by a later attempt", kills, servers, tried)
	if kills < 3 {
		t.Errorf("only %d workers were killed", kills)
	}
	keepHistory(t, s, "killed")
	// The same command again finds it done; the old name of the job is shown by list.
	again := vsr(t, 0, append([]string{"fleet", "run", in, "-o", out, "--address", s.address, "--keep", "--json"}, flags...)...)
	if !strings.Contains(again, `"status": "done"`) {
		t.Errorf("again: %s", again)
	}
}

// fullDisk mounts a file system that is too small for a segment, "" where that is not allowed.
func fullDisk(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=32k"); err != nil {
		t.Logf("a full disk is not tried: %v", err)
		return ""
	}
	t.Cleanup(func() { _ = syscall.Unmount(dir, syscall.MNT_DETACH) }) // what is left of it goes with the process
	return dir
}

// keepHistory writes the history of the only job of a server where the replay test of upscale/fleet finds it.
func keepHistory(t *testing.T, s *server, name string) {
	t.Helper()
	if !*record {
		return
	}
	var list []struct{ ID, Kind string }
	if err := json.Unmarshal([]byte(vsr(t, 0, "fleet", "list", "--address", s.address, "--json")), &list); err != nil {
		t.Fatal(err)
	}
	c, err := s.dial(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	h := &historypb.History{}
	events := c.GetWorkflowHistory(t.Context(), list[len(list)-1].ID, "", false, enums.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT)
	for events.HasNext() {
		e, err := events.Next()
		if err != nil {
			t.Fatal(err)
		}
		h.Events = append(h.Events, e)
	}
	b, err := protojson.Marshal(h)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join("../../upscale/fleet/testdata/histories", name+".json")
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, b, 0o644); err != nil {
		t.Fatal(err)
	}
}

// Twenty short videos, of which one is no video: nineteen are published and the other is named.
func TestCorpus(t *testing.T) {
	s, dir := startServer(t), t.TempDir()
	one, cfg := clip(t, dir, "clip.mkv", 24)
	content, err := os.ReadFile(one)
	if err != nil {
		t.Fatal(err)
	}
	in, out := filepath.Join(dir, "in"), filepath.Join(dir, "out")
	if err := os.MkdirAll(in, 0o755); err != nil {
		t.Fatal(err)
	}
	for i := range 20 {
		b := content
		if i == 7 {
			b = bytes.Repeat([]byte("this is no video "), 1000)
		}
		if err := os.WriteFile(filepath.Join(in, fmt.Sprintf("v%02d.mkv", i)), b, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for i := range 2 {
		worker(t, s, filepath.Join(dir, "scratch", strconv.Itoa(i)))
	}
	began := s.cpu(t)
	job := start(t, "vsr", "fleet", "run", in, "-o", out, "--address", s.address, "-c", cfg, "--model", "nano-x2", "--json")
	if code := job.wait(t, limit); code != 3 || !strings.Contains(job.log.String(), "1 of 20 videos failed") {
		t.Fatalf("exit code %d:\n%s", code, job.log.String())
	}
	t.Logf("the server used %s of processor time a video", ((s.cpu(t) - began) / 20).Round(time.Millisecond))
	if !strings.Contains(job.log.String(), `"published": 19`) || !strings.Contains(job.log.String(), "v07.mkv") {
		t.Errorf("%s", job.log.String())
	}
	made, _ := filepath.Glob(filepath.Join(out, "*.mkv"))
	if len(made) != 19 {
		t.Errorf("%d outputs", len(made))
	}
	vsr(t, 0, "verify", one, filepath.Join(out, "v19.mkv"))
	if list := vsr(t, 0, "fleet", "list", "failed", "--address", s.address); !strings.Contains(list, "v07.mkv") || strings.Contains(list, "v08.mkv") {
		t.Errorf("%s", list)
	}
	left, _ := filepath.Glob(filepath.Join(out, ".vsr-fleet", "*", "*.done"))
	if len(left) != 0 {
		t.Errorf("segments are left: %v", left)
	}
	keepHistory(t, s, "corpus")
}

// Input and output in an S3 store, and workers that share no folder.
func TestS3(t *testing.T) {
	s, dir := startServer(t), t.TempDir()
	in, cfg := clip(t, dir, "in.mkv", 240)
	plain := filepath.Join(dir, "plain.mp4")
	flags := []string{"-c", cfg, "--model", "nano-x2", "--repeatable", "--progress", "none"}
	vsr(t, 0, append([]string{"run", in, "-o", plain, "--threads", "1"}, flags...)...)
	root, endpoint := startS3(t)
	b, err := os.ReadFile(in)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(root, "videos", "in.mkv"), b, 0o644); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		worker(t, s, t.TempDir(), "--s3-endpoint", endpoint, "--s3-region", "us-east-1", "--cache", "0.01")
	}
	reported := filepath.Join(dir, "report.json")
	job := start(t, "vsr", append([]string{"fleet", "run", "s3://videos/in.mkv", "-o", "s3://videos/large/out.mp4", "--address", s.address, "--s3-endpoint", endpoint,
		"--s3-region", "us-east-1", "--report", reported}, flags...)...)
	if code := job.wait(t, limit); code != 0 {
		t.Fatalf("exit code %d:\n%s", code, job.log.String())
	}
	same(t, plain, filepath.Join(root, "videos", "large", "out.mp4"))
	if r := readReport(t, reported); !r.OK || len(r.Segments) != 20 {
		t.Errorf("%+v", r)
	}
	left, _ := filepath.Glob(filepath.Join(root, "videos", "large", ".vsr-fleet", "*", "*"))
	for _, path := range left {
		if base := filepath.Base(path); base != "report.json" && base != "segments" {
			t.Errorf("%s is left", path)
		}
	}
}

// startS3 starts an S3 server on a folder with the bucket videos.
func startS3(t *testing.T) (root, endpoint string) {
	t.Helper()
	root = t.TempDir()
	if err := os.Mkdir(filepath.Join(root, "videos"), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("AWS_ACCESS_KEY_ID", "tester")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "secret of the tester")
	address := net.JoinHostPort("127.0.0.1", strconv.Itoa(freePort(t)))
	start(t, "versitygw", "--port", address, "--access", "tester", "--secret", "secret of the tester", "--quiet", "posix", "--sidecar", t.TempDir(), root)
	for range 600 {
		if r, err := http.Get("http://" + address + "/"); err == nil {
			r.Body.Close()
			return root, "http://" + address
		}
		time.Sleep(100 * time.Millisecond)
	}
	t.Fatal("the S3 server does not answer")
	return "", ""
}

// Pause, resume and cancel reach a job; a cancelled one goes on with what is committed; a worker gives its work back on SIGTERM.
func TestControl(t *testing.T) {
	s, dir := startServer(t), t.TempDir()
	in, cfg := clip(t, dir, "in.mkv", 720) // long enough that a fast machine does not end it before the commands
	out := filepath.Join(dir, "out.mp4")
	w := worker(t, s, filepath.Join(dir, "scratch"))
	args := []string{"fleet", "run", in, "-o", out, "--address", s.address, "-c", cfg, "--model", "nano-x2", "--heartbeat", "4s"}
	id := strings.TrimSpace(vsr(t, 0, append(args, "--detach")...))
	if i := strings.LastIndexByte(id, '\n'); i >= 0 {
		id = id[i+1:]
	}
	state := func() (v struct {
		Status string
		Video  struct {
			Done, Frames int64
			Paused       bool
			Segments     string
			Returned     int
		}
	}) {
		t.Helper()
		if err := json.Unmarshal([]byte(vsr(t, 0, "fleet", "show", id, "--address", s.address, "--json")), &v); err != nil {
			t.Fatal(err)
		}
		return v
	}
	until := func(what string, ok func() bool) {
		t.Helper()
		for end := time.Now().Add(limit); !ok(); time.Sleep(300 * time.Millisecond) {
			if time.Now().After(end) {
				t.Fatalf("%s does not come: %+v", what, state())
			}
		}
	}
	until("a segment", func() bool { return state().Video.Done > 0 })
	vsr(t, 0, "fleet", "pause", id, "--address", s.address)
	until("the pause", func() bool { v := state().Video; return v.Paused })
	vsr(t, 0, "fleet", "priority", id, "1", "--address", s.address)
	vsr(t, 0, "fleet", "resume", id, "--address", s.address)
	until("the end of the pause", func() bool { v := state().Video; return !v.Paused })
	before := state().Video.Done // a worker has to be there to answer
	if err := w.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if code := w.wait(t, time.Minute); code != 0 {
		t.Errorf("SIGTERM: exit code %d", code)
	}
	vsr(t, 0, "fleet", "cancel", id, "--address", s.address)
	w = worker(t, s, filepath.Join(dir, "scratch"))
	until("the end", func() bool { return state().Status == "cancelled" })
	if _, err := os.Stat(out); err == nil {
		t.Error("a cancelled job has published")
	}
	b := vsr(t, 0, append(args, "--json")...)
	if !strings.Contains(b, `"status": "done"`) {
		t.Errorf("again: %s", b)
	}
	vsr(t, 0, "verify", in, out)
	if before == 0 {
		t.Error("nothing was done before the cancellation")
	}
}

// vsr fleet dev starts all that is needed.
func TestDev(t *testing.T) {
	dir, port := t.TempDir(), freePort(t)
	in, cfg := clip(t, dir, "in.mkv", 24)
	dev := start(t, "vsr", "fleet", "dev", "--temporal", program(t, "temporal"), "--port", strconv.Itoa(port), "--scratch", filepath.Join(dir, "scratch"), "--device", "cpu", "--threads", "1",
		"--metrics", "127.0.0.1:0")
	for !strings.Contains(dev.log.String(), "metrics: ") {
		if !dev.alive() {
			t.Fatal(dev.log.String())
		}
		time.Sleep(200 * time.Millisecond)
	}
	vsr(t, 0, "fleet", "run", in, "-o", filepath.Join(dir, "out.mkv"), "--address", fmt.Sprintf("127.0.0.1:%d", port), "-c", cfg, "--model", "nano-x2")
	vsr(t, 0, "verify", in, filepath.Join(dir, "out.mkv"))
	_, address, _ := strings.Cut(dev.log.String(), "metrics: ")
	r, err := http.Get(strings.Fields(address)[0])
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	var b bytes.Buffer
	_, _ = b.ReadFrom(r.Body)
	if !strings.Contains(b.String(), `temporal_activity_execution_latency_seconds_count{activity_type="Segment"`) {
		t.Errorf("metrics:\n%s", tail(b.String(), 3000))
	}
	if err := dev.cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	if code := dev.wait(t, time.Minute); code != 0 {
		t.Errorf("exit code %d", code)
	}
}
