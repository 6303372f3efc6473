package fleet

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"go.temporal.io/sdk/temporal"

	"vsr/internal/fault"
	"vsr/upscale/segment"
)

// What happens to a video with a segment that cannot be made.
const (
	OnFailureFail     = "fail"     // the video fails; its other segments stay for another try
	OnFailureFallback = "fallback" // the segment is resampled instead, and the report says so
)

// Request asks for one video. It goes through Temporal and has no secrets.
type Request struct {
	Input   string `json:"input"`             // address of the video: a file that all workers see, or s3://BUCKET/KEY
	Version string `json:"version,omitempty"` // of the input, as its storage has it: another version is another job
	Output  string `json:"output"`            // address to publish at
	Work    string `json:"work"`              // address of a folder for plans and segments
	// Options are what upscale.Options.Portable returns.
	Options json.RawMessage `json:"options"`
	Model   string          `json:"model,omitempty"` // address of a weights file; empty for a built-in model
	Replace bool            `json:"replace,omitempty"`
	// OnFailure is OnFailureFail or OnFailureFallback; empty is the first.
	OnFailure string `json:"on_failure,omitempty"`
	InFlight  int    `json:"in_flight,omitempty"` // segments that wait or run at the same time; 0 is 200
	Priority  int    `json:"priority,omitempty"`  // 1 (first) to 5 (last); 0 is 3
	Attempts  int    `json:"attempts,omitempty"`  // at a segment; 0 is 5
	// Heartbeat is after what silence a worker counts as lost; 0 is 30 s.
	Heartbeat time.Duration `json:"heartbeat,omitempty"`
	Keep      bool          `json:"keep,omitempty"` // keep the segments of a video that is finished
}

// ID is the name of the request's workflow: a hash of all that the plan is made from, so the same request twice is one job.
func (r *Request) ID() string {
	same := Request{Input: r.Input, Version: r.Version, Output: r.Output, Work: r.Work, Options: r.Options, Model: r.Model, OnFailure: r.OnFailure}
	return "video-" + hashOf(same)
}

func hashOf(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		panic(fmt.Sprintf("fleet: a request that is no JSON: %v", err)) // options are checked before
	}
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:10])
}

func (r *Request) inFlight() int            { return or(r.InFlight, 200) }
func (r *Request) attempts() int            { return or(r.Attempts, 5) }
func (r *Request) priority() int            { return or(r.Priority, 3) }
func (r *Request) heartbeat() time.Duration { return or(r.Heartbeat, 30*time.Second) }

func or[T int | time.Duration](v, otherwise T) T {
	if v <= 0 {
		return otherwise
	}
	return v
}

// Planned is what the workflow needs of a plan; the plan itself lies in Dir.
type Planned struct {
	ID    string `json:"id"`    // of the plan
	Dir   string `json:"dir"`   // address of its folder
	Fit   string `json:"fit"`   // that a worker must have
	Queue string `json:"queue"` // of such workers
	Model string `json:"model"`
	// Lengths are the frames of each segment, as varints: two bytes each, where numbers in JSON would be too many for one message.
	Lengths []byte `json:"lengths"`
	Done    []byte `json:"done,omitempty"` // a bit for each segment that was committed before
}

// maxSegments of a video: what Temporal holds in one message, and one query shows.
const maxSegments = 20_000

func packLengths(list []segment.Range) []byte {
	var b []byte
	for _, r := range list {
		b = binary.AppendUvarint(b, uint64(r.Frames))
	}
	return b
}

func unpackLengths(b []byte) (list []int64) {
	for len(b) > 0 {
		v, n := binary.Uvarint(b)
		if n <= 0 {
			return nil
		}
		list, b = append(list, int64(v)), b[n:]
	}
	return list
}

type bits []byte

func newBits(n int) bits      { return make(bits, (n+7)/8) }
func (b bits) set(i int)      { b[i/8] |= 1 << (i % 8) }
func (b bits) clear(i int)    { b[i/8] &^= 1 << (i % 8) }
func (b bits) has(i int) bool { return i/8 < len(b) && b[i/8]&(1<<(i%8)) != 0 }

