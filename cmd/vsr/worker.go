package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync/atomic"

	"vsr/decode"
	"vsr/media"
	"vsr/pipeline"
	"vsr/segment"
	"vsr/sr"
)

// worker makes one piece after the other, beginning anywhere in the input.
type worker struct {
	app      *app
	request  runRequest
	store    *segment.Store
	large    *media.Info
	upscaler *sr.Upscaler
	device   string // in words
	threads  int    // of its decoders; 0 is all
	stopped  func() bool
	frames   *atomic.Int64 // upscaled; shared with others
	current  *atomic.Uint64

	pieces int64
	stats  []pipeline.RoomStats // summed up
}

// errOtherFrames says that seeking led to other frames than decoding from the start does.
var errOtherFrames = errors.New("the frames are not those that decoding from the start gives")

// made is what came of an order.
type made struct {
	record  segment.Record
	scenes  []sr.SceneRecord
	partial bool // stopped in its middle: finished, but not committed
	kept    bool // it had been made before
}

// do makes a piece, unless it is there. Where seeking does not lead to the very frames that decoding from the start gives, it
// decodes from the start.
func (w *worker) do(ctx context.Context, soft <-chan struct{}, o segment.Order) (made, error) {
	if m, ok, err := w.lookUp(o); ok || err != nil {
		return m, err
	}
	m, err := w.make(ctx, soft, o, true)
	if errors.Is(err, errOtherFrames) {
		w.app.logger().Info("seeking does not give the same frames; decoding from the start", "room", roomDecode, "piece", o.Index)
		m, err = w.make(ctx, soft, o, false)
	}
	if errors.Is(err, errOtherFrames) {
		err = fault{exitInput, fmt.Errorf("decode: piece %d: the input decodes to other frames each time it is read", o.Index), "work in one go: --workers 1"}
	}
	return m, err
}

// lookUp finds a piece that is finished. A damaged one is thrown away.
func (w *worker) lookUp(o segment.Order) (m made, ok bool, err error) {
	r, ok, err := w.store.Lookup(o.Index)
	if err != nil || !ok {
		return m, false, destinationError(err)
	}
	if w.store.Check(r) != nil {
		return m, false, destinationError(w.store.Discard(r))
	}
	if r.Piece != o.Piece {
		return m, false, requestFault("--restart begins anew", "piece %d was made of frames %d to %d and should be of %d to %d: the input is another one",
			o.Index, r.First, r.First+r.Frames-1, o.First, o.First+o.Frames-1)
	}
	m = made{record: r, kept: true}
	_ = json.Unmarshal(r.Report, &m.scenes) // a run with one worker keeps none
	return m, true, nil
}

func destinationError(err error) error {
	if err == nil {
		return nil
	}
	return destinationFault(err)
}

// make decodes, upscales and encodes a piece.
func (w *worker) make(ctx context.Context, soft <-chan struct{}, o segment.Order, seek bool) (m made, err error) {
	w.upscaler.Forget()
	known := len(w.upscaler.Scenes())
	if err := w.lead(ctx, o, seek); err != nil {
		return m, err
	}
	src, err := w.open(ctx, o.Marks, seek, func(i int) uint64 { return o.SceneOf(o.First + int64(i)) })
	if err != nil {
		return m, err
	}
	opt := segment.WriterOptions{Encode: w.request.Encode, Min: w.request.PieceMin, Max: w.request.PieceMax, Stopped: w.stopped}
	if o.Before != nil {
		opt.After = &segment.Record{Piece: *o.Before}
	}
	opt.Report = func() (json.RawMessage, error) {
		m.scenes = placed(w.upscaler.Scenes()[known:], o)
		return json.Marshal(m.scenes)
	}
	writer := segment.NewWriter(w.store, w.large, opt)
	stats, err := pipeline.Run(ctx, src, []pipeline.Step{{Name: roomUpscale, Stage: pipeline.Video(w.upscale)}}, writer, pipeline.Options{
		Stop: soft, AcceptFormatChange: true, SourceName: roomDecode, SinkName: roomEncode, Logger: w.app.logger(),
	})
	w.add(stats)
	if err != nil {
		return m, err
	}
	if p := writer.Partial(); p != nil {
		return made{record: *p, partial: true, scenes: placed(w.upscaler.Scenes()[known:], o)}, nil
	}
	if w.stopped() {
		return made{partial: true}, nil
	}
	r, ok, err := w.store.Lookup(o.Index)
	if err != nil {
		return m, destinationFault(err)
	}
	if !ok {
		return m, destinationFault(fmt.Errorf("piece %d is gone as soon as it was finished: the work folder was removed or its disk lost it", o.Index))
	}
	if r.Piece != o.Piece {
		return m, fault{code: exitCheck, err: fmt.Errorf("check: the piece is %+v and not %+v of the plan", r.Piece, o.Piece)}
	}
	m.record = r
	w.pieces++
	return m, nil
}

