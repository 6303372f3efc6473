package live

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"vsr/decode"
	"vsr/live/output"
)

// Programs that share no line with ours or FFmpeg's library, as receivers and as senders. Each test runs where its program is installed.

// program finds one, or skips the test.
func program(t *testing.T, names ...string) string {
	t.Helper()
	for _, name := range names {
		if p, err := exec.LookPath(name); err == nil {
			return p
		}
	}
	t.Skipf("%s is not installed", names[0])
	return ""
}

// pythonWith finds a Python that can import what is asked for.
func pythonWith(t *testing.T, code string) string {
	t.Helper()
	why := "no Python is installed"
	for _, name := range []string{os.Getenv("VSR_PYTHON"), "python3", "/usr/bin/python3"} {
		if name == "" {
			continue
		}
		out, err := exec.Command(name, "-c", code).CombinedOutput()
		if err == nil {
			return name
		}
		lines := strings.Split(strings.TrimSpace(string(out)), "\n")
		why = lines[len(lines)-1]
	}
	t.Skip(why)
	return ""
}

// begin starts a program that ends with the test; what it says is logged if the test fails.
func begin(t *testing.T, name string, arguments ...string) *text {
	t.Helper()
	cmd, said := exec.Command(name, arguments...), &text{}
	cmd.Stdout, cmd.Stderr = said, said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		if t.Failed() {
			t.Logf("%s says\n%s", filepath.Base(name), said)
		}
	})
	return said
}

// listening waits until somebody takes connections.
func listening(t *testing.T, address string) {
	t.Helper()
	waitFor(t, "a server at "+address, func() bool {
		c, err := net.Dial("tcp", address)
		if err == nil {
			c.Close()
		}
		return err == nil
	})
}

// freeUDP finds a loopback UDP port that nobody uses at the moment.
func freeUDP(t *testing.T) string {
	t.Helper()
	c, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	return c.LocalAddr().String()
}

// flashing is a session whose source flashes and sounds, and which goes to an address.
func flashing(t *testing.T, address string) *Session {
	t.Helper()
	var made atomic.Int32
	return startSession(t, func(o *Options) { o.Source, o.Push = flashes, output.Addresses{output.Address(address)} }, plainLevels(&made))
}

