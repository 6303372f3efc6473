package decode

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"

	astiav "github.com/asticode/go-astiav"

	"vsr/internal/av"
	"vsr/media"
)

// Feed decodes frames that come one by one from somewhere else than a container, as a live publisher's do. Every frame
// must be handed in, in decoding order, since later ones refer to earlier ones. It is used by one goroutine at a time.
type Feed struct {
	opt     Options
	decoder *astiav.CodecContext
	packet  *astiav.Packet
	frame   *astiav.Frame
	convert *converter
	pool    *media.Pool
	log     *av.Log
	stats   Stats
}

// FeedTimeBase is the time base of a feed's frames: RTP's clock for video.
var FeedTimeBase = media.Rational{Num: 1, Den: 90000}

// NewFeed opens a decoder without any delay for h264 (access units with start codes, parameter sets in band) or vp8.
func NewFeed(codec string, o Options) (*Feed, error) {
	f := &Feed{opt: o.withDefaults(), convert: newConverter(o)}
	f.log = av.NewLog(f.opt.Logger, "decode")
	if codec != "h264" && codec != "vp8" {
		return nil, &UnsupportedError{Reason: "a live feed is h264 or vp8, not " + strconv.Quote(codec)}
	}
	c := astiav.FindDecoderByName(codec)
	if c == nil {
		return nil, &UnsupportedError{Reason: "this FFmpeg has no decoder for " + codec}
	}
	f.decoder = astiav.AllocCodecContext(c)
	av.SetPacketTimeBase(f.decoder, FeedTimeBase)
	f.decoder.SetThreadCount(f.opt.Threads)
	f.decoder.SetThreadType(astiav.ThreadTypeSlice)
	dict := astiav.NewDictionary()
	defer dict.Free()
	_ = dict.Set("flags", "unaligned+low_delay", astiav.NewDictionaryFlags())
	_ = dict.Set("max_pixels", strconv.Itoa(f.opt.Limits.Pixels), astiav.NewDictionaryFlags())
	if err := av.Explain(func() error { return f.decoder.Open(c, dict) }); err != nil {
		f.Close()
		return nil, fmt.Errorf("decode: %w", err)
	}
	f.packet, f.frame = astiav.AllocPacket(), astiav.AllocFrame()
	return f, nil
}

// Decode hands in one frame with its time in ticks of FeedTimeBase and returns what comes out, mostly one frame, all owned
// by the caller. lost is true when the frame did not decode: ask the sender for a key frame. Stats counts such frames.
func (f *Feed) Decode(ctx context.Context, data []byte, pts int64) (frames []*media.Frame, lost bool, err error) {
	defer f.log.Poll()
	if len(data) == 0 || len(data) > f.opt.Limits.PacketBytes {
		f.stats.Damaged++
		return nil, true, nil
	}
	f.packet.Unref()
	if err := av.WritePacket(f.packet, &media.Packet{PTS: pts, DTS: pts, Data: data}, 0); err != nil {
		return nil, false, fmt.Errorf("decode: %w", err)
	}
	if err := av.Err(f.decoder.SendPacket(f.packet)); err != nil {
		f.stats.Damaged++
		return nil, true, nil
	}
	for {
		err := av.Err(f.decoder.ReceiveFrame(f.frame))
		if errors.Is(err, av.ErrAgain) || errors.Is(err, io.EOF) {
			return frames, lost, nil
		}
		if err != nil {
			f.stats.Damaged++
			return frames, true, nil
		}
		fr, bad, err := f.copy(ctx)
		f.frame.Unref()
		if err != nil {
			for _, fr := range frames {
				fr.Release()
			}
			return nil, false, err
		}
		lost = lost || bad
		if fr != nil {
			frames = append(frames, fr)
			f.stats.Frames++
		}
	}
}

// copy makes a pooled frame of the decoder's frame. bad marks a frame that cannot be shown or is partly damaged.
func (f *Feed) copy(ctx context.Context) (fr *media.Frame, bad bool, err error) {
	var p av.Frame
	p.Read(f.frame)
	if l := f.opt.Limits; p.Width > l.Width || p.Height > l.Height {
		f.stats.Damaged++
		return nil, true, nil
	}
	format, shape, err := f.convert.plan(&p, media.Color{Matrix: media.MatrixUnspecified, Primaries: media.PrimariesUnspecified, Transfer: media.TransferUnspecified})
	if err != nil {
		return nil, false, fmt.Errorf("decode: %w", err)
	}
	if f.pool == nil || f.pool.Format() != format {
		f.pool = media.NewPool(format, f.opt.PoolSize, nil)
	}
	if fr, err = f.pool.Get(ctx); err != nil {
		return nil, false, err
	}
	if err := f.convert.fill(fr, f.frame, &p, shape); err != nil {
		fr.Release()
		f.stats.Damaged++
		return nil, true, nil
	}
	fr.PTS, fr.Duration = p.PTS, max(p.Duration, 0)
	if p.Corrupt {
		f.stats.Corrupt++
	}
	return fr, p.Corrupt, nil
}

// Stats returns what was met so far.
func (f *Feed) Stats() Stats { return f.stats }

// Close frees the decoder. Frames that are out stay valid. It may be called twice.
func (f *Feed) Close() error {
	f.convert.close()
	if f.decoder != nil {
		f.decoder.Free()
		f.decoder = nil
	}
	if f.packet != nil {
		f.packet.Free()
		f.frame.Free()
		f.packet, f.frame = nil, nil
	}
	f.log.Flush()
	return nil
}
