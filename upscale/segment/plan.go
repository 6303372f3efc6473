package segment

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"unicode/utf8"

	"vsr/decode"
	"vsr/internal/atomicfile"
)

// Version of the plan's format. Plans of other versions are refused.
const Version = 3

// Plan says what a job is. Two runs with equal plans may share their segments; any difference in source, model or settings
// makes another ID.
type Plan struct {
	Version int    `json:"version"`
	Source  Source `json:"source"`
	Model   string `json:"model"` // name and content hash of the weights
	// Identity is everything else that changes the output's frames or packets. Its shape is the caller's.
	Identity json.RawMessage `json:"identity"`
	// Weights is where a worker finds the model, Output the file that a join writes. Neither enters the ID.
	Weights Path `json:"weights,omitempty"`
	Output  Path `json:"output,omitempty"`
	// Segments is the list of segments when it is known beforehand (vsr job plan). It does not enter the ID: the segmenter's rule is
	// part of the version.
	Segments []Range `json:"segments,omitempty"`
	// Cuts and Fingerprints are the frame index, for those who work on one segment. They do not enter the ID either.
	Cuts         []Cut  `json:"cuts,omitempty"`
	Fingerprints []byte `json:"fingerprints,omitempty"`
}

// Source identifies an input, a file or a sequence of images, without reading all of it.
type Source struct {
	Path   Path   `json:"path"` // absolute; for the reader, not part of the ID
	Size   int64  `json:"size"`
	Sample string `json:"sample"` // SHA-256 over the first and last MiB; of a sequence see identifySequence
}

// Path is the name of a file. As JSON it is a string; a name that is no UTF-8, which JSON cannot hold, is in base64 behind a prefix.
type Path string

const pathPrefix = "base64:"

// MarshalJSON writes the name.
func (p Path) MarshalJSON() ([]byte, error) {
	text := string(p)
	if !utf8.ValidString(text) || strings.HasPrefix(text, pathPrefix) {
		text = pathPrefix + base64.StdEncoding.EncodeToString([]byte(p))
	}
	return json.Marshal(text)
}

// UnmarshalJSON reads what MarshalJSON has written.
func (p *Path) UnmarshalJSON(b []byte) error {
	var text string
	if err := json.Unmarshal(b, &text); err != nil {
		return err
	}
	if coded, ok := strings.CutPrefix(text, pathPrefix); ok {
		name, err := base64.StdEncoding.DecodeString(coded)
		if err != nil {
			return fmt.Errorf("path: %w", err)
		}
		text = string(name)
	}
	*p = Path(text)
	return nil
}

// Range is where a segment lies: frames [First, First+Frames) in output order.
type Range struct {
	Index     int    `json:"index"`
	First     int64  `json:"first_frame"`
	Frames    int64  `json:"frames"`
	FirstPTS  int64  `json:"first_pts"`  // ticks of the video track's time base
	Scene     uint64 `json:"scene"`      // scene number of its first frame
	LastScene uint64 `json:"last_scene"` // and of its last
	Reason    string `json:"reason"`     // start, scene cut, or maximum length
}

// Identify reads what Source needs, of a file or of a sequence of images.
func Identify(path string) (Source, error) {
	abs, err := filepath.Abs(path)
	if err != nil {
		return Source{}, err
	}
	if files, err := decode.SequenceFiles(path); err != nil || len(files) > 0 {
		return identifySequence(abs, files, err)
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
	return Source{Path: Path(abs), Size: st.Size(), Sample: hex.EncodeToString(h.Sum(nil))}, nil
}

// identifySequence reads what Source needs of image files: of each its name and size, of the first and the last their bytes.
func identifySequence(abs string, files []string, err error) (Source, error) {
	if err != nil {
		return Source{}, err
	}
	out, h := Source{Path: Path(abs)}, sha256.New()
	for i, name := range files {
		st, err := os.Stat(name)
		if err != nil {
			return Source{}, err
		}
		out.Size += st.Size()
		fmt.Fprintf(h, "%q %d\n", filepath.Base(name), st.Size())
		if i > 0 && i < len(files)-1 {
			continue
		}
		one, err := Identify(name)
		if err != nil {
			return Source{}, err
		}
		fmt.Fprintln(h, one.Sample)
	}
	out.Sample = hex.EncodeToString(h.Sum(nil))
	return out, nil
}

// ID is the job's name: a hash of all that matters.
func (p *Plan) ID() string {
	same := *p
	same.Segments, same.Cuts, same.Fingerprints, same.Source.Path, same.Weights, same.Output = nil, nil, nil, "", "", ""
	b, err := json.Marshal(same) // compacts Identity, however it was indented
	if err != nil {
		panic(fmt.Sprintf("segment: a plan whose identity is no JSON: %q", p.Identity)) // ParsePlan lets none in
	}
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:16])
}

// Limits of what a plan or record file may hold, so that a hostile one costs no memory.
const (
	maxPlanBytes   = 64 << 20
	maxRecordBytes = 4 << 20
	maxSegments    = 1 << 20
)

// ReadPlan reads and checks a plan file.
func ReadPlan(path string) (*Plan, error) {
	b, err := readLimited(path, maxPlanBytes)
	if err != nil {
		return nil, err
	}
	return ParsePlan(b)
}

// ParsePlan checks that the segments follow each other without gap or overlap.
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
	if len(p.Segments) > maxSegments {
		return nil, fmt.Errorf("plan: %d segments, at most %d", len(p.Segments), maxSegments)
	}
	next := int64(0)
	for i, s := range p.Segments {
		if s.Index != i || s.First != next || s.Frames < 1 || s.Frames > 1<<40 {
			return nil, fmt.Errorf("plan: segment %d is {index %d, first frame %d, %d frames}, expected it to begin at frame %d",
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
