package storage

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/minio/minio-go/v7"

	"vsr/internal/fault"
)

// S3 tests run against this program, which `make storage-server` builds.
const gateway = "../../../build/test-fleet/versitygw"

// s3Server starts an S3 server on a folder and returns its address.
func s3Server(t *testing.T) string {
	t.Helper()
	program, err := filepath.Abs(gateway)
	if err == nil {
		_, err = os.Stat(program)
	}
	if err != nil {
		if os.Getenv("VSR_TEST_S3") == "required" {
			t.Fatalf("no S3 server: %v", err)
		}
		t.Skip("no S3 server: make storage-server builds one")
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	l.Close()
	t.Setenv("AWS_ACCESS_KEY_ID", "tester")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "secret of the tester")
	dir := t.TempDir()
	cmd := exec.Command(program, "--port", address, "--access", "tester", "--secret", "secret of the tester", "--quiet", "posix", "--sidecar", t.TempDir(), dir)
	var log bytes.Buffer
	cmd.Stdout, cmd.Stderr = &log, &log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		if t.Failed() {
			t.Logf("S3 server:\n%s", log.String())
		}
	})
	for range 600 {
		if r, err := http.Get("http://" + address + "/"); err == nil {
			r.Body.Close()
			return "http://" + address
		}
		time.Sleep(100 * time.Millisecond)
	}
	t.Fatalf("the S3 server does not answer:\n%s", log.String())
	return ""
}

// bucket makes an empty bucket.
func bucket(t *testing.T, endpoint string) *S3 {
	t.Helper()
	s, err := NewS3("videos", S3Options{Endpoint: endpoint, Region: "us-east-1"})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.client.MakeBucket(t.Context(), s.bucket, minio.MakeBucketOptions{}); err != nil {
		t.Fatal(err)
	}
	return s
}

func TestFolder(t *testing.T) { suite(t, Folder{t.TempDir()}) }

func TestS3(t *testing.T) { suite(t, bucket(t, s3Server(t))) }

