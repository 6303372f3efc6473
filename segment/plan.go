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

	"vsr/internal/atomicfile"
)

// Version of the plan's format. Plans of other versions are refused.
const Version = 1

// Plan says what a job is. Two runs with equal plans may share their pieces; any difference in source, model or settings
// makes another ID.
type Plan struct {
	Version  int               `json:"version"`
	Source   Source            `json:"source"`
	Model    string            `json:"model"`    // content hash of the weights
	Settings map[string]string `json:"settings"` // everything that changes the output's pictures or packets
	// Pieces is the list of segments when it is known beforehand (vsr plan). It does not enter the ID: the cutter's rule is
	// part of the version.
	Pieces []Piece `json:"pieces,omitempty"`
	// Cuts and Marks are the guide for those who work on one piece: see Guide. They do not enter the ID either.
	Cuts  []Cut  `json:"cuts,omitempty"`
	Marks []byte `json:"marks,omitempty"`
}

// Source identifies an input file without reading all of it.
type Source struct {
	Path   string `json:"path"` // absolute; for the reader, not part of the ID
	Size   int64  `json:"size"`
	Sample string `json:"sample"` // SHA-256 over the first and last MiB
}

// Piece is one segment: frames [First, First+Frames) in output order.
type Piece struct {
	Index     int    `json:"index"`
	First     int64  `json:"first_frame"`
	Frames    int64  `json:"frames"`
	FirstPTS  int64  `json:"first_pts"`  // ticks of the video track's time base
	Scene     uint64 `json:"scene"`      // scene number of its first frame
	LastScene uint64 `json:"last_scene"` // and of its last
	Reason    string `json:"reason"`     // start, scene cut, or maximum length
}

// Fingerprint reads what Source needs.
func Fingerprint(path string) (Source, error) {
	abs, err := filepath.Abs(path)
	if err != nil {
		return Source{}, err
	}
	f, err := os.Open(abs)
	if err != nil {
		return Source{}, err
	}
	defer f.Close()
	st, err := f.Stat()
	if err != nil {
		return Source{}, err
	}
	if !st.Mode().IsRegular() {
		return Source{}, fmt.Errorf("%s is not a regular file", path)
	}
	const part = 1 << 20
	h := sha256.New()
	if _, err := io.CopyN(h, f, part); err != nil && !errors.Is(err, io.EOF) {
		return Source{}, err
	}
	if _, err := io.Copy(h, io.NewSectionReader(f, max(st.Size()-part, 0), part)); err != nil {
		return Source{}, err
	}
	return Source{Path: abs, Size: st.Size(), Sample: hex.EncodeToString(h.Sum(nil))}, nil
}

// ID is the job's name: a hash of all that matters.
func (p *Plan) ID() string {
	same := *p
	same.Pieces, same.Cuts, same.Marks, same.Source.Path = nil, nil, nil, ""
	b, err := json.Marshal(same) // map keys come out sorted
	if err != nil {
		panic(err) // strings and numbers only: cannot fail
	}
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:16])
}

// Limits of what a plan or record file may hold, so that a hostile one costs no memory.
const (
	maxPlanBytes   = 64 << 20
	maxRecordBytes = 4 << 20
	maxPieces      = 1 << 20
)

// ReadPlan reads and checks a plan file.
func ReadPlan(path string) (*Plan, error) {
	b, err := readLimited(path, maxPlanBytes)
	if err != nil {
		return nil, err
	}
	return ParsePlan(b)
}

// ParsePlan checks that the pieces follow each other without gap or overlap.
func ParsePlan(b []byte) (*Plan, error) {
	p := &Plan{}
	dec := json.NewDecoder(bytes.NewReader(b))
	dec.DisallowUnknownFields()
	if err := dec.Decode(p); err != nil {
		return nil, fmt.Errorf("plan: %w", err)
	}
	if p.Version != Version {
		return nil, fmt.Errorf("plan: version %d, this program reads %d", p.Version, Version)
	}
	if len(p.Pieces) > maxPieces {
		return nil, fmt.Errorf("plan: %d pieces, at most %d", len(p.Pieces), maxPieces)
	}
	next := int64(0)
	for i, s := range p.Pieces {
		if s.Index != i || s.First != next || s.Frames < 1 || s.Frames > 1<<40 {
			return nil, fmt.Errorf("plan: piece %d is {index %d, first frame %d, %d frames}, expected it to begin at frame %d",
				i, s.Index, s.First, s.Frames, next)
		}
		next += s.Frames
	}
	return p, nil
}

// Write puts the plan into a file, whole or not at all.
func (p *Plan) Write(path string) error {
	b, err := json.MarshalIndent(p, "", " ")
	if err != nil {
		return err
	}
	return atomicfile.WriteBytes(path, append(b, '\n'))
}

func readLimited(path string, limit int64) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err != nil {
		return nil, err
	}
	if int64(len(b)) > limit {
		return nil, fmt.Errorf("%s is larger than %d bytes", path, limit)
	}
	return b, nil
}
