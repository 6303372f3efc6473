package segment

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

func testPlan() *Plan {
	return &Plan{Version: Version, Source: Source{Path: "/a", Size: 3, Sample: "aa"}, Model: "m", Identity: json.RawMessage(`{"crf":18}`)}
}

func attempt(t *testing.T, s *Store, index int, content string) string {
	t.Helper()
	name, err := s.Attempt(index, ".mkv")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
	return name
}

func TestIDChangesWithEverythingThatMatters(t *testing.T) {
	base := testPlan().ID()
	for name, change := range map[string]func(*Plan){
		"size":     func(p *Plan) { p.Source.Size++ },
		"sample":   func(p *Plan) { p.Source.Sample = "bb" },
		"model":    func(p *Plan) { p.Model = "n" },
		"settings": func(p *Plan) { p.Identity = json.RawMessage(`{"crf":19}`) },
		"version":  func(p *Plan) { p.Version++ },
	} {
		p := testPlan()
		change(p)
		if p.ID() == base {
			t.Errorf("a change of %s keeps the ID", name)
		}
	}
	p := testPlan()
	p.Source.Path = "/moved"
	p.Segments = []Range{{Frames: 1}}
	if p.ID() != base {
		t.Error("moving the source or planning ahead changes the ID")
	}
}

func TestCutter(t *testing.T) {
	c := Segmenter{Min: 4, Max: 6}
	scenes := []uint64{1, 1, 2, 2, 2, 3, 3, 3, 3, 3, 3, 3, 3}
	want := []string{"0 start", "", "", "", "", "5 scene cut", "", "", "", "", "", "11 maximum length", ""}
	for i, s := range scenes {
		p, begins := c.Next(s, int64(10*i))
		got := ""
		if begins {
			got = fmt.Sprintf("%d %s", p.First, p.Reason)
			if p.FirstPTS != int64(10*i) || p.Scene != s {
				t.Errorf("frame %d: segment %+v", i, p)
			}
		}
		if got != want[i] {
			t.Errorf("frame %d: %q, want %q", i, got, want[i])
		}
	}
}

func TestCommitOnceAndLookUp(t *testing.T) {
	s, err := Open(filepath.Join(t.TempDir(), "w"), testPlan())
	if err != nil {
		t.Fatal(err)
	}
	if _, ok, err := s.Lookup(0); ok || err != nil {
		t.Fatalf("fresh store: ok %v, error %v", ok, err)
	}
	first := attempt(t, s, 0, "first")
	if _, err := s.Commit(Record{Range: Range{Frames: 5}}, first); err != nil {
		t.Fatal(err)
	}
	second := attempt(t, s, 0, "second")
	if _, err := s.Commit(Record{}, second); !errors.Is(err, ErrLost) {
		t.Fatalf("second commit: %v, want ErrLost", err)
	}
	if _, err := os.Stat(second); !os.IsNotExist(err) {
		t.Error("the loser's file is still there")
	}
	r, ok, err := s.Lookup(0)
	if err != nil || !ok || r.Frames != 5 || s.Path(r) != first {
		t.Fatalf("lookup: %+v, ok %v, error %v", r, ok, err)
	}
	if err := s.Check(r); err != nil {
		t.Error(err)
	}
	os.WriteFile(first, []byte("fir5t"), 0o644)
	if s.Check(r) == nil {
		t.Error("a changed file passes the check")
	}
	if err := s.Remove(); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(s.Dir()); !os.IsNotExist(err) {
		t.Error("the work folder is still there")
	}
}

func TestDamagedRecordIsDoneAgain(t *testing.T) {
	s, err := Open(t.TempDir(), testPlan())
	if err != nil {
		t.Fatal(err)
	}
	for name, damage := range map[string]func(record, file string){
		"torn record":  func(record, _ string) { os.Truncate(record, 20) },
		"empty record": func(record, _ string) { os.Truncate(record, 0) },
		"short file":   func(_, file string) { os.Truncate(file, 1) },
		"lost file":    func(_, file string) { os.Remove(file) },
	} {
		file := attempt(t, s, 3, "data")
		if _, err := s.Commit(Record{Range: Range{Index: 3}}, file); err != nil {
			t.Fatal(name, err)
		}
		damage(filepath.Join(s.Dir(), s.recordName(3)), file)
		if _, ok, err := s.Lookup(3); ok || err != nil {
			t.Errorf("%s: ok %v, error %v", name, ok, err)
		}
	}
}