// suite is what every storage does.
func suite(t *testing.T, s Storage) {
	ctx := t.Context()
	content := noise(3_000_001)
	put := func(key string, b []byte, first bool) error {
		return s.Put(ctx, key, io.NewSectionReader(bytes.NewReader(b), 0, int64(len(b))), first)
	}
	if _, err := s.Stat(ctx, "a/big.mkv"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("stat of nothing: %v", err)
	}
	if _, err := s.Open(ctx, "a/big.mkv", 0, -1); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("open of nothing: %v", err)
	}
	if err := put("a/big.mkv", content, false); err != nil {
		t.Fatal(err)
	}
	first, err := s.Stat(ctx, "a/big.mkv")
	if err != nil || first.Size != int64(len(content)) || first.Version == "" {
		t.Errorf("stat: %+v, %v", first, err)
	}
	for _, c := range []struct{ from, length int64 }{{0, -1}, {0, 10}, {1 << 20, 1 << 20}, {2_999_990, 100}, {2_999_990, -1}, {17, 0}} {
		r, err := s.Open(ctx, "a/big.mkv", c.from, c.length)
		if err != nil {
			t.Errorf("open %+v: %v", c, err)
			continue
		}
		got, err := io.ReadAll(r)
		end := int64(len(content))
		if c.length >= 0 {
			end = min(end, c.from+c.length)
		}
		if r.Close(); err != nil || !bytes.Equal(got, content[c.from:end]) {
			t.Errorf("range %+v: %d bytes, %v", c, len(got), err)
		}
	}
	if err := put("a/big.mkv", []byte("other"), true); !errors.Is(err, fs.ErrExist) {
		t.Errorf("a second first put: %v", err)
	}
	if b, err := Read(ctx, s, "a/big.mkv", 1<<22); err != nil || !bytes.Equal(b, content) {
		t.Errorf("what was refused has changed the object: %d bytes, %v", len(b), err)
	}
	if _, err := Read(ctx, s, "a/big.mkv", 100); err == nil {
		t.Error("an object over the limit is read")
	}
	for _, key := range []string{"a/b/1.done", "a/b/2.done", "ab/3.done"} {
		if err := Write(ctx, s, key, []byte(key), true); err != nil {
			t.Fatal(err)
		}
	}
	for prefix, want := range map[string][]string{"a/": {"a/b/1.done", "a/b/2.done", "a/big.mkv"}, "a/b/": {"a/b/1.done", "a/b/2.done"}, "a/b/2": {"a/b/2.done"}, "none/": nil} {
		list, err := s.List(ctx, prefix)
		var keys []string
		for _, o := range list {
			keys = append(keys, o.Key)
		}
		if err != nil || !slices.Equal(keys, want) {
			t.Errorf("list %s: %v, want %v, %v", prefix, keys, want, err)
		}
	}
	if err := put("a/big.mkv", []byte("shorter"), false); err != nil {
		t.Fatal(err)
	}
	if o, err := s.Stat(ctx, "a/big.mkv"); err != nil || o.Size != 7 || o.Version == first.Version {
		t.Errorf("replaced: %+v, %v", o, err)
	}
	for range 2 {
		if err := s.Remove(ctx, "a/b/1.done"); err != nil {
			t.Errorf("remove: %v", err)
		}
	}
	if _, err := s.Stat(ctx, "a/b/1.done"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("it is still there: %v", err)
	}
	if err := Write(ctx, s, "a/b/1.done", nil, true); err != nil {
		t.Errorf("a name that is free again, and an empty object: %v", err)
	}
	if b, err := Read(ctx, s, "a/b/1.done", 1); err != nil || len(b) != 0 {
		t.Errorf("the empty object holds %d bytes, %v", len(b), err)
	}
	cancelled, cancel := context.WithCancel(ctx)
	cancel()
	if err := s.Put(cancelled, "late", io.NewSectionReader(bytes.NewReader(content), 0, int64(len(content))), false); !errors.Is(err, context.Canceled) {
		t.Errorf("a put that was cancelled: %v", err)
	}
	if _, err := s.Stat(ctx, "late"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("half an object is there: %v", err)
	}
}

func TestFolderRace(t *testing.T) { race(t, Folder{t.TempDir()}, 1000) }

func TestS3Race(t *testing.T) {
	n := 1000
	if testing.Short() {
		n = 100
	}
	race(t, bucket(t, s3Server(t)), n)
}

// race lets two writers commit the same object n times: one of them wins each time, and the object holds what the winner wrote.
func race(t *testing.T, s Storage, n int) {
	var wins, losses atomic.Int64
	for i := range n {
		key := fmt.Sprintf("plan/%06d.done", i)
		var wg sync.WaitGroup
		var winner atomic.Pointer[string]
		start := make(chan struct{})
		for _, name := range []string{"left", "right"} {
			wg.Go(func() {
				<-start
				switch err := Write(t.Context(), s, key, []byte(name), true); {
				case err == nil:
					wins.Add(1)
					winner.Store(&name)
				case errors.Is(err, fs.ErrExist):
					losses.Add(1)
				default:
					t.Errorf("%s: %v", key, err)
				}
			})
		}
		close(start)
		wg.Wait()
		if wins.Load() != int64(i)+1 || losses.Load() != int64(i)+1 {
			t.Fatalf("after %d races there are %d winners and %d losers", i+1, wins.Load(), losses.Load())
		}
		if b, err := Read(t.Context(), s, key, 10); err != nil || string(b) != *winner.Load() {
			t.Fatalf("%s won and the object holds %q, %v", *winner.Load(), b, err)
		}
	}
}

// broken is a storage that has no files and whose reads break off after some bytes, once for each range.
type broken struct {
	Folder
	Storage
	after int64
	opens atomic.Int64
	seen  sync.Map
}