// lead shows the upscaler the frames of the piece's first scene that lie before it, until its degradation is settled.
func (w *worker) lead(ctx context.Context, o segment.Order, seek bool) error {
	if len(o.Lead) == 0 {
		return nil
	}
	src, err := w.open(ctx, o.Lead, seek, func(int) uint64 { return o.Scene })
	if err != nil {
		return err
	}
	defer src.Close()
	for !w.upscaler.Settled() {
		u, err := src.Next(ctx)
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case errors.Is(err, media.ErrFormatChanged):
			continue
		case err != nil:
			return err
		}
		if err := w.upscaler.Observe(ctx, u.Frame); err != nil {
			return err
		}
	}
	return nil
}

func (w *worker) upscale(ctx context.Context, f *media.Frame) (*media.Frame, error) {
	scene := f.Scene
	out, err := w.upscaler.Process(ctx, f)
	if err == nil {
		w.frames.Add(1)
		w.current.Store(scene)
	}
	return out, err
}

// add sums up what the rooms have done.
func (w *worker) add(s pipeline.Stats) {
	for _, r := range s.Rooms {
		i := slices.IndexFunc(w.stats, func(have pipeline.RoomStats) bool { return have.Name == r.Name })
		if i < 0 {
			w.stats = append(w.stats, r)
			continue
		}
		have := &w.stats[i]
		have.FramesIn, have.FramesOut, have.Busy, have.BusyMS = have.FramesIn+r.FramesIn, have.FramesOut+r.FramesOut, have.Busy+r.Busy, have.BusyMS+r.BusyMS
	}
}

// open opens the input at the frame of the first mark. The source gives the marked frames and no packets.
func (w *worker) open(ctx context.Context, marks []segment.Mark, seek bool, scene func(int) uint64) (*guided, error) {
	o := w.request.Decode
	if w.threads > 0 {
		o.Threads = w.threads
	}
	if seek {
		o.SkipTo = marks[0].PTS
	}
	src, err := decode.Open(ctx, w.request.in, o)
	switch {
	case err == nil:
	case seek && ctx.Err() == nil:
		return nil, errOtherFrames
	default:
		return nil, openFault(err)
	}
	return &guided{Source: src, marks: marks, scene: scene}, nil
}

// guided is a source that gives certain frames and makes sure that they are the right ones.
type guided struct {
	*decode.Source
	marks []segment.Mark
	scene func(int) uint64 // of frame i
	next  int
}

// Next returns the next of the marked frames, io.EOF after the last.
func (g *guided) Next(ctx context.Context) (media.Unit, error) {
	for g.next < len(g.marks) {
		u, err := g.Source.Next(ctx)
		if errors.Is(err, io.EOF) {
			return u, errOtherFrames
		}
		f := u.Frame
		switch {
		case err != nil:
			return u, err
		case f == nil:
			continue
		case g.next == 0 && f.PTS < g.marks[0].PTS:
			f.Release()
			continue
		case segment.MarkOf(f) != g.marks[g.next]:
			f.Release()
			return media.Unit{}, errOtherFrames
		}
		f.Scene = g.scene(g.next)
		g.next++
		return u, nil
	}
	return media.Unit{}, io.EOF
}

// placed gives scene records the place of the scenes in the film.
func placed(list []sr.SceneRecord, o segment.Order) []sr.SceneRecord {
	for i := range list {
		for _, c := range o.Cuts {
			if c.Scene != list[i].Index {
				continue
			}
			list[i].FirstFrame = c.Frame
			if c.Frame < o.First {
				list[i].FirstPTS = o.Lead[0].PTS
			} else {
				list[i].FirstPTS = o.Marks[c.Frame-o.First].PTS
			}
		}
	}
	return list
}
