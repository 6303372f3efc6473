package atomicfile

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

func content(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// alone checks that the folder holds one file: no temporary one is left.
func alone(t *testing.T, path string) {
	t.Helper()
	list, err := os.ReadDir(filepath.Dir(path))
	if err != nil || len(list) != 1 || list[0].Name() != filepath.Base(path) {
		t.Errorf("folder holds %v, %v", list, err)
	}
}

func TestWrite(t *testing.T) {
	path := filepath.Join(t.TempDir(), "f")
	for _, text := range []string{"one", "two"} {
		if err := WriteBytes(path, []byte(text)); err != nil || content(t, path) != text {
			t.Fatalf("%v: %q", err, content(t, path))
		}
	}
	if st, _ := os.Stat(path); st.Mode().Perm() != 0o644 {
		t.Errorf("mode %v", st.Mode())
	}
	failed := errors.New("half way")
	err := Write(path, func(w io.Writer) error {
		fmt.Fprint(w, "thr")
		return failed
	})
	if !errors.Is(err, failed) || content(t, path) != "two" {
		t.Errorf("%v: %q", err, content(t, path))
	}
	alone(t, path)
	if err := WriteBytes(filepath.Join(path, "below"), nil); err == nil {
		t.Error("a file inside a file was written")
	}
	if err := WriteBytes(filepath.Dir(path), nil); err == nil {
		t.Error("a folder was replaced")
	}
	alone(t, path)
}

func TestCreateHasOneWinner(t *testing.T) {
	path := filepath.Join(t.TempDir(), "f")
	var won atomic.Int64
	var text atomic.Value
	var wg sync.WaitGroup
	for i := range 16 {
		wg.Go(func() {
			b := fmt.Appendf(nil, "writer %d", i)
			switch err := Create(path, b); {
			case err == nil:
				won.Add(1)
				text.Store(string(b))
			case !errors.Is(err, fs.ErrExist):
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if won.Load() != 1 || content(t, path) != text.Load() {
		t.Errorf("%d winners, file says %q", won.Load(), content(t, path))
	}
	alone(t, path)
}

func TestLock(t *testing.T) {
	path := filepath.Join(t.TempDir(), ".lock")
	first, err := Lock(path)
	if err != nil {
		t.Fatal(err)
	}
	if second, err := Lock(path); !errors.Is(err, ErrLocked) || second != nil {
		t.Fatalf("second lock: %v", err)
	}
	got := make(chan error)
	go func() {
		l, err := LockWait(path)
		if err == nil {
			err = l.Close()
		}
		got <- err
	}()
	select {
	case err := <-got:
		t.Fatalf("did not wait: %v", err)
	case <-time.After(20 * time.Millisecond):
	}
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	if err := <-got; err != nil {
		t.Error(err)
	}
	if _, err := Lock(filepath.Join(path, "x")); err == nil || errors.Is(err, ErrLocked) {
		t.Errorf("lock below a file: %v", err)
	}
}