func (b *broken) Open(ctx context.Context, key string, offset, length int64) (io.ReadCloser, error) {
	b.opens.Add(1)
	r, err := b.Folder.Open(ctx, key, offset, length)
	if _, again := b.seen.LoadOrStore(fmt.Sprint(offset/rangeSize), true); err != nil || again {
		return r, err
	}
	return rangeReader{io.MultiReader(io.LimitReader(r, b.after), failing{}), r}, nil
}

type failing struct{}

func (failing) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

// remote hides that a folder has files.
type remote struct{ Storage }

func TestCacheGoesOnWhereARangeBroke(t *testing.T) {
	folder := Folder{t.TempDir()}
	content := noise(rangeSize + 12345)
	if err := os.WriteFile(folder.Path("in.mp4"), content, 0o644); err != nil {
		t.Fatal(err)
	}
	s := &broken{Folder: folder, after: 5000}
	c := Cache{Dir: t.TempDir(), Retry: time.Millisecond}
	path, release, err := c.Fetch(t.Context(), remote{withStat{s}}, "in.mp4")
	if err != nil {
		t.Fatal(err)
	}
	defer release()
	if got, err := os.ReadFile(path); err != nil || !bytes.Equal(got, content) || filepath.Ext(path) != ".mp4" {
		t.Errorf("%s: %d bytes, %v", path, len(got), err)
	}
	if n := s.opens.Load(); n != 4 { // two ranges, each broken once
		t.Errorf("%d requests", n)
	}
}

// withStat takes all but Open from the folder.
type withStat struct{ *broken }

func (w withStat) Stat(ctx context.Context, key string) (Object, error) {
	return w.Folder.Stat(ctx, key)
}
func (w withStat) List(ctx context.Context, p string) ([]Object, error) { return w.Folder.List(ctx, p) }
func (w withStat) Remove(ctx context.Context, key string) error         { return w.Folder.Remove(ctx, key) }
func (w withStat) Put(ctx context.Context, key string, b *io.SectionReader, first bool) error {
	return w.Folder.Put(ctx, key, b, first)
}
func (w withStat) Open(ctx context.Context, key string, o, n int64) (io.ReadCloser, error) {
	return w.broken.Open(ctx, key, o, n)
}

func TestCacheIsBounded(t *testing.T) {
	ctx, folder := t.Context(), Folder{t.TempDir()}
	s := remote{folder}
	for _, key := range []string{"a", "b", "c", "d"} {
		if err := Write(ctx, folder, key, noise(1000), false); err != nil {
			t.Fatal(err)
		}
	}
	c := Cache{Dir: t.TempDir(), Limit: 2500}
	fetch := func(key string) (string, func()) {
		t.Helper()
		path, release, err := c.Fetch(ctx, s, key)
		if err != nil {
			t.Fatal(err)
		}
		return path, release
	}
	there := func(path string) bool { _, err := os.Stat(path); return err == nil }
	a, useA := fetch("a")
	b, useB := fetch("b")
	old := time.Now().Add(-time.Hour)
	for _, p := range []string{a, b} {
		if err := os.Chtimes(p, old, old); err != nil {
			t.Fatal(err)
		}
	}
	useB()
	cc, useC := fetch("c") // throws b away: a is older, and in use
	if !there(a) || there(b) || !there(cc) {
		t.Errorf("a %v, b %v, c %v", there(a), there(b), there(cc))
	}
	if _, _, err := c.Fetch(ctx, s, "d"); err == nil || !isKind(err, fault.Output) {
		t.Errorf("all copies are in use: %v", err)
	}
	useA()
	useC()
	if _, use := fetch("d"); there(a) {
		t.Error("the copy that was used longest ago is still there")
	} else {
		use()
	}
	c.Limit = 999
	if err := Write(ctx, folder, "d", noise(1001), false); err != nil {
		t.Fatal(err)
	}
	if _, _, err := c.Fetch(ctx, s, "d"); err == nil || !isKind(err, fault.Output) {
		t.Errorf("an object larger than the cache: %v", err)
	}
	if path, release, err := c.Fetch(ctx, folder, "a"); err != nil || path != folder.Path("a") {
		t.Errorf("a file is not copied: %s, %v", path, err)
	} else {
		release()
	}
}