func TestOtherJobIsRefused(t *testing.T) {
	dir := t.TempDir()
	if _, err := Open(dir, testPlan()); err != nil {
		t.Fatal(err)
	}
	other := testPlan()
	other.Model = "other"
	if _, err := Open(dir, other); !errors.Is(err, ErrOtherJob) {
		t.Errorf("error %v, want ErrOtherJob", err)
	}
}

func TestParsePlanRefusesGaps(t *testing.T) {
	for name, text := range map[string]string{
		"gap":     `{"version":1,"segments":[{"index":0,"first_frame":0,"frames":5},{"index":1,"first_frame":6,"frames":5}]}`,
		"empty":   `{"version":1,"segments":[{"index":0,"first_frame":0,"frames":0}]}`,
		"version": `{"version":99}`,
		"unknown": `{"version":1,"colour":"red"}`,
		"rubbish": `{`,
	} {
		if _, err := ParsePlan([]byte(text)); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func TestRecordCannotNameAFileOutside(t *testing.T) {
	for _, name := range []string{"../x", "/etc/passwd", "", ".", "a/b"} {
		b, err := encodeRecord(Record{File: name})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := decodeRecord(b); err == nil {
			t.Errorf("file name %q is accepted", name)
		}
	}
}

// tries is how many segments two processes fight for. Each costs eight syncs of the disk, so the everyday number is small:
// go test ./segment -run Race -tries 3000
var tries = flag.Int("tries", 50, "segments in TestCommitRace")

// TestCommitRace starts two processes that try to commit the same segments; each segment must have exactly one winner.
func TestCommitRace(t *testing.T) {
	if dir := os.Getenv("SEGMENT_RACE_DIR"); dir != "" {
		race(t, dir)
		return
	}
	n := *tries
	dir := t.TempDir()
	s, err := Open(dir, testPlan())
	if err != nil {
		t.Fatal(err)
	}
	var outs [2]strings.Builder
	var cmds [2]*exec.Cmd
	for i := range cmds {
		c := exec.Command(os.Args[0], "-test.run=^TestCommitRace$", "-test.v")
		c.Env = append(os.Environ(), "SEGMENT_RACE_DIR="+dir, "SEGMENT_RACE_N="+strconv.Itoa(n))
		c.Stdout = &outs[i]
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		cmds[i] = c
	}
	won := 0
	for i, c := range cmds {
		if err := c.Wait(); err != nil {
			t.Fatalf("%v: %s", err, outs[i].String())
		}
		won += strings.Count(outs[i].String(), "won ")
	}
	if won != n {
		t.Errorf("%d wins for %d segments", won, n)
	}
	for i := range n {
		if _, ok, err := s.Lookup(i); !ok || err != nil {
			t.Fatalf("segment %d: ok %v, error %v", i, ok, err)
		}
	}
}

func race(t *testing.T, dir string) {
	s, err := Open(dir, testPlan())
	if err != nil {
		t.Fatal(err)
	}
	n, err := strconv.Atoi(os.Getenv("SEGMENT_RACE_N"))
	if err != nil {
		t.Fatal(err)
	}
	for i := range n {
		file := attempt(t, s, i, "x")
		switch _, err := s.Commit(Record{Range: Range{Index: i}}, file); {
		case err == nil:
			fmt.Println("won", i)
		case !errors.Is(err, ErrLost):
			t.Fatal(err)
		}
	}
}

func FuzzParsePlan(f *testing.F) {
	f.Add([]byte(`{"version":1,"segments":[{"index":0,"first_frame":0,"frames":5}]}`))
	x, segments := testIndex()
	p := testPlan()
	p.Segments = segments
	p.SetFrameIndex(x)
	whole, _ := json.Marshal(p)
	f.Add(whole)
	f.Fuzz(func(t *testing.T, b []byte) {
		p, err := ParsePlan(b)
		if err != nil {
			return
		}
		p.ID()
		x, err := p.FrameIndex()
		if err != nil {
			return
		}
		for i := range p.Segments {
			o, err := x.Task(p.Segments[i], nil)
			if err != nil {
				continue
			}
			if int64(len(o.Fingerprints)) != o.Frames || o.SceneOf(o.First).Scene != o.Scene {
				t.Errorf("segment %+v has %d frames and begins in scene %d", o.Range, len(o.Fingerprints), o.SceneOf(o.First).Scene)
			}
		}
	})
}

func FuzzDecodeRecord(f *testing.F) {
	b, _ := encodeRecord(Record{File: "x"})
	f.Add(b)
	f.Fuzz(func(t *testing.T, b []byte) { decodeRecord(b) })
}
