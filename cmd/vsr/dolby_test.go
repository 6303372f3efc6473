package main

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"vsr/internal/testmedia"
	"vsr/upscale"
)

// withDolby puts a Dolby Vision configuration box (dvvC: version, profile, level 6, RPU and base layer present, compatibility) into the sample
// entry of an MP4 of one track, and moves the offsets of its chunks when the index stands before them.
func withDolby(t *testing.T, video []byte, profile, compatible byte) []byte {
	t.Helper()
	box := make([]byte, 32)
	binary.BigEndian.PutUint32(box, 32)
	copy(box[4:], "dvvC")
	bits := uint16(profile)<<9 | 6<<3 | 1<<2 | 1
	copy(box[8:], []byte{1, 0, byte(bits >> 8), byte(bits), compatible << 4})
	out, at := bytes.Clone(video), 0
	for _, kind := range []string{"moov", "trak", "mdia", "minf", "stbl", "stsd", "avc1"} {
		i := bytes.Index(out[at:], []byte(kind))
		if i < 4 {
			t.Fatalf("no %s", kind)
		}
		at += i - 4
		size := binary.BigEndian.Uint32(out[at:])
		binary.BigEndian.PutUint32(out[at:], size+32)
		if kind == "avc1" {
			end := at + int(size)
			return moveChunks(append(append(bytes.Clone(out[:end]), box...), out[end:]...), len(box))
		}
		at += 8
	}
	return nil
}

// moveChunks adds n to the offsets in stco if the index stands before the samples.
func moveChunks(file []byte, n int) []byte {
	at := bytes.Index(file, []byte("stco"))
	if at < 0 || bytes.Index(file, []byte("mdat")) < at {
		return file
	}
	count, at := int(binary.BigEndian.Uint32(file[at+8:])), at+12 // past name, version and count
	for i := range count {
		offset := file[at+4*i:]
		binary.BigEndian.PutUint32(offset, binary.BigEndian.Uint32(offset)+uint32(n))
	}
	return file
}

// A base layer that is a video of its own is upscaled and the metadata left out with a word; one that is not is refused by its name.
func TestDolbyVision(t *testing.T) {
	video, err := os.ReadFile(clip(t, "in.mp4", testmedia.Options{Frames: 4}))
	if err != nil {
		t.Fatal(err)
	}
	weights := tinyWeights(t, 2)
	for _, c := range []struct {
		name                string
		profile, compatible byte
		code                int
		say                 string
	}{
		{"5", 5, 0, exitInput, "Dolby Vision profile 5: its base layer has colours that only the metadata explain"},
		{"8.1", 8, 1, exitOK, "note: Dolby Vision metadata left out"},
		{"8.4", 8, 4, exitOK, "note: Dolby Vision metadata left out"},
	} {
		dir := t.TempDir()
		in, out := filepath.Join(dir, "in.mp4"), filepath.Join(dir, "out.mkv")
		if err := os.WriteFile(in, withDolby(t, video, c.profile, c.compatible), 0o666); err != nil {
			t.Fatal(err)
		}
		code, stdout, stderr := vsr(t, "run", in, "-o", out, "--model", weights, "--preset", "ultrafast", "--json")
		if code != c.code || !strings.Contains(stderr, c.say) {
			t.Errorf("profile %s: exit code %d: %s", c.name, code, stderr)
		}
		if c.code != exitOK {
			only(t, dir, "in.mp4")
			continue
		}
		var r upscale.Report
		if err := json.Unmarshal([]byte(stdout), &r); err != nil || len(r.Streams) == 0 || !strings.Contains(r.Streams[0].Why, "Dolby Vision") {
			t.Errorf("profile %s: %v, streams %+v", c.name, err, r.Streams)
		}
		if text, err := os.ReadFile(out); err != nil || bytes.Contains(text, []byte("dvvC")) || bytes.Contains(text, []byte("dvcC")) {
			t.Errorf("profile %s: the output announces Dolby Vision (%v)", c.name, err)
		}
	}
}

// Interlaced frames are rebuilt by default, which is said; a setting leaves them.
func TestInterlacedIsSaid(t *testing.T) {
	const word = "note: the input is interlaced and is deinterlaced (bwdif)"
	weights, off := tinyWeights(t, 2), config(t, "decode: {deinterlace: \"off\"}\n")
	for name, interlaced := range map[string]bool{"derived/interlaced_480i29.97_bff_h264_ac3.mkv": true, "derived/vcd_352x288_mpeg1_mp2.mpg": false} {
		if _, err := os.Stat(clipFolder + name); err != nil {
			t.Skip(err)
		}
		for _, args := range [][]string{nil, {"-c", off}} {
			code, stdout, stderr := vsr(t, append([]string{"run", clipFolder + name, "-o", filepath.Join(t.TempDir(), "out.mkv"), "--model", weights,
				"--preset", "ultrafast", "--duration", "0.1", "--threads", "1", "--codec", "ffv1", "--json"}, args...)...)
			var r upscale.Report
			if err := json.Unmarshal([]byte(stdout), &r); code != 0 || err != nil {
				t.Fatalf("%s: exit code %d, %v: %s", name, code, err, stderr)
			}
			want := interlaced && args == nil
			if strings.Contains(stderr, word) != want || r.Input.Interlaced > 0 != want {
				t.Errorf("%s %v: %d frames rebuilt: %s", name, args, r.Input.Interlaced, stderr)
			}
		}
	}
}
