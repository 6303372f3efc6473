package main

import (
	"context"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"syscall"

	"vsr/internal/atomicfile"
	"vsr/segment"
)

// joinNote is left in the work folder when the output is begun, so that a later run knows the file again: a file keeps its number
// in the file system when it gets its name. It says whose work a file with the output's name is, when the run that made it was
// killed before it could remove the folder, or was ended by Ctrl-C.
type joinNote struct {
	Plan    string `json:"plan"` // its ID
	Device  uint64 `json:"device"`
	Inode   uint64 `json:"inode"`
	Frames  int64  `json:"frames"`
	Cut     bool   `json:"cut"`     // Ctrl-C has cut the film short
	Checked bool   `json:"checked"` // the output has passed the check
	// Size and Mtime are those of the output when the run ended, 0 while that is not known. A file that was changed since is not ours.
	Size  int64 `json:"size,omitempty"`
	Mtime int64 `json:"mtime,omitempty"`
}

// identity is the number of a file, and that of the file system it is in.
func identity(path string) (device, inode uint64, ok bool) {
	st, err := os.Stat(path)
	if err != nil {
		return 0, 0, false
	}
	sys, ok := st.Sys().(*syscall.Stat_t)
	if !ok {
		return 0, 0, false
	}
	return uint64(sys.Dev), sys.Ino, true
}

// write puts the note about file into a work folder.
func (n joinNote) write(dir, file string) error {
	n.Device, n.Inode, _ = identity(file)
	return atomicfile.Write(filepath.Join(dir, segment.NoteFile), func(w io.Writer) error { return json.NewEncoder(w).Encode(n) })
}

// seal writes the note again when the output is done.
func (n joinNote) seal(dir, out string) error {
	if st, err := os.Stat(out); err == nil {
		n.Size, n.Mtime = st.Size(), st.ModTime().UnixNano()
	}
	return n.write(dir, out)
}

// readJoinNote reads the note of a work folder. ok is false if there is none, or if the file at out is another one.
func readJoinNote(dir, out string) (n joinNote, ok bool) {
	f, err := os.Open(filepath.Join(dir, segment.NoteFile))
	if err != nil {
		return n, false
	}
	defer f.Close()
	if n, ok = parseNote(f); !ok {
		return n, false
	}
	device, inode, ok := identity(out)
	if !ok || device != n.Device || inode != n.Inode {
		return n, false
	}
	st, err := os.Stat(out)
	return n, err == nil && (n.Mtime == 0 || st.Size() == n.Size && st.ModTime().UnixNano() == n.Mtime)
}

// parseNote reads a note. One that was torn, or that this program would not have written, is none.
func parseNote(r io.Reader) (n joinNote, ok bool) {
	if json.NewDecoder(io.LimitReader(r, 1<<16)).Decode(&n) != nil || n.Plan == "" || n.Frames < 0 || n.Frames > mostFrames || n.Size < 0 {
		return joinNote{}, false
	}
	return n, true
}

// interrupted reports whether the file at out is the one that Ctrl-C has cut short.
func interrupted(dir, out string) bool {
	n, ok := readJoinNote(dir, out)
	return ok && n.Cut
}

// acknowledge ends a run whose output an earlier one has finished: it makes up for the check if that was not done.
func (j *job) acknowledge(ctx context.Context) error {
	defer j.source.Close()
	p := &j.pieces
	j.report.Frames = frameCounts{In: p.note.Frames, Out: p.note.Frames, Resumed: p.note.Frames}
	if !p.note.Checked {
		var err error
		if j.times, err = p.store.Times(ctx, p.records, j.firstInfo.VideoTrack().TimeBase); err != nil {
			return err
		}
		if err := j.checkFile(ctx); err != nil {
			return err
		}
	}
	j.app.tell("%s was finished by an earlier run", j.report.Output)
	return nil
}
