package encode_test

import (
	"context"
	"testing"

	"vsr/decode"
	"vsr/encode"
	"vsr/media"
)

// tape is a PacketWriter that keeps the video packets.
type tape struct {
	base    media.Rational
	packets []*media.Packet
}

func (t *tape) Start(info *media.Info) error {
	t.base = info.VideoTrack().TimeBase
	return nil
}

func (t *tape) WritePacket(p *media.Packet) error {
	t.packets = append(t.packets, p)
	return nil
}

func (t *tape) Close() error { return nil }

// liveTape encodes n frames as a live stream.
func liveTape(t *testing.T, codec string, n int) *tape {
	t.Helper()
	info := &media.Info{Tracks: []media.Track{{Type: media.TrackVideo, TimeBase: decode.FeedTimeBase}},
		Format:    media.Format{Width: 64, Height: 48, Layout: media.YUV420, Depth: 8, Color: media.Color{Matrix: 6, Range: 1, Primaries: 2, Transfer: 2}},
		FrameRate: media.Rational{Num: 30, Den: 1}}
	w := &tape{}
	sink, err := encode.Create(info, encode.Options{Codec: codec, ZeroLatency: true, BitRate: 400_000}, w)
	if err != nil {
		t.Fatal(err)
	}
	for i := range n {
		fr := media.NewFrame(info.Format)
		for p := range fr.Planes() {
			for j := range fr.Plane[p] {
				fr.Plane[p][j] = byte(100 + 3*i + p)
			}
		}
		fr.PTS, fr.Scene = int64(i)*3000, 1
		if err := sink.Write(context.Background(), media.Unit{Frame: fr}); err != nil {
			t.Fatal(err)
		}
		if len(w.packets) != i+1 {
			t.Fatalf("%s: %d packets after %d frames: a live encoder must not hold any back", codec, len(w.packets), i+1)
		}
	}
	if err := sink.Close(); err != nil {
		t.Fatal(err)
	}
	return w
}

func TestFeedDecodesWhatALiveEncoderMakes(t *testing.T) {
	for encoder, codec := range map[string]string{"x264": "h264", "vp8": "vp8"} {
		w := liveTape(t, encoder, 12)
		feed, err := decode.NewFeed(codec, decode.Options{})
		if err != nil {
			t.Fatal(err)
		}
		for i, p := range w.packets {
			if p.PTS != int64(i)*3000 {
				t.Errorf("%s: packet %d at %d", encoder, i, p.PTS)
			}
			frames, lost, err := feed.Decode(context.Background(), p.Data, p.PTS)
			if err != nil || lost || len(frames) != 1 {
				t.Fatalf("%s: frame %d gave %d frames, lost %v, error %v", encoder, i, len(frames), lost, err)
			}
			fr := frames[0]
			if got, want := int(fr.Row(0, 20)[30]), 100+3*i; fr.PTS != p.PTS || got < want-2 || got > want+2 {
				t.Errorf("%s: frame at %d with luma %d, want %d with %d", encoder, fr.PTS, got, p.PTS, want)
			}
			fr.Release()
		}
		if err := feed.Close(); err != nil {
			t.Error(err)
		}
		feed.Close()
	}
}

func TestFeedSurvivesRubbish(t *testing.T) {
	w := liveTape(t, "x264", 6)
	feed, err := decode.NewFeed("h264", decode.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer feed.Close()
	ctx := context.Background()
	if _, lost, err := feed.Decode(ctx, nil, 0); err != nil || !lost {
		t.Errorf("empty frame: lost %v, error %v", lost, err)
	}
	if _, lost, err := feed.Decode(ctx, w.packets[3].Data, 0); err != nil || !lost {
		t.Errorf("delta frame without a key frame: lost %v, error %v", lost, err)
	}
	if _, _, err := feed.Decode(ctx, []byte{0, 0, 1, 0x65, 1, 2, 3}, 0); err != nil {
		t.Errorf("rubbish: %v", err)
	}
	frames, _, err := feed.Decode(ctx, w.packets[0].Data, 9)
	if err != nil || len(frames) != 1 {
		t.Fatalf("key frame after rubbish: %d frames, error %v", len(frames), err)
	}
	frames[0].Release()
	if _, err := decode.NewFeed("mpeg2video", decode.Options{}); err == nil {
		t.Error("an unknown codec is accepted")
	}
}