// Task is one segment to make.
type Task struct {
	Dir   string `json:"dir"`
	Input string `json:"input"`
	Model string `json:"model,omitempty"`
	Index int    `json:"index"`
	Fit   string `json:"fit"`
	Plain bool   `json:"plain,omitempty"` // resampled, without the network
}

// Commit is the record of a segment in the storage: written once, by the first worker that finished it.
type Commit struct {
	segment.Record
	Device  string  `json:"device"`  // in words
	Worker  string  `json:"worker"`  // host and process
	Attempt int32   `json:"attempt"` // that committed, from 1
	Seconds float64 `json:"seconds"` // that it took
	Plain   bool    `json:"fallback,omitempty"`
}

// Made is what a workflow hears of a segment.
type Made struct {
	Device string `json:"device"`
	Plain  bool   `json:"fallback,omitempty"`
	Before bool   `json:"before,omitempty"` // it was committed already
}

// JoinTask asks for the output.
type JoinTask struct {
	Request Request `json:"request"`
	Dir     string  `json:"dir"`
	Fit     string  `json:"fit"`
}

// Joined says where the output is. When Damaged is not empty nothing was made: those segments are to be made again.
type Joined struct {
	Report  string `json:"report,omitempty"`
	Frames  int64  `json:"frames,omitempty"`
	Bytes   int64  `json:"bytes,omitempty"`
	Damaged []int  `json:"damaged,omitempty"`
}

// Beat is what a worker says with every heartbeat.
type Beat struct {
	Segment int    `json:"segment"` // -1 for the plan and the join
	Frames  int64  `json:"frames"`
	Worker  string `json:"worker"`
}

// Result is what became of a video.
type Result struct {
	Output  string         `json:"output"`
	Report  string         `json:"report"` // address
	Frames  int64          `json:"frames"`
	Bytes   int64          `json:"bytes"`
	Devices map[string]int `json:"devices"`            // segments by the device that made them
	Flagged []int          `json:"fallback,omitempty"` // segments that were resampled
}

// The types of the errors that activities return. Those of the first group are nobody's fault who could try again; those of the second do not count as
// attempts, because another worker, or the same one later, will do.
const (
	errInput   = "input"   // the video cannot be read
	errRequest = "request" // what was asked for cannot be done
	errCheck   = "check"   // the output does not pass its checks

	errReturned = "returned" // the worker is going away and gives its work back
	errWorker   = "worker"   // the worker's own disk or device failed
	errUnfit    = "unfit"    // another version than the plan's
	errStorage  = "storage"  // the storage did not answer
)

// activityError makes an error of this program one of Temporal's.
func activityError(err error, kind string) error {
	if err == nil {
		return nil
	}
	text := fault.Line(err)
	if len(text) > 2000 {
		text = text[:2000]
	}
	hint := ""
	if f, ok := fault.As(err); ok {
		hint = f.Hint
	}
	return temporal.NewApplicationErrorWithOptions(text, kind, temporal.ApplicationErrorOptions{NonRetryable: kind != "", Details: []any{hint}})
}

// errorType returns the type of an activity's error, "" for a lost worker and for what may be tried again.
func errorType(err error) string {
	var a *temporal.ApplicationError
	if errors.As(err, &a) {
		return a.Type()
	}
	return ""
}

// Fault makes an error of a workflow one of this program's, with its kind and hint.
func Fault(err error) error {
	if err == nil {
		return nil
	}
	var a *temporal.ApplicationError
	if !errors.As(err, &a) {
		if temporal.IsCanceledError(err) {
			return fault.New(fault.Interrupted, "the same command goes on: what is committed stays", "it was cancelled")
		}
		return err
	}
	kind := map[string]fault.Kind{errInput: fault.Input, errRequest: fault.Request, errCheck: fault.Check, errStorage: fault.Output, errWorker: fault.Device}[a.Type()]
	var hint string
	_ = a.Details(&hint) // those of the server have none
	return &fault.Error{Kind: kind, Err: errors.New(a.Message()), Hint: hint}
}
