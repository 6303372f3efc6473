package storage

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"vsr/internal/atomicfile"
)

// Folder is a Storage in a folder, which may be on a disk that several machines share.
type Folder struct{ Root string }

// Path is the file of an object.
func (f Folder) Path(key string) string { return filepath.Join(f.Root, filepath.FromSlash(key)) }

type rangeReader struct {
	io.Reader
	io.Closer
}

// Open reads a range of a file.
func (f Folder) Open(_ context.Context, key string, offset, length int64) (io.ReadCloser, error) {
	if err := checkKey(key); err != nil {
		return nil, err
	}
	file, err := os.Open(f.Path(key))
	if err != nil {
		return nil, err
	}
	if length < 0 {
		length = 1<<63 - 1 - offset
	}
	return rangeReader{io.NewSectionReader(file, offset, length), file}, nil
}

// Stat describes a file by its size and the time of its last change.
func (f Folder) Stat(_ context.Context, key string) (Object, error) {
	if err := checkKey(key); err != nil {
		return Object{}, err
	}
	st, err := os.Stat(f.Path(key))
	if err == nil && !st.Mode().IsRegular() {
		err = &fs.PathError{Op: "stat", Path: f.Path(key), Err: errors.New("not a regular file")}
	}
	if err != nil {
		return Object{}, err
	}
	return describe(key, st), nil
}

func describe(key string, st fs.FileInfo) Object {
	return Object{Key: key, Size: st.Size(), Version: strconv.FormatInt(st.ModTime().UnixNano(), 36)}
}

// Put writes a temporary file and gives it its name when it is on the disk.
func (f Folder) Put(ctx context.Context, key string, body *io.SectionReader, first bool) error {
	if err := checkKey(key); err != nil {
		return err
	}
	path := f.Path(key)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	fill := func(w io.Writer) error {
		_, err := io.Copy(w, reader{ctx, io.NewSectionReader(body, 0, body.Size())})
		return err
	}
	if first {
		return atomicfile.CreateFrom(path, fill)
	}
	return atomicfile.Write(path, fill)
}

// Adopt gives a file on the same disk the name of the object.
func (f Folder) Adopt(path, key string, first bool) error {
	if err := checkKey(key); err != nil {
		return err
	}
	to := f.Path(key)
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		return err
	}
	err := atomicfile.Adopt(path, to, !first)
	if errors.Is(err, syscall.EXDEV) || errors.Is(err, syscall.EPERM) || errors.Is(err, syscall.EOPNOTSUPP) {
		return ErrOtherDisk
	}
	return err
}

// reader ends with its context.
type reader struct {
	ctx context.Context //nolint:containedctx // it lives for one call of Put
	io.Reader
}

func (r reader) Read(b []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	return r.Reader.Read(b)
}

// List walks the folder. Files whose names begin with a dot and are being written are left out.
func (f Folder) List(ctx context.Context, prefix string) (list []Object, err error) {
	dir := prefix[:strings.LastIndex(prefix, "/")+1]
	if dir != "" {
		if err := checkKey(dir); err != nil {
			return nil, err
		}
	}
	err = filepath.WalkDir(f.Path(dir), func(path string, d fs.DirEntry, err error) error {
		switch {
		case errors.Is(err, fs.ErrNotExist): // it went away meanwhile, or was never there
			return nil
		case err != nil:
			return err
		case ctx.Err() != nil:
			return ctx.Err()
		}
		rel, err := filepath.Rel(f.Root, path)
		if err != nil {
			return err
		}
		key := filepath.ToSlash(rel)
		if d.IsDir() {
			if key != "." && !strings.HasPrefix(key+"/", prefix) && !strings.HasPrefix(prefix, key+"/") {
				return fs.SkipDir
			}
			return nil
		}
		if !d.Type().IsRegular() || !strings.HasPrefix(key, prefix) || strings.HasPrefix(d.Name(), ".") {
			return nil
		}
		st, err := d.Info()
		if err == nil {
			list = append(list, describe(key, st))
		} else if errors.Is(err, fs.ErrNotExist) {
			err = nil
		}
		return err
	})
	return list, err
}

// Remove deletes a file, and its folder when that is empty then.
func (f Folder) Remove(_ context.Context, key string) error {
	if err := checkKey(key); err != nil {
		return err
	}
	path := f.Path(key)
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	_ = os.Remove(filepath.Dir(path)) // it fails unless the folder is empty
	return nil
}
