package decode

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	astiav "github.com/asticode/go-astiav"

	"vsr/internal/av"
	"vsr/media"
)

// Sound gives the packets of the first audio stream of an input that need not have video, as of a microphone. One goroutine uses it.
type Sound struct {
	fc        *astiav.FormatContext
	interrupt *av.Interrupt
	packet    *astiav.Packet
	index     int
	track     media.Track
	log       *av.Log
}

// OpenSound opens an input by FFmpeg's name of its format or device, Options.Format, as alsa, pulse or lavfi. Errors are *UnsupportedError when the
// input is at fault, else the system's.
func OpenSound(ctx context.Context, name string, o Options) (*Sound, error) {
	o = o.withDefaults()
	s := &Sound{log: av.NewLog(o.Logger, "decode"), index: -1}
	registerDevices.Do(astiav.RegisterAllDevices)
	format := astiav.FindInputFormat(o.Format)
	if format == nil {
		return nil, &UnsupportedError{Reason: "this FFmpeg has no input " + strconv.Quote(o.Format)}
	}
	dict := astiav.NewDictionary()
	defer dict.Free()
	_ = dict.Set("fflags", "nobuffer", astiav.NewDictionaryFlags())
	for k, v := range o.FFmpeg {
		_ = dict.Set(k, v, astiav.NewDictionaryFlags())
	}
	fc := astiav.AllocFormatContext()
	s.interrupt = av.NewInterrupt(fc)
	interrupt := s.interrupt
	stop := context.AfterFunc(ctx, func() { interrupt.Set(true) })
	err := av.Explain(func() error { return fc.OpenInput(name, format, dict) })
	if err == nil {
		s.fc = fc
		err = av.Explain(func() error { return fc.FindStreamInfo(nil) })
	}
	if !stop() {
		err = ctx.Err()
	}
	if err == nil {
		err = s.choose()
	}
	if err != nil {
		s.Close()
		return nil, fmt.Errorf("decode: open %s: %w", name, inputError(err))
	}
	s.packet = astiav.AllocPacket()
	s.log.Flush()
	return s, nil
}

// choose finds the stream.
func (s *Sound) choose() error {
	for i, st := range s.fc.Streams() {
		if st.CodecParameters().MediaType() != astiav.MediaTypeAudio {
			continue
		}
		p, err := av.ReadParams(st)
		if err != nil {
			return err
		}
		tb := st.TimeBase()
		s.index, s.track = i, media.Track{Type: media.TrackAudio, Codec: p.CodecName(), TimeBase: media.Rational{Num: tb.Num(), Den: tb.Den()}, Start: media.NoTime, Params: p}
		return nil
	}
	return &UnsupportedError{Reason: "no audio in the input"}
}

// Track describes the packets.
func (s *Sound) Track() *media.Track { return &s.track }

// Next waits for the next packet. The error is io.EOF at the end, ctx.Err(), or the input's.
func (s *Sound) Next(ctx context.Context) (*media.Packet, error) {
	s.log.Poll()
	interrupt := s.interrupt // Close may come while the function below begins
	stop := context.AfterFunc(ctx, func() { interrupt.Set(true) })
	defer stop()
	for {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		s.packet.Unref()
		err := av.Err(s.fc.ReadFrame(s.packet))
		switch {
		case errors.Is(err, av.ErrAgain):
			continue
		case err != nil:
			return nil, err
		case s.packet.StreamIndex() == s.index:
			return av.ReadPacket(s.packet), nil
		}
	}
}

// Close frees everything. No call of Next may be under way.
func (s *Sound) Close() {
	if s.fc != nil {
		s.fc.CloseInput()
		s.fc = nil
	}
	if s.packet != nil {
		s.packet.Free()
		s.packet = nil
	}
	if s.interrupt != nil {
		s.interrupt.Free()
		s.interrupt = nil
	}
	s.log.Flush()
}
