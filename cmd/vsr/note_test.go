package main

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"vsr/segment"
)

// published runs a clip up to the moment at which the output has its name and the work folder is still there, and stops dead.
func published(t *testing.T, args runRequest) *job {
	t.Helper()
	a := &app{stderr: &notes{}, stdout: &notes{}}
	j, err := a.prepare(t.Context(), args, func() bool { return false })
	if err != nil {
		t.Fatal(err)
	}
	if err := j.work(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	if err := j.join(t.Context(), false); err != nil {
		t.Fatal(err)
	}
	j.pieces.lock.Close()
	return j
}

func noteRequest(t *testing.T, out string) (r runRequest, args []string) {
	in, weights, config := longClip(t, 60), tinyWeights(t, 2), shortPieces(t)
	r = runRequest{runConfig: defaultRun(), in: in, out: out}
	if err := loadConfig(config, &r.runConfig); err != nil {
		t.Fatal(err)
	}
	r.Model = weights
	return r, []string{"run", in, "-o", out, "--model", weights, "-c", config}
}

// Killed between the output's name and the end of the work folder, the same command sees that all is done.
func TestKilledAfterPublishing(t *testing.T) {
	for name, kill := range map[string]func(t *testing.T, j *job, out string){
		"before the check": func(*testing.T, *job, string) {},
		"before the removal": func(t *testing.T, j *job, out string) {
			if err := j.checkFile(context.Background()); err != nil {
				t.Fatal(err)
			}
			j.pieces.note.Checked = true
			if err := j.pieces.note.seal(workFolder(out), out); err != nil {
				t.Fatal(err)
			}
		},
		"in the removal": func(t *testing.T, j *job, out string) {
			j.pieces.note.Checked = true
			if err := j.pieces.note.seal(workFolder(out), out); err != nil {
				t.Fatal(err)
			}
			entries, _ := os.ReadDir(workFolder(out))
			for _, e := range entries {
				if e.Name() != segment.NoteFile {
					os.Remove(filepath.Join(workFolder(out), e.Name()))
				}
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			out := filepath.Join(dir, "out.mkv")
			r, args := noteRequest(t, out)
			j := published(t, r)
			kill(t, j, out)
			before, err := os.Stat(out)
			if err != nil {
				t.Fatal(err)
			}
			if code, _, stderr := vsr(t, args...); code != 0 || strings.TrimSpace(stderr) != out+" was finished by an earlier run" {
				t.Fatalf("exit code %d: %s", code, stderr)
			}
			after, _ := os.Stat(out)
			if !os.SameFile(before, after) || before.ModTime() != after.ModTime() {
				t.Error("the output was made again")
			}
			only(t, dir, "out.mkv")
			if code, _, stderr := vsr(t, args...); code != exitDestination || !strings.Contains(stderr, "-y replaces") {
				t.Errorf("once more: exit code %d, %s", code, stderr)
			}
		})
	}
}

// Somebody else's file under the output's name is not taken for ours.
func TestOthersFileIsNotOurs(t *testing.T) {
	for name, change := range map[string]func(t *testing.T, j *job, out string){
		"another file": func(t *testing.T, j *job, out string) {
			text, err := os.ReadFile(out)
			if err == nil {
				err = os.Rename(out, out+".old")
			}
			if err == nil {
				err = os.WriteFile(out, text, 0o666)
			}
			if err != nil {
				t.Fatal(err)
			}
		},
		"changed since": func(t *testing.T, j *job, out string) {
			if err := j.pieces.note.seal(workFolder(out), out); err != nil {
				t.Fatal(err)
			}
			if err := os.Chtimes(out, time.Time{}, time.Unix(1, 0)); err != nil {
				t.Fatal(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			out := filepath.Join(t.TempDir(), "out.mkv")
			r, args := noteRequest(t, out)
			change(t, published(t, r), out)
			if code, _, stderr := vsr(t, args...); code != exitDestination || !strings.Contains(stderr, "-y replaces") {
				t.Errorf("exit code %d: %s", code, stderr)
			}
		})
	}
	// Other settings make another job: the note of the first does not cover it.
	out := filepath.Join(t.TempDir(), "out.mkv")
	r, args := noteRequest(t, out)
	published(t, r)
	if code, _, stderr := vsr(t, append(args, "--crf", "33")...); code != exitDestination && code != exitRequest {
		t.Errorf("other settings: exit code %d: %s", code, stderr)
	}
}