// file reads a recording that is complete up to some packet.
func (o *onsets) file(t *testing.T, path string) {
	t.Helper()
	src, err := decode.Open(t.Context(), path, decode.Options{Threads: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer src.Close()
	for {
		u, err := src.Next(t.Context())
		if err != nil {
			return
		}
		o.take(src, u)
		u.Release()
	}
}

// connected waits until the only output has sent so many frames.
func connected(t *testing.T, s *Session, frames int64) {
	t.Helper()
	waitFor(t, fmt.Sprintf("%d frames sent", frames), func() bool { o := s.Status().Outputs[0]; return o.State == output.StateConnected && o.Frames >= frames })
}

// TestFFmpegListens: the program ffmpeg as a server of RTMP keeps what comes as it is; audio and video are in step in its file.
func TestFFmpegListens(t *testing.T) {
	t.Parallel()
	ffmpeg, file, address := program(t, "ffmpeg"), filepath.Join(t.TempDir(), "got.mkv"), "rtmp://"+freeAddress(t)+"/live/key_abcdef"
	begin(t, ffmpeg, "-v", "warning", "-listen", "1", "-i", address, "-c", "copy", "-flush_packets", "1", "-y", file)
	flashing(t, address)
	inStep(t, file, "ffmpeg by RTMP")
}

// TestNginxTakesAndGives: nginx with its module of RTMP takes the stream, GStreamer plays it from there and keeps what it hears and sees in step, and vsr
// takes it from there as a source.
func TestNginxTakesAndGives(t *testing.T) {
	t.Parallel()
	nginx := program(t, "nginx", "/usr/sbin/nginx")
	const module = "/usr/lib/nginx/modules/ngx_rtmp_module.so"
	if _, err := os.Stat(module); err != nil {
		t.Skip("nginx has no module of RTMP here: libnginx-mod-rtmp")
	}
	dir, rtmp := t.TempDir(), freeAddress(t)
	if err := os.Chmod(dir, 0o777); err != nil {
		t.Fatal(err)
	}
	conf := fmt.Sprintf("load_module %s;\ndaemon off;\nmaster_process off;\npid %s/pid;\nerror_log stderr notice;\nevents {}\nrtmp { server { listen %s; application live { live on; } } }\n",
		module, dir, rtmp)
	if err := os.WriteFile(filepath.Join(dir, "nginx.conf"), []byte(conf), 0o666); err != nil {
		t.Fatal(err)
	}
	begin(t, nginx, "-p", dir, "-e", "stderr", "-c", filepath.Join(dir, "nginx.conf"))
	listening(t, rtmp)
	address := "rtmp://" + rtmp + "/live/key_abcdef"
	connected(t, flashing(t, address), 30)
	t.Run("GStreamer", func(t *testing.T) {
		gst, file := gstreamer(t, "rtmpsrc", "flvdemux", "h264parse", "aacparse", "matroskamux"), filepath.Join(t.TempDir(), "got.mkv")
		begin(t, gst, "-q", "rtmpsrc", "location="+address+" live=1", "!", "flvdemux", "name=d", "d.video", "!", "queue", "!", "h264parse", "!", "matroskamux", "name=m",
			"streamable=true", "!", "filesink", "buffer-mode=unbuffered", "location="+file, "d.audio", "!", "queue", "!", "aacparse", "!", "m.")
		inStep(t, file, "GStreamer by RTMP")
	})
	t.Run("source", func(t *testing.T) {
		var made atomic.Int32
		s := startSession(t, func(o *Options) { o.Source = address }, plainLevels(&made))
		v, err := client(s).Watch(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		defer v.Close()
		if f := watchFrames(t, v, 30); f.Width != 256 {
			t.Errorf("%dx%d", f.Width, f.Height)
		}
	})
}

// gstreamer finds GStreamer's program and asks for elements.
func gstreamer(t *testing.T, elements ...string) string {
	t.Helper()
	inspect := program(t, "gst-inspect-1.0")
	for _, e := range elements {
		if exec.Command(inspect, "--exists", e).Run() != nil {
			t.Skipf("GStreamer lacks %s", e)
		}
	}
	return program(t, "gst-launch-1.0")
}

// inStep waits until a file that grows holds enough flashes, and compares them with its tones.
func inStep(t *testing.T, file, where string) { t.Helper(); flashesIn(t, file).check(t, where) }

func flashesIn(t *testing.T, file string) *onsets {
	t.Helper()
	var got onsets
	waitFor(t, "flashes in "+filepath.Base(file), func() bool {
		time.Sleep(500 * time.Millisecond)
		if st, err := os.Stat(file); err != nil || st.Size() < 10_000 {
			return false
		}
		got = onsets{}
		got.file(t, file)
		return len(got.video) >= 5 && len(got.audio) >= 5
	})
	return &got
}

// TestSRTTools: srt-live-transmit as a listener takes the stream, and as a caller brings it back to a source that listens. GStreamer keeps it in step.
func TestSRTTools(t *testing.T) {
	t.Parallel()
	transmit := program(t, "srt-live-transmit")
	out, way, in := freeUDP(t), freeUDP(t), freeUDP(t)
	begin(t, transmit, "-q", "srt://"+out+"?mode=listener", "udp://"+way)
	begin(t, transmit, "-q", "udp://"+way, "srt://"+in)
	var made atomic.Int32
	back := startSession(t, func(o *Options) { o.Source = "listen:srt://" + in }, plainLevels(&made))
	connected(t, flashing(t, "srt://"+out), 30)
	v, err := client(back).Watch(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer v.Close()
	if f := watchFrames(t, v, 30); f.Width != 256 {
		t.Errorf("%dx%d", f.Width, f.Height)
	}
}

// TestGStreamerTakesSRT: GStreamer's SRT and its demuxer of transport streams; audio and video are in step in its file.
func TestGStreamerTakesSRT(t *testing.T) {
	t.Parallel()
	gst, file, address := gstreamer(t, "srtsrc", "tsdemux", "h264parse", "aacparse", "matroskamux"), filepath.Join(t.TempDir(), "got.mkv"), freeUDP(t)
	begin(t, gst, "-q", "srtsrc", "uri=srt://"+address+"?mode=listener", "!", "tsdemux", "name=d", "d.", "!", "queue", "!", "h264parse", "!", "matroskamux", "name=m",
		"streamable=true", "!", "filesink", "buffer-mode=unbuffered", "location="+file, "d.", "!", "queue", "!", "aacparse", "!", "m.")
	flashing(t, "srt://"+address)
	inStep(t, file, "GStreamer by SRT")
}

// TestRTSPServer: gst-rtsp-server as a camera and as the receiver of an announced stream.
func TestRTSPServer(t *testing.T) {
	t.Parallel()
	python := pythonWith(t, `
import gi
for name in ("Gst", "GstRtspServer"):
    gi.require_version(name, "1.0")
from gi.repository import Gst, GstRtspServer
Gst.init(None)
missing = [e for e in ("x264enc", "h264parse", "avenc_aac", "rtpmp4gpay", "matroskamux") if not Gst.ElementFactory.find(e)]
if missing:
    raise SystemExit("GStreamer lacks " + " ".join(missing))
`)
	address, file := freeAddress(t), filepath.Join(t.TempDir(), "got.mkv")
	_, port, _ := net.SplitHostPort(address)
	cmd, said := exec.Command(python, "../tools/live/rtsp_server.py", port, file), &text{}
	cmd.Stderr = said
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		in.Close()
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		if t.Failed() {
			t.Log(said)
		}
	}()
	if !bufio.NewScanner(stdout).Scan() {
		t.Fatal("the server does not begin")
	}
	t.Run("camera", func(t *testing.T) {
		var made atomic.Int32
		s := startSession(t, func(o *Options) { o.Source = "rtsp://" + address + "/camera" }, plainLevels(&made))
		v, err := client(s).Watch(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		defer v.Close()
		if f := watchFrames(t, v, 30); f.Width != 640 || f.Height != 360 {
			t.Errorf("%dx%d", f.Width, f.Height)
		}
		waitFor(t, "audio", s.server.Audio)
	})
	t.Run("recorder", func(t *testing.T) {
		flashing(t, "rtsp://"+address+"/record")
		flashesIn(t, file).check(t, "gst-rtsp-server")
	})
}

// TestAiortc publishes with aiortc and watches with it. What it publishes is in step in the recording.
func TestAiortc(t *testing.T) {
	t.Parallel()
	python := pythonWith(t, "import aiortc, numpy")
	const script = "../tools/live/aiortc_peer.py"
	for _, codec := range []string{"vp8", "h264"} {
		t.Run(codec, func(t *testing.T) {
			record := filepath.Join(t.TempDir(), "rec.mkv")
			var made atomic.Int32
			s := startSession(t, func(o *Options) { o.Record = record }, plainLevels(&made))
			base := "http://" + s.server.Addr()
			begin(t, python, script, "whip", base, s.server.Token(), codec)
			waitFor(t, "the frames of aiortc", func() bool { return s.Status().State == "live" })
			ctx, cancel := context.WithTimeout(t.Context(), 70*time.Second)
			defer cancel()
			out, err := exec.CommandContext(ctx, python, script, "whep", base, s.server.Token()).CombinedOutput()
			if err != nil || !strings.Contains(string(out), "first frame 640x360") || !strings.Contains(string(out), "watched ") {
				t.Errorf("watching: %v\n%s", err, out)
			}
			connected(t, s, 300)
			if err := s.hub.Control("recording rec.mkv", false); err != nil {
				t.Fatal(err)
			}
			waitFor(t, "the end of the recording", func() bool { return s.Status().Outputs[0].State == output.StateStopped })
			var got onsets
			got.file(t, record)
			got.check(t, "what aiortc published, recorded")
		})
	}
}
