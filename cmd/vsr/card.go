package main

import (
	"cmp"
	"context"
	"errors"

	"vsr/decode"
	"vsr/encode"
	"vsr/media"
	"vsr/scene"
	"vsr/sr/cuda"
)

// onCard is what a run needs to keep pictures on a card. The zero value keeps them on the host.
type onCard struct {
	memory  *cuda.Memory       // nil without a card
	engine  cuda.SurfaceEngine // makes what the scene room looks at
	sums    [3 * scene.Cells]uint32
	written int64 // output pictures that were left there
}

// cardReport counts the pictures that did not cross the bus, or crossed it by FFmpeg's hand only.
type cardReport struct {
	Decoded int64 `json:"decoded"` // came from the decoder on the card
	Written int64 `json:"written"` // went to the encoder on the card
}

// cardTrial is for tests, which have neither NVDEC nor NVENC: it stands for them by an upload and a download (decode.Card,
// encode.Card).
var cardTrial struct{ upload, download bool }

// offerCard lets pictures stay on the card that was named, if one worker has it to itself.
func (j *job) offerCard(r *runRequest) {
	devices := r.devices()
	kind, index, _ := parseDevice(devices[0])
	if len(devices) > 1 || kind != "cuda" {
		return
	}
	j.card.memory = cuda.NewMemory(index)
	r.Decode.Card = &decode.Card{Memory: j.card.memory, Device: index, Upload: cardTrial.upload}
}

// keepOnCard settles, once the engine is there, what stays on the card.
func (j *job) keepOnCard(ctx context.Context, r *runRequest, e *engine, f media.Format) (err error) {
	if j.card.memory == nil {
		return nil
	}
	var able bool
	if j.card.engine, able = e.Engine.(cuda.SurfaceEngine); !able { // the stand-in: begin again, without the card
		r.Decode.Card = nil
		j.source.Close()
		if j.source, err = decode.Open(ctx, r.in, r.Decode); err != nil {
			j.source = nil
			return openFault(err)
		}
		return nil
	}
	if r.SR.Height > 0 {
		return nil
	}
	r.Encode.Card = &encode.Card{Device: j.card.memory.Device(), Download: cardTrial.download}
	if r.Encode.TakesCard(f.Scaled(e.Scale())) {
		r.SR.Card = j.card.memory
	} else {
		r.Encode.Card = nil
	}
	return nil
}

// look numbers the scene of a frame, where its picture lies.
func (j *job) look(ctx context.Context, f *media.Frame) error {
	if f.Surface == nil {
		j.scenes.Mark(f)
		return nil
	}
	sums := j.card.sums[:scene.Planes(f.Format)*scene.Cells]
	if err := j.card.engine.SceneSums(ctx, sums, cuda.SurfaceOf(f)); err != nil {
		return &media.CardError{Err: err}
	}
	j.scenes.MarkSums(f.Format, sums)
	f.Scene = j.scenes.Scene()
	return nil
}

// report tells how many pictures stayed on the card, nil if none did.
func (c *onCard) report(s decode.Stats) *cardReport {
	if s.OnCard == 0 && c.written == 0 {
		return nil
	}
	return &cardReport{s.OnCard, c.written}
}

// close gives the card's memory back. It comes after everything that holds pictures.
func (c *onCard) close() error {
	if c.memory == nil {
		return nil
	}
	return c.memory.Close()
}

// explainCard finds the failure of a card in an error of any room.
func explainCard(err error) (fault, bool) {
	var card *media.CardError
	if !errors.As(err, &card) {
		return fault{}, false
	}
	return fault{exitDevice, err, cmp.Or(cuda.Advice(err), "vsr doctor --device cuda:0 checks the card; --device cpu runs everywhere")}, true
}
