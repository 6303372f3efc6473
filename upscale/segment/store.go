package segment

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"vsr/internal/atomicfile"
)

// Record is the commit of one segment: small, written once, never changed.
type Record struct {
	Range
	LastPTS      int64  `json:"last_pts"`
	LastDuration int64  `json:"last_duration"` // of the last frame, ticks
	Delay        int    `json:"delay"`         // frames that decoding must be ahead of presentation
	File         string `json:"file"`          // name of the winning attempt's file inside the store
	Bytes        int64  `json:"bytes"`
	SHA256       string `json:"sha256"`
	// Report is what the joiner adds up for the run's report (scenes, times); its shape is the caller's.
	Report json.RawMessage `json:"report,omitempty"`
}

// planName is the plan's file in a work folder.
const planName = "plan.json"

// Store is the work folder of one job. Any number of processes may use it at once.
type Store struct {
	dir  string
	plan *Plan
}

// ErrOtherJob says that a work folder belongs to another plan.
var ErrOtherJob = errors.New("the work folder belongs to a job with other settings, model or source")

// ErrLost is returned by Commit when somebody else committed the segment first. The caller's file is gone.
var ErrLost = errors.New("another worker committed this segment first")

// Open makes or reopens the work folder dir for a plan.
func Open(dir string, p *Plan) (*Store, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	path := filepath.Join(dir, planName)
	old, err := ReadPlan(path)
	switch {
	case errors.Is(err, os.ErrNotExist):
		if err := p.Write(path); err != nil {
			return nil, err
		}
	case err != nil:
		return nil, err
	case old.ID() != p.ID():
		return nil, fmt.Errorf("%s: %w", dir, ErrOtherJob)
	}
	return &Store{dir: dir, plan: p}, nil
}

// ID is that of the store's plan.
func (s *Store) ID() string { return s.plan.ID() }

// Dir is the work folder.
func (s *Store) Dir() string { return s.dir }

// Attempt returns a fresh file name for a try at a segment, unique over processes. ext is the file's extension with its dot.
func (s *Store) Attempt(index int, ext string) (string, error) {
	f, err := os.CreateTemp(s.dir, fmt.Sprintf("%06d.try-*%s", index, ext))
	if err != nil {
		return "", err
	}
	return f.Name(), f.Close()
}

// Commit makes the file of an attempt the segment's result if nobody was first. It fills in File, Bytes and SHA256.
func (s *Store) Commit(r Record, file string) (Record, error) {
	var err error
	if r.SHA256, r.Bytes, err = hashFile(file); err != nil {
		return r, err
	}
	r.File = filepath.Base(file)
	b, err := encodeRecord(r)
	if err != nil {
		return r, err
	}
	err = atomicfile.Create(filepath.Join(s.dir, s.recordName(r.Index)), b)
	if errors.Is(err, os.ErrExist) {
		os.Remove(file)
		return r, ErrLost
	}
	if err == nil {
		os.Remove(s.spoolPath(r.Index)) // what stays goes with the next sweep
	}
	return r, err
}

func (s *Store) recordName(index int) string { return fmt.Sprintf("%06d.done", index) }

// Lookup returns the record of a segment. ok is false if the segment is not done, or if its record or file is damaged, in which
// case the damaged record is removed so that the segment can be done again.
func (s *Store) Lookup(index int) (r Record, ok bool, err error) {
	path := filepath.Join(s.dir, s.recordName(index))
	b, err := readLimited(path, maxRecordBytes)
	if errors.Is(err, os.ErrNotExist) {
		return Record{}, false, nil
	}
	if err != nil {
		return Record{}, false, err
	}
	r, err = decodeRecord(b)
	if err == nil && r.Index == index {
		if st, serr := os.Stat(s.Path(r)); serr == nil && st.Size() == r.Bytes {
			return r, true, nil
		}
	}
	return Record{}, false, os.Remove(path)
}

// Discard forgets a segment whose file is damaged, so that it is made again.
func (s *Store) Discard(r Record) error {
	if err := os.Remove(filepath.Join(s.dir, s.recordName(r.Index))); err != nil {
		return err
	}
	return os.Remove(s.Path(r))
}

// Path is the file of a committed segment.
func (s *Store) Path(r Record) string { return filepath.Join(s.dir, r.File) }

// Check reads a committed segment's file and compares its hash.
func (s *Store) Check(r Record) error {
	sum, n, err := hashFile(s.Path(r))
	if err != nil {
		return err
	}
	if sum != r.SHA256 || n != r.Bytes {
		return fmt.Errorf("%s does not match its record: it was changed or damaged after it was finished", s.Path(r))
	}
	return nil
}

