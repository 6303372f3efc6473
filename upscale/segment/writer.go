package segment

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"

	"vsr/encode"
	"vsr/media"
)

// extension of the segment files: NUT keeps any time base exactly and holds every codec that vsr writes, but for ProRes.
func extension(codec string) string {
	if strings.HasPrefix(codec, "prores") {
		return ".mov"
	}
	return ".nut"
}

// Writer is a sink that encodes frames into segments, each by an encoder of its own so that it can be made and decoded alone,
// and commits every segment when it is full. Packets of other tracks are ignored: Join copies them from the source.
type Writer struct {
	store     *Store
	info      media.Info
	encode    encode.Options
	segmenter Segmenter
	report    func() (json.RawMessage, error) // what to keep with each segment; may be nil

	sink    *encode.Sink
	under   atomic.Pointer[encode.Sink] // sink, for Interrupt
	path    string
	last    Record // the segment under way
	commits func(Record)
	stopped func() bool
	partial *Record
}

// WriterOptions configures a Writer. The zero value makes all segments.
type WriterOptions struct {
	Encode encode.Options
	// Min and Max are those of the Segmenter.
	Min, Max int64
	// After is the record of the last segment that is done already; nil begins at the first frame.
	After *Record
	// Report returns what is to be kept in the record of the segment that was just finished. Nil keeps nothing.
	Report func() (json.RawMessage, error)
	// Committed hears of each segment that was committed, by this writer or, with ErrLost, by another one.
	Committed func(Record)
	// Stopped, when it says true at Close, makes the segment under way a partial one: it is finished so that it plays, but not
	// committed, because a run that was not stopped would have put more into it.
	Stopped func() bool
}

// NewWriter makes a writer for the output that info describes.
func NewWriter(s *Store, info *media.Info, o WriterOptions) *Writer {
	w := &Writer{store: s, info: *info, encode: o.Encode, report: o.Report, commits: o.Committed, stopped: o.Stopped}
	w.segmenter.Min, w.segmenter.Max = o.Min, o.Max
	w.info.Tracks = []media.Track{*info.VideoTrack()}
	w.info.Tracks[0].Index, w.info.Video, w.info.Chapters = 0, 0, nil
	if o.After != nil {
		w.segmenter.After(*o.After)
	}
	return w
}

// Done returns the records of the segments that are finished, from the first one on without a gap. Damaged ones count as not done.
func (s *Store) Done() ([]Record, error) {
	var out []Record
	for {
		r, ok, err := s.Lookup(len(out))
		if err != nil {
			return nil, err
		}
		if ok && s.Check(r) != nil {
			ok = false
			if err := s.Discard(r); err != nil {
				return nil, err
			}
		}
		next := int64(0)
		if len(out) > 0 {
			next = out[len(out)-1].First + out[len(out)-1].Frames
		}
		if !ok || r.First != next {
			return out, nil
		}
		out = append(out, r)
	}
}

// Write takes ownership of u.
func (w *Writer) Write(ctx context.Context, u media.Unit) error {
	if u.Frame == nil {
		return nil
	}
	p, begins := w.segmenter.Next(u.Frame.Scene, u.Frame.PTS)
	if begins {
		if err := w.next(p); err != nil {
			u.Release()
			return err
		}
	} else if w.sink == nil {
		u.Release()
		return fmt.Errorf("segment: frame %d should begin a segment: the source is not the one that the work folder was made from", p.First+p.Frames-1)
	}
	step := u.Frame.PTS - w.last.LastPTS
	if begins {
		step = 1
	}
	w.last = Record{Range: p, LastPTS: u.Frame.PTS, LastDuration: u.Frame.Duration}
	if u.Frame.Duration <= 0 {
		w.last.LastDuration = step
	}
	return w.sink.Write(ctx, u)
}

// next ends the segment before and begins the next.
func (w *Writer) next(p Range) error {
	if err := w.commit(); err != nil {
		return err
	}
	path, err := w.store.Attempt(p.Index, extension(w.encode.Codec))
	if err != nil {
		return fmt.Errorf("segment: %w", &encode.DestinationError{Path: w.store.Dir(), Err: err})
	}
	w.path = path
	w.sink, err = encode.CreateFile(path, &w.info, w.encode, encode.FileOptions{Overwrite: true})
	w.under.Store(w.sink)
	return err
}

// Interrupt makes a Write or Close that is ending a segment give up and drop it. Any goroutine may call it.
func (w *Writer) Interrupt() {
	if s := w.under.Load(); s != nil {
		s.Interrupt()
	}
}

// finish ends the encoder of the segment under way and looks at what it wrote.
func (w *Writer) finish() (Record, error) {
	sink, r := w.sink, w.last
	w.sink = nil
	if err := sink.Close(); err != nil {
		return r, err
	}
	if err := inspect(context.Background(), w.path, &r, w.info.VideoTrack().TimeBase); err != nil {
		return r, fmt.Errorf("segment: segment %d: %w", r.Index, err)
	}
	return r, nil
}

// commit finishes the segment under way. Losing the race to another worker is no error: the segment is done.
func (w *Writer) commit() error {
	if w.sink == nil {
		return nil
	}
	r, err := w.finish()
	if err != nil {
		return err
	}
	if w.report != nil {
		text, err := w.report()
		if err != nil {
			return fmt.Errorf("segment: %w", err)
		}
		r.Report = text
	}
	r, err = w.store.Commit(r, w.path)
	if err != nil && !errors.Is(err, ErrLost) {
		return fmt.Errorf("segment: %w", &encode.DestinationError{Path: w.store.Dir(), Err: err})
	}
	if w.commits != nil {
		w.commits(r)
	}
	return nil
}

// Close commits the last segment, or finishes it without a commit when the run was stopped.
func (w *Writer) Close() error {
	if w.sink == nil || w.stopped == nil || !w.stopped() {
		return w.commit()
	}
	r, err := w.finish()
	if err != nil {
		return err
	}
	r.File = filepath.Base(w.path)
	w.partial = &r
	return nil
}

// Partial is the segment that was under way when the run was stopped, nil if there is none. It can be joined behind the
// committed ones. Its file goes with the next sweep.
func (w *Writer) Partial() *Record { return w.partial }

// Abort drops the segment under way. What was committed stays, and a later run goes on behind it.
func (w *Writer) Abort() error {
	if w.sink == nil {
		return nil
	}
	err := w.sink.Abort()
	w.sink = nil
	if rerr := os.Remove(w.path); err == nil && !errors.Is(rerr, os.ErrNotExist) {
		err = rerr
	}
	return err
}
