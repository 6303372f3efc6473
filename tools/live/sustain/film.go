package main

import (
	"context"

	"vsr/decode"
	"vsr/encode"
	"vsr/internal/testmedia"
	"vsr/live/webrtc/livetest"
	"vsr/media"
)

const (
	firstNumber  = 1000
	videoSeconds = 10
)

// reel is an encode.PacketWriter that keeps the packets.
type reel struct{ packets [][]byte }

func (r *reel) Start(*media.Info) error { return nil }
func (r *reel) WritePacket(p *media.Packet) error {
	r.packets = append(r.packets, p.Data)
	return nil
}
func (r *reel) Close() error { return nil }

// video encodes some seconds that begin with a key frame, one packet for each frame, with its number in it.
func video(o options) ([][]byte, error) {
	opt := testmedia.Options{Frames: videoSeconds * fps,
		Format: media.Format{Width: o.width, Height: o.height, Layout: media.YUV420, Depth: 8, Color: media.Color{Matrix: 6, Range: 1, Primaries: 2, Transfer: 2}}}
	info := &media.Info{Tracks: []media.Track{{Type: media.TrackVideo, TimeBase: decode.FeedTimeBase}}, Format: opt.Format, FrameRate: media.Rational{Num: fps, Den: 1}}
	codec := map[string]string{"h264": "x264", "vp8": "vp8"}[o.codec]
	out := &reel{}
	sink, err := encode.Create(info, encode.Options{Codec: codec, ZeroLatency: true, BitRate: 2_000_000, KeyframeSeconds: videoSeconds}, out)
	if err != nil {
		return nil, err
	}
	for n := range opt.Frames {
		fr := media.NewFrame(opt.Format)
		opt.Draw(fr, n)
		testmedia.DrawClock(fr, firstNumber+n)
		fr.PTS, fr.Scene = int64(n)*90000/fps, 1
		if err := sink.Write(context.Background(), media.Unit{Frame: fr}); err != nil {
			return nil, err
		}
	}
	return out.packets, sink.Close()
}

// number decodes a frame and reads its number.
func number(feed *decode.Feed, p livetest.AccessUnit) (n int, ok bool, err error) {
	frames, _, err := feed.Decode(context.Background(), p.Data, int64(p.Ticks))
	for _, f := range frames {
		n, ok = testmedia.Clock(f)
		f.Release()
	}
	return n, ok, err
}
