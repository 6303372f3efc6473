package encode_test

import (
	"context"
	"math/rand/v2"
	"slices"
	"testing"

	"vsr/decode"
	"vsr/encode"
	"vsr/media"
)

// TestBitRateFollows encodes noise, which takes every bit it is given: two seconds at a high rate, then two at a low one.
func TestBitRateFollows(t *testing.T) {
	const seconds, fps, high, low = 2, 30, 400_000, 100_000
	for encoder, codec := range map[string]string{"x264": "h264", "vp8": "vp8"} {
		info := &media.Info{Tracks: []media.Track{{Type: media.TrackVideo, TimeBase: decode.FeedTimeBase}}, FrameRate: media.Rational{Num: fps, Den: 1},
			Format: media.Format{Width: 64, Height: 48, Layout: media.YUV420, Depth: 8, Color: media.Color{Matrix: 6, Range: 1, Primaries: 2, Transfer: 2}}}
		w := &tape{}
		sink, err := encode.Create(info, encode.Options{Codec: encoder, ZeroLatency: true, BitRate: high, KeyframeSeconds: 10, Threads: 1}, w)
		if err != nil {
			t.Fatal(err)
		}
		r := rand.New(rand.NewPCG(1, 1))
		for i := range 2 * seconds * fps {
			if i == seconds*fps {
				sink.SetBitRate(low)
			}
			fr := media.NewFrame(info.Format)
			for j := range fr.Plane[0] {
				fr.Plane[0][j] = byte(r.Uint32())
			}
			fr.PTS, fr.Scene = int64(i)*90000/fps, 1
			if err := sink.Write(context.Background(), media.Unit{Frame: fr}); err != nil {
				t.Fatal(err)
			}
			if len(w.packets) != i+1 {
				t.Fatalf("%s: %d packets after %d frames", encoder, len(w.packets), i+1)
			}
		}
		if err := sink.Close(); err != nil {
			t.Fatal(err)
		}
		feed, err := decode.NewFeed(codec, decode.Options{})
		if err != nil {
			t.Fatal(err)
		}
		var bits [2]int
		for i, p := range w.packets {
			if p.PTS != int64(i)*3000 {
				t.Errorf("%s: packet %d at %d", encoder, i, p.PTS)
			}
			if i%(seconds*fps) >= fps { // the second in which the encoder finds its level does not count
				bits[i/(seconds*fps)] += 8 * len(p.Data)
			}
			frames, lost, err := feed.Decode(context.Background(), p.Data, p.PTS)
			if err != nil || lost || len(frames) != 1 {
				t.Errorf("%s: frame %d gave %d frames, lost %v, error %v", encoder, i, len(frames), lost, err)
			}
			for _, f := range frames {
				f.Release()
			}
		}
		feed.Close()
		t.Logf("%s: %d bit/s, then %d", encoder, bits[0]/(seconds-1), bits[1]/(seconds-1))
		if 2*bits[1] > bits[0] {
			t.Errorf("%s: %d bit/s at a cap of %d, then %d at %d", encoder, bits[0]/(seconds-1), high, bits[1]/(seconds-1), low)
		}
	}
}

// TestVP8IsNotOpenedForEveryChange: a new encoder begins with a key frame, so key frames tell.
func TestVP8IsNotOpenedForEveryChange(t *testing.T) {
	const fps = 30
	info := &media.Info{Tracks: []media.Track{{Type: media.TrackVideo, TimeBase: decode.FeedTimeBase}}, FrameRate: media.Rational{Num: fps, Den: 1},
		Format: media.Format{Width: 64, Height: 48, Layout: media.YUV420, Depth: 8, Color: media.Color{Matrix: 6, Range: 1, Primaries: 2, Transfer: 2}}}
	w := &tape{}
	sink, err := encode.Create(info, encode.Options{Codec: "vp8", ZeroLatency: true, BitRate: 400_000, KeyframeSeconds: 100, Threads: 1}, w)
	if err != nil {
		t.Fatal(err)
	}
	defer sink.Abort()
	asked := map[int]int64{
		30:  380_000, // too small a change
		60:  200_000, // taken over at once
		75:  120_000, // half a second later: waits for the whole second, at 90
		120: 800_000, // a rise waits for five seconds after that, at 240
		330: 100_000, // the frame is black by then and takes less than that: not needed
	}
	r := rand.New(rand.NewPCG(1, 1))
	for i := range 400 {
		if bps, ok := asked[i]; ok {
			sink.SetBitRate(bps)
		}
		fr := media.NewFrame(info.Format)
		for j := range fr.Plane[0] {
			if i < 280 {
				fr.Plane[0][j] = byte(r.Uint32())
			}
		}
		fr.PTS, fr.Scene = int64(i)*90000/fps, 1
		if err := sink.Write(context.Background(), media.Unit{Frame: fr}); err != nil {
			t.Fatal(err)
		}
	}
	var keys []int
	for i, p := range w.packets {
		if p.Key {
			keys = append(keys, i)
		}
	}
	if want := []int{0, 60, 90, 240}; !slices.Equal(keys, want) {
		t.Errorf("key frames at %v, want %v", keys, want)
	}
}
