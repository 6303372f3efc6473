package live

import (
	"context"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// TestGStreamer publishes with GStreamer and watches with it: a WebRTC stack that shares no line with ours or the browser's.
func TestGStreamer(t *testing.T) {
	t.Parallel()
	const python, script = "/usr/bin/python3", "../tools/live/gst.py"
	needs := exec.Command(python, "-c", `
import gi
for name in ("Gst", "GstSdp", "GstWebRTC"):
    gi.require_version(name, "1.0")
from gi.repository import Gst
Gst.init(None)
missing = [e for e in ("webrtcbin", "nicesrc", "vp8enc", "rtpvp8pay", "opusenc", "rtph264depay", "h264parse", "avdec_h264") if not Gst.ElementFactory.find(e)]
if missing:
    raise SystemExit("GStreamer lacks " + " ".join(missing))
`)
	if out, err := needs.CombinedOutput(); err != nil {
		lines := strings.Split(strings.TrimSpace(string(out)), "\n")
		t.Skipf("no GStreamer with webrtcbin here: %s (%v)", lines[len(lines)-1], err)
	}
	s := startSession(t, func(c *Options) { c.Model = "nano-x2" })
	ctx, cancel := context.WithTimeout(context.Background(), 60*time.Second)
	defer cancel()
	run := func(kind string) *exec.Cmd {
		cmd := exec.CommandContext(ctx, python, script, kind, "http://"+s.server.Addr(), s.server.Token())
		cmd.Env = append(os.Environ(), "GST_DEBUG=1")
		return cmd
	}
	camera, said := run("whip"), &text{}
	camera.Stdout, camera.Stderr = said, said
	if err := camera.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = camera.Process.Kill(); _ = camera.Wait() }()
	waitFor(t, "the frame of GStreamer", func() bool { return s.Status().State == "live" })
	waitFor(t, "the audio of GStreamer", func() bool { return s.server.Audio() })
	out, err := run("whep").CombinedOutput()
	if err != nil || !strings.Contains(string(out), "first frame 640x360") {
		t.Errorf("watching: %v\n%s\nthe camera says\n%s", err, out, said)
	}
}