// Sweep deletes what dead attempts left: files that no record names, and spools of segments that are done. Only the one process that works on the store may call it.
func (s *Store) Sweep() error {
	entries, err := os.ReadDir(s.dir)
	if err != nil {
		return err
	}
	done, err := s.All()
	if err != nil {
		return err
	}
	named := map[string]bool{} // a file keeps its name when Replace gives its segment another number
	for _, r := range done {
		named[r.File] = true
	}
	for _, e := range entries {
		n := 0
		_, attempt := fmt.Sscanf(strings.TrimPrefix(e.Name(), "."), "%06d.try-", &n)
		spool := strings.HasSuffix(e.Name(), ".frames")
		if spool {
			_, attempt = fmt.Sscanf(e.Name(), "%06d.frames", &n)
		}
		if attempt != nil || !e.Type().IsRegular() {
			continue
		}
		_, ok, err := s.Lookup(n)
		if err != nil {
			return err
		}
		if named[e.Name()] || spool && !ok {
			continue
		}
		if err := os.Remove(filepath.Join(s.dir, e.Name())); err != nil {
			return err
		}
	}
	return nil
}

// Frames counts the frames of all segments that are finished, also of those that lie behind a gap, and those that are kept of others.
func (s *Store) Frames() (n int64, err error) {
	entries, err := os.ReadDir(s.dir)
	if err != nil {
		return 0, err
	}
	for _, e := range entries {
		index := 0
		if _, err := fmt.Sscanf(e.Name(), "%06d.done", &index); err != nil || e.Name() != s.recordName(index) {
			continue
		}
		r, ok, err := s.Lookup(index)
		if err != nil {
			return 0, err
		}
		if ok {
			n += r.Frames
		}
	}
	return n + s.Spooled(), nil
}

// All returns the records of all segments that are finished, also of those behind a gap, by rising number.
func (s *Store) All() (list []Record, err error) {
	entries, err := os.ReadDir(s.dir)
	if err != nil {
		return nil, err
	}
	for _, e := range entries { // by name
		index := 0
		if _, err := fmt.Sscanf(e.Name(), "%06d.done", &index); err != nil || e.Name() != s.recordName(index) {
			continue
		}
		r, ok, err := s.Lookup(index)
		if err != nil {
			return nil, err
		}
		if ok {
			list = append(list, r)
		}
	}
	return list, nil
}

// Replace makes the folder that of another plan, with records of segments whose files are in it. Killed in its middle it leaves fewer
// segments, never wrong ones. Only the one process that works on the store may call it.
func (s *Store) Replace(p *Plan, records []Record) error {
	entries, err := os.ReadDir(s.dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if name := e.Name(); strings.HasSuffix(name, ".done") || strings.HasSuffix(name, ".frames") {
			if err := os.Remove(filepath.Join(s.dir, name)); err != nil {
				return err
			}
		}
	}
	if err := p.Write(filepath.Join(s.dir, planName)); err != nil {
		return err
	}
	s.plan = p
	for _, r := range records {
		b, err := encodeRecord(r)
		if err != nil {
			return err
		}
		if err := atomicfile.Create(filepath.Join(s.dir, s.recordName(r.Index)), b); err != nil {
			return err
		}
	}
	return nil
}

// MarkerFile is a file in which the owner of a work folder may keep a note for a later run. It is the last that Remove deletes, so
// that it can still be read when Remove was killed.
const MarkerFile = ".note"

// Remove deletes the whole work folder. Only files that a store makes are touched.
func (s *Store) Remove() error {
	entries, err := os.ReadDir(s.dir)
	if err != nil {
		return err
	}
	note := false
	for _, e := range entries {
		name := e.Name()
		ours := name == planName || strings.HasSuffix(name, ".done") || strings.HasSuffix(name, ".frames") || strings.Contains(name, ".try-") || strings.HasPrefix(name, ".")
		switch {
		case !ours || !e.Type().IsRegular():
		case name == MarkerFile:
			note = true
		default:
			if err := os.Remove(filepath.Join(s.dir, name)); err != nil {
				return err
			}
		}
	}
	if note {
		if err := os.Remove(filepath.Join(s.dir, MarkerFile)); err != nil {
			return err
		}
	}
	return os.Remove(s.dir)
}

// A record file is one line of JSON and one line with the SHA-256 of the first, so that a torn write shows.
func encodeRecord(r Record) ([]byte, error) {
	b, err := json.Marshal(r)
	if err != nil {
		return nil, err
	}
	if len(b) > maxRecordBytes/2 {
		return nil, fmt.Errorf("record of %d bytes is too large", len(b))
	}
	sum := sha256.Sum256(b)
	return fmt.Appendf(nil, "%s\n%x\n", b, sum), nil
}

func decodeRecord(b []byte) (Record, error) {
	var r Record
	line, rest, _ := bytes.Cut(b, []byte("\n"))
	sum := sha256.Sum256(line)
	if string(bytes.TrimSpace(rest)) != hex.EncodeToString(sum[:]) {
		return r, errors.New("record: torn or damaged")
	}
	if err := json.Unmarshal(line, &r); err != nil {
		return r, fmt.Errorf("record: %w", err)
	}
	if r.File != filepath.Base(r.File) || r.File == "." || r.File == "" {
		return r, fmt.Errorf("record: file name %q leaves the folder", r.File)
	}
	return r, nil
}

func hashFile(path string) (sum string, size int64, err error) {
	f, err := os.Open(path)
	if err != nil {
		return "", 0, err
	}
	defer f.Close()
	h := sha256.New()
	size, err = io.Copy(h, f)
	return hex.EncodeToString(h.Sum(nil)), size, err
}
