package verify

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"math/rand/v2"
	"testing"

	"vsr/media"
)

// wild is a source whose description and units are made of arbitrary bytes.
type wild struct {
	info media.Info
	data []byte
	left int
}

// take reads an integer of n bytes, 0 at the end.
func (w *wild) take(n int) int64 {
	var b [8]byte
	k := copy(b[:n], w.data)
	w.data = w.data[k:]
	return int64(binary.LittleEndian.Uint64(b[:]))
}

// signed reads a number that is often one of the odd ones.
func (w *wild) signed() int64 {
	switch v := w.take(1); v {
	case 0xff:
		return media.NoTime
	case 0xfe:
		return 1<<63 - 1
	case 0xfd:
		return w.take(8)
	default:
		return v - 100
	}
}

func newWild(data []byte) *wild {
	w := &wild{data: data, left: 40}
	i := &w.info
	for n := range 1 + int(w.take(1)%4) {
		i.Tracks = append(i.Tracks, media.Track{Index: n, Type: media.TrackType(w.take(1) % 6), Codec: []string{"h264", "aac", "mp2", "opus"}[w.take(1)%4],
			TimeBase: media.Rational{Num: int(w.signed()), Den: int(w.signed())}, Start: w.signed(), Disposition: int(w.take(1)),
			Cover: w.take(1)%8 == 0, Metadata: map[string]string{"language": fmt.Sprint(w.take(1) % 3)}})
	}
	i.Video = int(w.take(1)) % len(i.Tracks)
	i.Format = w.format()
	i.SampleAspect = media.Rational{Num: int(w.signed()), Den: int(w.signed())}
	i.Rotation = int(w.signed())
	for range w.take(1) % 3 {
		i.Chapters = append(i.Chapters, media.Chapter{TimeBase: media.Rational{Num: int(w.signed()), Den: int(w.signed())}, Start: w.signed(), End: w.signed()})
	}
	i.Metadata = map[string]string{"title": fmt.Sprint(w.take(1) % 2)}
	return w
}

func (w *wild) format() media.Format {
	return media.Format{Width: 1 + int(w.take(1)%20), Height: 1 + int(w.take(1)%20), Layout: media.Layout(w.take(1) % 4), Depth: 8 + int(w.take(1)%9), Alpha: w.take(1)%5 == 0,
		Color: media.Color{Matrix: media.Matrix(w.take(1)), Range: media.Range(w.take(1)), Primaries: media.Primaries(w.take(1)), Transfer: media.Transfer(w.take(1))}}
}

func (w *wild) Info() *media.Info { return &w.info }

func (w *wild) Next(context.Context) (media.Unit, error) {
	if w.left--; w.left < 0 || len(w.data) == 0 {
		return media.Unit{}, io.EOF
	}
	switch w.take(1) % 4 {
	case 0:
		return media.Unit{}, media.ErrFormatChanged
	case 1:
		return media.Unit{Packet: &media.Packet{Track: int(w.signed()), PTS: w.signed(), DTS: w.signed(), Data: make([]byte, w.take(1))}}, nil
	}
	f := w.info.Format
	if w.take(1)%4 == 0 {
		f = w.format()
	}
	fr := media.NewFrame(f)
	fr.PTS, fr.Duration = w.signed(), w.signed()
	for p := range fr.Planes() {
		fr.Row(p, 0)[0] = byte(w.take(1))
	}
	return media.Unit{Frame: fr}, nil
}

// FuzzCompare compares sources of which nothing is right.
func FuzzCompare(f *testing.F) {
	f.Add([]byte("\x01\x01\x00\x65\xc8\x64\x01\x01\x02"), []byte("\x01\x01\x00\x65\xc8\x64\x01\x01\x02"), byte(3))
	f.Add([]byte{3, 1, 1, 0xff, 0xff, 0xfe, 0, 9, 9, 9, 9, 9, 9}, []byte{}, byte(0))
	// Long enough for frames and packets to come of them.
	r := rand.New(rand.NewPCG(1, 2))
	for how := range 64 {
		a, b := make([]byte, 700), make([]byte, 700)
		for i := range a {
			a[i], b[i] = byte(r.Uint32()), byte(r.Uint32())
		}
		if how%2 == 0 { // the same video, but for its end
			copy(b, a[:200+how])
		}
		f.Add(a, b, byte(how))
	}
	f.Fuzz(func(t *testing.T, a, b []byte, how byte) {
		frames := 0
		o := Options{Frames: how&1 != 0, AnySize: how&2 != 0, Dropped: map[int]string{1: "x"}}
		if how&4 != 0 {
			o.Reference, o.Judge = newWild(a), &judge{fails: int(how >> 4)}
		}
		if how&8 != 0 {
			o.FrameTimes = []int64{}
		}
		o.Frame = func(n Numbers, src, out *media.Frame) {
			if frames++; !(n.Consistency <= 100) {
				t.Errorf("frame %d: %v dB", n.Frame, n.Consistency)
			}
		}
		r, err := Compare(context.Background(), newWild(a), newWild(b), o)
		if err != nil {
			t.Fatal(err)
		}
		if r.OK != (len(r.Failures()) == 0) {
			t.Errorf("ok %v with failures %v", r.OK, r.Failures())
		}
		if o.Frames && r.FrameQuality.Frames != frames {
			t.Errorf("%d frames, %d in the report", frames, r.FrameQuality.Frames)
		}
		if err := r.Print(io.Discard); err != nil {
			t.Error(err)
		}
	})
}