// A file on the same disk becomes an object without a copy, once.
func TestFolderAdopts(t *testing.T) {
	f, dir := Folder{t.TempDir()}, t.TempDir()
	for i, want := range []error{nil, fs.ErrExist} {
		path := filepath.Join(dir, "out.mkv")
		if err := os.WriteFile(path, []byte{byte(i)}, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := f.Adopt(path, "a/out.mkv", true); !errors.Is(err, want) {
			t.Errorf("%d: %v", i, err)
		}
		if _, err := os.Stat(path); (err == nil) != (want != nil) {
			t.Errorf("%d: the file: %v", i, err)
		}
	}
	if err := f.Adopt(filepath.Join(dir, "out.mkv"), "a/out.mkv", false); err != nil {
		t.Error(err)
	}
	if b, err := Read(t.Context(), f, "a/out.mkv", 9); err != nil || !bytes.Equal(b, []byte{1}) {
		t.Errorf("%v, %v", b, err)
	}
}

func isKind(err error, k fault.Kind) bool {
	f, ok := fault.As(err)
	return ok && f.Kind == k
}

// Several fetches of one object at once read it once.
func TestCacheReadsOnce(t *testing.T) {
	folder := Folder{t.TempDir()}
	if err := Write(t.Context(), folder, "in.mp4", noise(50_000), false); err != nil {
		t.Fatal(err)
	}
	s, c := &broken{Folder: folder, after: 1 << 40}, Cache{Dir: t.TempDir()}
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			own := Cache{Dir: c.Dir} // as another process has
			_, release, err := own.Fetch(t.Context(), remote{withStat{s}}, "in.mp4")
			if err != nil {
				t.Error(err)
				return
			}
			release()
		})
	}
	wg.Wait()
	if n := s.opens.Load(); n != 1 {
		t.Errorf("%d requests", n)
	}
}

func TestAddresses(t *testing.T) {
	stores := Stores{S3: S3Options{Endpoint: "http://127.0.0.1:1"}}
	s, key, err := stores.At("/mnt/share/in.mkv")
	if f, ok := s.(Folder); err != nil || !ok || f.Path(key) != "/mnt/share/in.mkv" {
		t.Errorf("%v %s %v", s, key, err)
	}
	s, key, err = stores.At("s3://videos/a/in.mkv")
	if b, ok := s.(*S3); err != nil || !ok || b.bucket != "videos" || key != "a/in.mkv" {
		t.Errorf("%v %s %v", s, key, err)
	}
	if again, _, err := stores.At("s3://videos/b"); err != nil || again != s {
		t.Errorf("another client for the same bucket, %v", err)
	}
	for _, bad := range []string{"s3://", "http://host/in.mkv", "s3:///key"} {
		if _, _, err := stores.At(bad); !isKind(err, fault.Usage) {
			t.Errorf("%s: %v", bad, err)
		}
	}
	if _, _, err := (&Stores{S3: S3Options{Endpoint: "nowhere"}}).At("s3://b/k"); !isKind(err, fault.Usage) {
		t.Errorf("an endpoint that is no address: %v", err)
	}
	for address, want := range map[string]string{"s3://b/a/in.mkv": "s3://b/a/.w/x", "/a/in.mkv": "/a/.w/x", "s3://b/in.mkv": "s3://b/.w/x"} {
		if got := Join(Dir(address), ".w", "x"); got != want {
			t.Errorf("beside %s: %s, want %s", address, got, want)
		}
	}
	for _, key := range []string{"../x", "/x", "a/../../x", ""} {
		if _, err := (Folder{t.TempDir()}).Open(t.Context(), key, 0, -1); !errors.Is(err, fs.ErrInvalid) {
			t.Errorf("key %q: %v", key, err)
		}
	}
}

func noise(n int) []byte {
	b := make([]byte, n)
	r := rand.NewChaCha8([32]byte{1})
	_, _ = r.Read(b)
	return b
}
