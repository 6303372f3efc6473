// Package storage is where a fleet keeps videos, plans and segments: a folder that all machines share, or a bucket of an S3 store.
//
// An object is written whole or not at all and read by ranges, so nothing is ever held in memory. Of several machines that write an
// object which only the first may write, exactly one succeeds: link(2) decides in a folder, If-None-Match in a bucket.
package storage

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"path/filepath"
	"strings"
	"sync"

	"vsr/internal/fault"
)

// Storage holds objects by key. A key is a relative path with slashes. Errors wrap fs.ErrNotExist where an object is missing.
type Storage interface {
	// Open reads length bytes from offset on; a negative length reads to the end. The caller closes the reader.
	Open(ctx context.Context, key string, offset, length int64) (io.ReadCloser, error)
	// Stat describes an object.
	Stat(ctx context.Context, key string) (Object, error)
	// Put stores all of body. With first, it fails with fs.ErrExist where the object is there.
	Put(ctx context.Context, key string, body *io.SectionReader, first bool) error
	// List returns the objects whose keys begin with prefix, by rising key.
	List(ctx context.Context, prefix string) ([]Object, error)
	// Remove deletes an object; one that is not there is no error.
	Remove(ctx context.Context, key string) error
}

// Object describes an object.
type Object struct {
	Key     string
	Size    int64  // bytes
	Version string // changes when the content does: an ETag, or the time of the last change
}

// Local is implemented by a storage whose objects are files that this machine can open.
type Local interface {
	// Path is the file of an object, there or not.
	Path(key string) string
	// Adopt makes a file the object, which costs nothing; ErrOtherDisk says that it cannot, and Put has to. The rest is as for Put.
	Adopt(path, key string, first bool) error
}

// ErrOtherDisk is the error of Adopt for a file that would have to be copied.
var ErrOtherDisk = errors.New("the file is on another disk")

// IsURL reports whether an address names an object of a store, and not a file.
func IsURL(address string) bool { return strings.HasPrefix(address, s3Scheme) }

// Join appends elements to the address of a folder.
func Join(address string, elem ...string) string {
	if rest, ok := strings.CutPrefix(address, s3Scheme); ok {
		return s3Scheme + path.Join(append([]string{rest}, elem...)...)
	}
	return filepath.Join(append([]string{address}, elem...)...)
}

// Dir is the address of the folder that an object is in.
func Dir(address string) string {
	if rest, ok := strings.CutPrefix(address, s3Scheme); ok {
		return s3Scheme + path.Dir(rest)
	}
	return filepath.Dir(address)
}

// Stores finds the storage of an address: s3://BUCKET/KEY, or the path of a file. It is safe for use by several goroutines.
type Stores struct {
	S3 S3Options

	mu      sync.Mutex
	buckets map[string]*S3
}

const s3Scheme = "s3://"

// At returns the storage of an address, and the object's key in it. Errors are of kind Usage.
func (s *Stores) At(address string) (Storage, string, error) {
	rest, ok := strings.CutPrefix(address, s3Scheme)
	if !ok {
		if strings.Contains(address, "://") {
			return nil, "", fault.New(fault.Usage, "a fleet reads and writes files and s3://BUCKET/KEY", "%s: unknown kind of address", address)
		}
		abs, err := filepath.Abs(address)
		if err != nil {
			return nil, "", err
		}
		return Folder{Root: "/"}, strings.TrimPrefix(filepath.ToSlash(abs), "/"), nil
	}
	bucket, key, _ := strings.Cut(rest, "/")
	if bucket == "" {
		return nil, "", fault.New(fault.Usage, "as in s3://BUCKET/KEY", "%s names no bucket", address)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if b := s.buckets[bucket]; b != nil {
		return b, key, nil
	}
	b, err := NewS3(bucket, s.S3)
	if err != nil {
		return nil, "", err
	}
	if s.buckets == nil {
		s.buckets = map[string]*S3{}
	}
	s.buckets[bucket] = b
	return b, key, nil
}

// Read returns a small object whole. One of more than limit bytes is an error.
func Read(ctx context.Context, s Storage, key string, limit int64) ([]byte, error) {
	r, err := s.Open(ctx, key, 0, -1)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	b, err := io.ReadAll(io.LimitReader(r, limit+1))
	if err == nil && int64(len(b)) > limit {
		err = fmt.Errorf("%s is larger than %d bytes", key, limit)
	}
	return b, err
}

// Write stores a small object.
func Write(ctx context.Context, s Storage, key string, b []byte, first bool) error {
	return s.Put(ctx, key, io.NewSectionReader(strings.NewReader(string(b)), 0, int64(len(b))), first)
}

// checkKey refuses keys that lead out of a storage.
func checkKey(key string) error {
	if !filepath.IsLocal(filepath.FromSlash(key)) {
		return fmt.Errorf("%q is no key: %w", key, fs.ErrInvalid)
	}
	return nil
}
