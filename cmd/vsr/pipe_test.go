package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"vsr/decode"
	"vsr/internal/testmedia"
)

// piped runs vsr in a process of its own between pipes.
func piped(t *testing.T, stdin io.Reader, stdout io.Writer, args ...string) (code int, stderr string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	var text bytes.Buffer
	c := exec.CommandContext(ctx, os.Args[0], args...)
	c.Env = append(os.Environ(), asVSR+"=1")
	c.Stdin, c.Stdout, c.Stderr = stdin, stdout, &text
	if err := c.Run(); err != nil && c.ProcessState == nil {
		t.Fatal(err)
	}
	return c.ProcessState.ExitCode(), text.String()
}

// y4m is a stream of frames whose luma is n at frame n, in 4:2:0 of 8 bits.
func y4m(w, h, frames int) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "YUV4MPEG2 W%d H%d F24000:1001 Ip A1:1 C420mpeg2 XCOLORRANGE=LIMITED\n", w, h)
	for n := range frames {
		b.WriteString("FRAME\n")
		b.Write(bytes.Repeat([]byte{byte(40 + 10*n)}, w*h))
		b.Write(bytes.Repeat([]byte{128}, w*h/2))
	}
	return b.Bytes()
}

// TestPipeY4M stands in a pipe: nothing but the stream is on standard output, frame by frame, and nothing but words on standard error.
func TestPipeY4M(t *testing.T) {
	const w, h, frames = 32, 16, 7
	var out bytes.Buffer
	code, stderr := piped(t, bytes.NewReader(y4m(w, h, frames)), &out, "run", "-", "-o", "-", "--model", "nano-x2", "--device", "cpu", "--threads", "1")
	if code != exitOK {
		t.Fatalf("exit code %d: %s", code, stderr)
	}
	r := bufio.NewReader(&out)
	head, err := r.ReadString('\n')
	if want := "YUV4MPEG2 W64 H32 F24000:1001 Ip A1:1 C420mpeg2 XCOLORRANGE=LIMITED\n"; err != nil || head != want {
		t.Fatalf("header %q, want %q", head, want)
	}
	planes := make([]byte, 4*w*h*3/2)
	for n := range frames {
		if line, err := r.ReadString('\n'); err != nil || line != "FRAME\n" {
			t.Fatalf("frame %d: %q, %v", n, line, err)
		}
		if _, err := io.ReadFull(r, planes); err != nil {
			t.Fatalf("frame %d: %v", n, err)
		}
		if got, want := int(planes[4*w*h/2+w]), 40+10*n; got < want-3 || got > want+3 || planes[4*w*h] < 126 || planes[4*w*h] > 130 {
			t.Errorf("frame %d: luma %d, want %d; chroma %d", n, got, want, planes[4*w*h])
		}
	}
	if rest, _ := io.ReadAll(r); len(rest) > 0 {
		t.Errorf("%d bytes follow the last frame", len(rest))
	}
	if strings.Contains(stderr, "FRAME") {
		t.Errorf("standard error: %s", stderr)
	}
}

// TestPipeStreams takes Matroska from a pipe and gives NUT and Matroska, with the audio and without a loss of frames' depth.
func TestPipeStreams(t *testing.T) {
	in, err := os.ReadFile(clip(t, "in.mkv", testmedia.Options{Frames: 9, Tone: 440}))
	if err != nil {
		t.Fatal(err)
	}
	for format, codec := range map[string]string{"nut": "rawvideo", "matroska": "ffv1"} {
		path := filepath.Join(t.TempDir(), "out."+format)
		out, err := os.Create(path)
		if err != nil {
			t.Fatal(err)
		}
		code, stderr := piped(t, bytes.NewReader(in), out, "run", "-", "-", "--format", format, "--model", "nano-x2", "--device", "cpu", "--threads", "1")
		out.Close()
		if code != exitOK {
			t.Fatalf("%s: exit code %d: %s", format, code, stderr)
		}
		src, err := decode.Open(t.Context(), path, decode.Options{})
		if err != nil {
			t.Fatal(err)
		}
		defer src.Close()
		frames, packets := 0, 0
		for {
			u, err := src.Next(t.Context())
			if err == io.EOF {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
			if u.Frame != nil {
				frames++
			} else {
				packets++
			}
			u.Release()
		}
		if i := src.Info(); frames != 9 || packets < 10 || i.VideoTrack().Codec != codec || i.Format.Width != 192 {
			t.Errorf("%s: %d frames, %d packets, %s, %v", format, frames, packets, i.VideoTrack().Codec, i.Format)
		}
	}
}

// TestPipeClosed ends clean when the reader goes away, when nothing comes, and when the stream is cut off.
func TestPipeClosed(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		_, _ = io.ReadFull(r, make([]byte, 100))
		r.Close()
	}()
	args := []string{"run", "-", "-o", "-", "--model", "nano-x2", "--device", "cpu", "--threads", "1"}
	code, stderr := piped(t, bytes.NewReader(y4m(256, 256, 30)), w, args...)
	w.Close()
	if code != exitDestination || !strings.Contains(stderr, "the program that read from it has ended") {
		t.Errorf("closed: exit code %d: %s", code, stderr)
	}
	if code, stderr := piped(t, bytes.NewReader(nil), io.Discard, args...); code != exitInput {
		t.Errorf("empty: exit code %d: %s", code, stderr)
	}
	whole := y4m(32, 16, 4)
	var out bytes.Buffer
	if code, stderr := piped(t, bytes.NewReader(whole[:len(whole)-100]), &out, args...); code != exitOK || bytes.Count(out.Bytes(), []byte("FRAME\n")) < 3 {
		t.Errorf("cut off: exit code %d, %d frames: %s", code, bytes.Count(out.Bytes(), []byte("FRAME\n")), stderr)
	}
	for _, more := range [][]string{{"--json"}, {"--report", "-"}, {"--format", "mp4"}} {
		if code, _ := piped(t, bytes.NewReader(whole), io.Discard, append(args, more...)...); code != exitUsage {
			t.Errorf("%v: exit code %d", more, code)
		}
	}
	if code, stderr := piped(t, bytes.NewReader(whole), io.Discard, append(args, "--preview", "1s")...); code != exitRequest || !strings.Contains(stderr, "only once") {
		t.Errorf("preview: exit code %d: %s", code, stderr)
	}
}
