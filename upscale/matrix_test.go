package upscale

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"vsr/decode"
	"vsr/encode"
	"vsr/internal/testmedia"
	"vsr/media"
)

var (
	matrixEndings = []string{".mp4", ".mov", ".mkv", ".webm", ".ts", ".m2ts", ".m4v", ".3gp", ".avi"}
	matrixCodecs  = []string{"x264", "x265", "svtav1", "vp9", "ffv1", "prores"}
)

// matrixPreset makes each codec quick.
var matrixPreset = map[string]string{"x264": "ultrafast", "x265": "ultrafast", "svtav1": "12", "vp9": "8"}

// matrixInputs are three files that containers take differently: AAC with chapters and languages, PCM, and two joined transport streams.
func matrixInputs(t *testing.T) []string {
	t.Helper()
	dir := t.TempDir()
	write := func(name string, audio encode.Audio, seed uint64, start int, change func(*media.Info)) string {
		s, err := testmedia.New(testmedia.Options{Format: tinyFormat, Frames: 6, Rate: media.Rational{Num: 25, Den: 1}, Tone: 440, Seed: seed, Start: start})
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		info := s.Info()
		if change != nil {
			change(info)
		}
		path := filepath.Join(dir, name)
		sink, err := encode.CreateFile(path, info, encode.Options{Preset: "ultrafast"}, encode.FileOptions{Audio: audio})
		if err != nil {
			t.Fatal(err)
		}
		for {
			u, err := s.Next(context.Background())
			if err == io.EOF {
				break
			}
			if err == nil {
				err = sink.Write(context.Background(), u)
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		if err := sink.Close(); err != nil {
			t.Fatal(err)
		}
		return path
	}
	aac := write("aac.mp4", "", 1, 0, func(i *media.Info) {
		i.SampleAspect = media.Rational{Num: 32, Den: 27}
		i.Tracks[1].Metadata = map[string]string{"language": "deu"}
		i.Metadata = map[string]string{"title": "a film"}
		i.Chapters = []media.Chapter{{ID: 1, TimeBase: media.Rational{Num: 1, Den: 1000}, End: 120, Metadata: map[string]string{"title": "one"}},
			{ID: 2, TimeBase: media.Rational{Num: 1, Den: 1000}, Start: 120, End: 240, Metadata: map[string]string{"title": "two"}}}
	})
	pcm := write("pcm.mov", "pcm", 2, 0, nil)
	var all []byte
	for i, part := range []string{write("a.ts", "", 3, 90, nil), write("b.ts", "", 4, 10, nil)} {
		data, err := os.ReadFile(part)
		if err != nil {
			t.Fatal(i, err)
		}
		all = append(all, data...)
	}
	joined := filepath.Join(dir, "joined.ts")
	if err := os.WriteFile(joined, all, 0o666); err != nil {
		t.Fatal(err)
	}
	return []string{aac, pcm, joined}
}

// TestMatrix upscales inputs into every container by every codec: the output is equal, or the work is refused before it begins. With
// VSR_MATRIX=1 the inputs are the derived clips, with VSR_MATRIX=FOLDER the files of a folder, by all codecs; VSR_MATRIX_SHARE=K/N takes every
// Nth of them from the Kth on.
func TestMatrix(t *testing.T) {
	var inputs []string
	full := os.Getenv("VSR_MATRIX")
	if full == "1" {
		full = "../../shared/data/clips/derived"
	}
	if full != "" {
		if inputs, _ = filepath.Glob(filepath.Join(full, "*.*")); len(inputs) == 0 {
			t.Skip("no clips in " + full)
		}
		inputs = shareOf(inputs, os.Getenv("VSR_MATRIX_SHARE"))
	} else {
		inputs = matrixInputs(t)
	}
	out, weights, made := t.TempDir(), tinyWeights(t), 0
	for n, input := range inputs {
		before := made
		for _, ending := range matrixEndings {
			for k, codec := range matrixCodecs {
				if full == "" && n > 0 && k > 0 { // containers and codecs meet on the first input
					continue
				}
				o := Defaults()
				o.Model, o.Threads, o.Resume, o.Replace, o.Encode.Codec, o.Encode.Preset = weights, 1, false, true, codec, matrixPreset[codec]
				o.Output = filepath.Join(out, "out"+ending)
				if full != "" {
					o.Decode.Duration = 0.4
				}
				os.Remove(o.Output)
				if matrixCell(t, input, o) {
					made++
				}
			}
		}
		t.Logf("%s: %d outputs", filepath.Base(input), made-before)
	}
	if full == "" && made < 30 {
		t.Errorf("only %d outputs were made", made)
	}
}

// matrixCell makes one output and reports whether there is one.
func matrixCell(t *testing.T, input string, o Options) bool {
	t.Helper()
	name := filepath.Base(input) + " to " + filepath.Ext(o.Output) + " by " + o.Encode.Codec
	job, err := Open(context.Background(), input, o)
	var e *Error
	if err != nil {
		if !errors.As(err, &e) || e.Kind == Check || e.Kind == Internal {
			t.Errorf("%s: refused by %v", name, err)
		}
		if _, err := os.Stat(o.Output); err == nil {
			t.Errorf("%s: refused, and there is an output", name)
		}
		return false
	}
	defer job.Close()
	report, err := job.Run(context.Background())
	if err != nil {
		t.Errorf("%s: %v", name, err)
		return false
	}
	frames, spacing := probeFrames(t, o.Output)
	if frames != int(report.Frames.In) || frames == 0 {
		t.Errorf("%s: %d frames of %d", name, frames, report.Frames.In)
	}
	want := map[string]int{}
	for _, s := range report.Streams {
		if s.Action != encode.Dropped && (s.Type == "audio" || s.Type == "subtitle") {
			want[s.Type]++
		}
	}
	for kind, n := range probeStreams(t, o.Output) {
		if n != want[kind] && o.Decode.Duration == 0 { // a part may have nothing of a stream
			t.Errorf("%s: %d %s streams, and the report speaks of %d", name, n, kind, want[kind])
		}
	}
	if strings.HasPrefix(filepath.Base(input), "joined") && spacing > 0.0415 {
		t.Errorf("%s: a frame comes %.4f s after the one before", name, spacing)
	}
	return true
}

// shareOf takes every nth of a list from the kth on, as k/n says it; all for "".
func shareOf(list []string, share string) (out []string) {
	var k, n int
	if _, err := fmt.Sscanf(share, "%d/%d", &k, &n); err != nil || n < 1 {
		return list
	}
	for i := range list {
		if i%n == k%n {
			out = append(out, list[i])
		}
	}
	return out
}

// probeStreams counts the audio and subtitle streams of a file by ffprobe; nil where that is not there.
func probeStreams(t *testing.T, path string) map[string]int {
	t.Helper()
	tool, err := exec.LookPath("ffprobe")
	if err != nil {
		return nil
	}
	text, err := exec.Command(tool, "-v", "error", "-of", "json", "-show_entries", "stream=codec_type", path).Output()
	var list struct {
		Streams []struct {
			Kind string `json:"codec_type"`
		}
	}
	if err != nil || json.Unmarshal(text, &list) != nil {
		t.Errorf("ffprobe %s: %v", path, err)
	}
	n := map[string]int{"audio": 0, "subtitle": 0}
	for _, s := range list.Streams {
		if _, counted := n[s.Kind]; counted {
			n[s.Kind]++
		}
	}
	return n
}

// probeFrames counts the frames of a file and gives their largest distance in seconds: by ffprobe, where it is there, else by decode.
func probeFrames(t *testing.T, path string) (n int, widest float64) {
	t.Helper()
	var at []float64
	if tool, err := exec.LookPath("ffprobe"); err == nil {
		text, err := exec.Command(tool, "-v", "error", "-of", "json", "-select_streams", "V", "-show_entries", "frame=best_effort_timestamp_time", path).Output()
		var list struct {
			Frames []struct {
				Time string `json:"best_effort_timestamp_time"`
			}
		}
		if err != nil || json.Unmarshal(text, &list) != nil {
			t.Fatalf("ffprobe %s: %v", path, err)
		}
		for i, f := range list.Frames {
			v, err := strconv.ParseFloat(f.Time, 64)
			if err != nil {
				t.Errorf("%s: frame %d of %d has no time: %q", filepath.Base(path), i, len(list.Frames), f.Time)
			}
			at = append(at, v)
		}
	} else {
		s, err := decode.Open(context.Background(), path, decode.Options{})
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		for {
			u, err := s.Next(context.Background())
			if err != nil {
				break
			}
			if u.Frame != nil {
				at = append(at, float64(u.Frame.PTS)*s.Info().VideoTrack().TimeBase.Float())
			}
			u.Release()
		}
	}
	for i := 1; i < len(at); i++ {
		widest = math.Max(widest, at[i]-at[i-1])
	}
	return len(at), widest
}
