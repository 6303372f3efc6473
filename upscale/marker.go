package upscale

import (
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"syscall"

	"vsr/encode"
	"vsr/internal/atomicfile"
	"vsr/upscale/segment"
)

// marker is the content of the marker file, which is written into the work folder when the output is begun, so that a later run
// recognizes the output: a file keeps its inode when it gets its name. It says whose work a file with the output's name is, when the
// run that made it was killed before it could remove the work folder, or was stopped.
type marker struct {
	Plan    string `json:"plan"` // its ID
	Device  uint64 `json:"device"`
	Inode   uint64 `json:"inode"`
	Frames  int64  `json:"frames"`
	Cut     bool   `json:"cut"`     // a stop has cut the output short
	Checked bool   `json:"checked"` // the output has passed its checks
	// Size and Mtime are those of the output when the run ended, 0 while that is not known. A file that was changed since is not ours.
	Size  int64 `json:"size,omitempty"`
	Mtime int64 `json:"mtime,omitempty"`
}

// inodeOf is the number of a file, and that of the file system it is in.
func inodeOf(path string) (device, inode uint64, ok bool) {
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

// write puts the marker of file into a work folder.
func (m marker) write(dir, file string) error {
	m.Device, m.Inode, _ = inodeOf(file)
	return atomicfile.Write(filepath.Join(dir, segment.MarkerFile), func(w io.Writer) error { return json.NewEncoder(w).Encode(m) })
}

// seal writes the marker again when the output is done.
func (m marker) seal(dir, out string) error {
	if st, err := os.Stat(out); err == nil {
		m.Size, m.Mtime = st.Size(), st.ModTime().UnixNano()
	}
	return m.write(dir, out)
}

// readMarker reads the marker of a work folder. ok is false if there is none, or if the file at out is another one.
// The marker of a sequence says that its images were begun.
func readMarker(dir, out string) (m marker, ok bool) {
	f, err := os.Open(filepath.Join(dir, segment.MarkerFile))
	if err != nil {
		return m, false
	}
	defer f.Close()
	if m, ok = parseMarker(f); !ok {
		return m, false
	}
	if encode.IsSequence(out) { // the plan alone says whose images they are
		return m, true
	}
	device, inode, ok := inodeOf(out)
	if !ok || device != m.Device || inode != m.Inode {
		return m, false
	}
	st, err := os.Stat(out)
	return m, err == nil && (m.Mtime == 0 || st.Size() == m.Size && st.ModTime().UnixNano() == m.Mtime)
}

// parseMarker reads a marker. One that was torn, or that this program would not have written, is none.
func parseMarker(r io.Reader) (m marker, ok bool) {
	if json.NewDecoder(io.LimitReader(r, 1<<16)).Decode(&m) != nil || m.Plan == "" || m.Frames < 0 || m.Frames > maxFrames || m.Size < 0 {
		return marker{}, false
	}
	return m, true
}

// cutShort reports whether the file at out is one that a stop has cut short.
func cutShort(dir, out string) bool {
	m, ok := readMarker(dir, out)
	return ok && m.Cut
}
