package storage

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"vsr/internal/atomicfile"
	"vsr/internal/fault"
)

// Cache keeps copies of objects as files of this machine, up to a number of bytes. Several processes may share its folder.
type Cache struct {
	Dir   string
	Limit int64 // bytes; 0 is DefaultLimit
	// Retry is the pause before a range is asked for again, which grows five times; 0 is a second.
	Retry time.Duration
}

// DefaultLimit of a Cache: 64 GiB.
const DefaultLimit = 64 << 30

// rangeSize is how much of an object one request reads, in bytes.
const rangeSize = 16 << 20

const copySuffix = ".copy"

// Fetch returns a file with the content of an object: the object itself where it is one, else a copy, which release allows to be
// thrown away. An object larger than the cache is an error of kind Output.
func (c *Cache) Fetch(ctx context.Context, s Storage, key string) (path string, release func(), err error) {
	if l, ok := s.(Local); ok {
		path = l.Path(key)
		_, err = os.Stat(path)
		return path, func() {}, err
	}
	o, err := s.Stat(ctx, key)
	if err != nil {
		return "", nil, err
	}
	if err := os.MkdirAll(c.Dir, 0o755); err != nil {
		return "", nil, err
	}
	path = filepath.Join(c.Dir, name(o))
	for {
		lock, err := atomicfile.LockShared(lockName(path))
		if err == nil {
			if st, serr := os.Stat(path); serr == nil && st.Size() == o.Size {
				now := time.Now()
				_ = os.Chtimes(path, now, now) // used last
				return path, func() { lock.Close() }, nil
			}
			if err := lock.Close(); err != nil {
				return "", nil, err
			}
		} else if !errors.Is(err, atomicfile.ErrLocked) {
			return "", nil, err
		}
		if err := c.fill(ctx, s, o, path); err != nil {
			return "", nil, err
		}
	}
}

func name(o Object) string {
	sum := sha256.Sum256([]byte(o.Key + "\x00" + o.Version + fmt.Sprint("\x00", o.Size)))
	ext := filepath.Ext(o.Key) // which tells how a file is to be read
	if len(ext) > 16 {
		ext = ""
	}
	return fmt.Sprintf("%x%s%s", sum[:12], copySuffix, ext)
}

func lockName(path string) string { return path + ".lock" }

// fill makes the copy of an object, or waits a moment for another process that does.
func (c *Cache) fill(ctx context.Context, s Storage, o Object, path string) error {
	lock, err := atomicfile.Lock(lockName(path))
	if errors.Is(err, atomicfile.ErrLocked) {
		return sleep(ctx, 200*time.Millisecond)
	}
	if err != nil {
		return err
	}
	defer lock.Close()
	if st, err := os.Stat(path); err == nil && st.Size() == o.Size {
		return nil
	}
	if err := c.makeSpace(o.Size, path); err != nil {
		return err
	}
	return atomicfile.Write(path, func(w io.Writer) error { return c.download(ctx, s, o, w) })
}

// download copies an object range by range. A range that breaks off is asked for again from where it broke.
func (c *Cache) download(ctx context.Context, s Storage, o Object, w io.Writer) error {
	pause, tries := c.Retry, 0
	if pause == 0 {
		pause = time.Second
	}
	for at := int64(0); at < o.Size; {
		n, err := copyRange(ctx, s, o.Key, w, at, min(rangeSize, o.Size-at))
		at += n
		switch {
		case err == nil && n > 0:
			pause, tries = max(c.Retry, pause/2), 0
			continue
		case err == nil:
			return fmt.Errorf("%s: the object ends at %d of %d bytes", o.Key, at, o.Size)
		case ctx.Err() != nil || errors.Is(err, fs.ErrNotExist) || errors.As(err, new(*os.PathError)):
			return err
		}
		if tries++; tries > 5 {
			return err
		}
		if err := sleep(ctx, pause); err != nil {
			return err
		}
		pause *= 2
	}
	return nil
}

func copyRange(ctx context.Context, s Storage, key string, w io.Writer, from, length int64) (int64, error) {
	r, err := s.Open(ctx, key, from, length)
	if err != nil {
		return 0, err
	}
	defer r.Close()
	return io.Copy(w, r)
}

// makeSpace throws the copies away that were used longest ago and that nobody uses, until size more bytes fit.
func (c *Cache) makeSpace(size int64, except string) error {
	limit := c.Limit
	if limit == 0 {
		limit = DefaultLimit
	}
	if size > limit {
		return fault.New(fault.Output, "give the cache more space", "an object of %d bytes does not fit into a cache of %d", size, limit)
	}
	entries, err := os.ReadDir(c.Dir)
	if err != nil {
		return err
	}
	type copied struct {
		path string
		size int64
		used time.Time
	}
	var list []copied
	for _, e := range entries {
		st, err := e.Info()
		path := filepath.Join(c.Dir, e.Name())
		if err != nil || !strings.Contains(e.Name(), copySuffix) || strings.HasPrefix(e.Name(), ".") || strings.HasSuffix(e.Name(), ".lock") || path == except {
			continue
		}
		list = append(list, copied{path, st.Size(), st.ModTime()})
		size += st.Size()
	}
	slices.SortFunc(list, func(a, b copied) int { return a.used.Compare(b.used) })
	for _, one := range list {
		if size <= limit {
			break
		}
		lock, err := atomicfile.Lock(lockName(one.path))
		if err != nil { // in use
			continue
		}
		err = os.Remove(one.path)
		if err = errors.Join(err, lock.Close()); err != nil {
			return err
		}
		size -= one.size
	}
	if size > limit {
		return fault.New(fault.Output, "give the cache more space, or the worker fewer slots", "the cache of %d bytes is full of copies that are in use", limit)
	}
	return nil
}

func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}
