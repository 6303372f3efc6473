// Package atomicfile writes files that are either whole or absent, and locks folders between processes.
//
// Every write goes to a temporary file in the same folder, is flushed to the device and gets its name only then, so that neither a
// crash nor a power loss leaves half a file under the final name.
package atomicfile

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"syscall"

	"golang.org/x/sys/unix"
)

// ErrLocked is returned by Lock when another process, or another open file of this one, holds the lock.
var ErrLocked = errors.New("locked by another process")

// Write replaces path with what fill writes. If fill or the file system fails, the old file stays and no temporary file is left.
// The new file has mode 0644.
func Write(path string, fill func(io.Writer) error) error {
	temp, err := writeTemp(path, fill)
	if err != nil {
		return err
	}
	if err := os.Rename(temp, path); err != nil {
		return errors.Join(err, os.Remove(temp))
	}
	return syncDir(filepath.Dir(path))
}

// WriteBytes replaces path with b.
func WriteBytes(path string, b []byte) error { return Write(path, bytesWriter(b)) }

// Create makes path with the content b. It fails with fs.ErrExist if the file exists: of several processes that create the same
// file, on one machine or over NFS, exactly one succeeds. link(2) decides; where the file system has no links, O_EXCL does, and a
// crash in the middle of that write can leave a torn file.
func Create(path string, b []byte) error { return CreateFrom(path, bytesWriter(b)) }

// CreateFrom is Create with what fill writes.
func CreateFrom(path string, fill func(io.Writer) error) error {
	temp, err := writeTemp(path, fill)
	if err != nil {
		return err
	}
	defer os.Remove(temp)
	err = os.Link(temp, path)
	switch {
	case err == nil:
		return syncDir(filepath.Dir(path))
	case !errors.Is(err, syscall.EPERM) && !errors.Is(err, errors.ErrUnsupported) && !errors.Is(err, syscall.EOPNOTSUPP):
		return err
	}
	written, err := os.Open(temp)
	if err != nil {
		return err
	}
	defer written.Close()
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return err
	}
	_, err = io.Copy(f, written)
	return errors.Join(err, f.Sync(), f.Close())
}

// Adopt gives the file temp, on the same file system, the name path once its content is on the disk. Without replace it fails with
// fs.ErrExist if path exists, and of several processes one succeeds. Where the file system has no links that fails with syscall.EPERM.
func Adopt(temp, path string, replace bool) error {
	f, err := os.Open(temp)
	if err != nil {
		return err
	}
	if err := errors.Join(f.Chmod(0o644), f.Sync(), f.Close()); err != nil {
		return err
	}
	if replace {
		err = os.Rename(temp, path)
	} else if err = os.Link(temp, path); err == nil {
		err = os.Remove(temp)
	}
	if err != nil {
		return err
	}
	return syncDir(filepath.Dir(path))
}

// Lock takes an exclusive lock on path, which it creates if need be, without waiting. The lock is released by Close, and by the
// system when the process ends in any way. On file systems without locks every Lock succeeds.
func Lock(path string) (io.Closer, error) { return lock(path, unix.LOCK_EX|unix.LOCK_NB) }

// LockWait is Lock, but waits until the lock is free.
func LockWait(path string) (io.Closer, error) { return lock(path, unix.LOCK_EX) }

// LockShared is Lock for any number of holders at once, who exclude one that has called Lock.
func LockShared(path string) (io.Closer, error) { return lock(path, unix.LOCK_SH|unix.LOCK_NB) }

func lock(path string, how int) (io.Closer, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, err
	}
	for {
		err = unix.Flock(int(f.Fd()), how)
		if !errors.Is(err, unix.EINTR) {
			break
		}
	}
	switch {
	case errors.Is(err, unix.EWOULDBLOCK):
		return nil, errors.Join(ErrLocked, f.Close())
	case err != nil && !errors.Is(err, unix.ENOLCK) && !errors.Is(err, unix.ENOSYS) && !errors.Is(err, unix.EOPNOTSUPP) && !errors.Is(err, unix.EINVAL):
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// Abandoned reports whether a file exists whose lock nobody holds. Where locks cannot be had it is false: nobody knows.
func Abandoned(path string) bool {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return false
	}
	defer f.Close()
	return unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB) == nil
}

func bytesWriter(b []byte) func(io.Writer) error {
	return func(w io.Writer) error {
		_, err := w.Write(b)
		return err
	}
}

// writeTemp fills a flushed temporary file beside path and returns its name.
func writeTemp(path string, fill func(io.Writer) error) (string, error) {
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*")
	if err != nil {
		return "", err
	}
	if err = fill(f); err == nil {
		err = errors.Join(f.Chmod(0o644), f.Sync())
	}
	if err = errors.Join(err, f.Close()); err != nil {
		os.Remove(f.Name())
		return "", err
	}
	return f.Name(), nil
}

// syncDir makes the new name survive a power loss. Some file systems cannot flush a folder; they are left alone.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	_ = d.Sync()
	return d.Close()
}
