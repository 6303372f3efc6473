package av_test

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	astiav "github.com/asticode/go-astiav"

	"vsr/internal/av"
	"vsr/media"
)

func TestErrors(t *testing.T) {
	if err := av.Err(astiav.ErrEof); err != io.EOF {
		t.Errorf("end of file: %v", err)
	}
	if err := av.Err(astiav.ErrEagain); err != av.ErrAgain {
		t.Errorf("again: %v", err)
	}
	for _, c := range []struct {
		code  astiav.Error
		fault av.Fault
	}{{astiav.ErrInvaliddata, av.FaultInput}, {astiav.ErrEncoderNotFound, av.FaultRequest}, {astiav.ErrHttpNotFound, av.FaultSystem},
		{astiav.Error(-28), av.FaultSystem}, {astiav.Error(-22), av.FaultRequest}, {astiav.ErrBug, av.FaultUnknown}} {
		if got := av.FaultOf(av.Err(c.code)); got != c.fault {
			t.Errorf("%v: fault %d, want %d", c.code, got, c.fault)
		}
	}
	err := av.Explain(func() error { return astiav.AllocFormatContext().OpenInput("file:/no/such/file", nil, nil) })
	if !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("missing file: %v", err)
	}
}

func TestExplainNamesTheCause(t *testing.T) {
	av.NewLog(nil, "test") // takes over the log
	codec := astiav.FindEncoderByName("libx264")
	cc := astiav.AllocCodecContext(codec)
	defer cc.Free()
	cc.SetTimeBase(astiav.NewRational(1, 25))
	err := av.Explain(func() error { return cc.Open(codec, nil) })
	var e *av.Error
	if !errors.As(err, &e) || e.Detail == "" {
		t.Errorf("an encoder without a size: %v", err)
	}
	if err := av.Explain(func() error { return astiav.ErrInvaliddata }); !errors.As(err, &e) || e.Detail != "" {
		t.Errorf("the cause of an older error was kept: %v", err)
	}
}

// The first file of a numbered series may be opened, the next not.
func TestGuardRefusesTheSecondFile(t *testing.T) {
	av.NewLog(nil, "test")
	dir := t.TempDir()
	for _, name := range []string{"p0.png", "p1.png"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("some bytes"), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	p := astiav.AllocPacket()
	defer p.Free()
	for _, guarded := range []bool{false, true} {
		fc := astiav.AllocFormatContext()
		var g *av.Guard
		if guarded {
			g = av.NewGuard(fc)
		}
		if err := fc.OpenInput(filepath.Join(dir, "p%d.png"), astiav.FindInputFormat("image2"), nil); err != nil {
			t.Fatal(err)
		}
		if err := fc.ReadFrame(p); err != nil {
			t.Errorf("guarded %v, first file: %v", guarded, err)
		}
		p.Unref()
		if err := fc.ReadFrame(p); guarded == (err == nil) {
			t.Errorf("guarded %v, second file: %v", guarded, err)
		}
		p.Unref()
		fc.CloseInput()
		if g != nil {
			if g.Refused() != 1 {
				t.Errorf("%d refused", g.Refused())
			}
			g.Free()
		}
	}
}

func TestLogSums(t *testing.T) {
	var out bytes.Buffer
	l := av.NewLog(slog.New(slog.NewTextHandler(&out, nil)), "test")
	l.Flush()
	out.Reset()
	for range 5 {
		astiav.Log(nil, astiav.LogLevelError, "same\n")
	}
	astiav.Log(nil, astiav.LogLevelInfo, "not of interest\n")
	for range 1000 { // more than the ring holds
		astiav.Log(nil, astiav.LogLevelError, "a\x1bb\n")
		astiav.Log(nil, astiav.LogLevelError, "c\n")
	}
	l.Poll()
	if out.Len() > 0 {
		t.Errorf("within the first second: %s", &out)
	}
	l.Flush()
	s := out.String()
	if !strings.Contains(s, "times=5") || strings.Count(s, "same") != 1 || strings.Contains(s, "interest") || strings.Contains(s, "\x1b") {
		t.Errorf("log: %s", s)
	}
	if n := strings.Count(s, "\n"); n > 4 {
		t.Errorf("%d lines for three messages", n)
	}
}

func TestMetadataChaptersDisposition(t *testing.T) {
	fc, err := astiav.AllocOutputFormatContext(nil, "matroska", "")
	if err != nil {
		t.Fatal(err)
	}
	defer fc.Free()
	av.SetMetadata(fc, map[string]string{"title": "Ä video", "empty": ""})
	if m := av.Metadata(fc); m["title"] != "Ä video" {
		t.Errorf("metadata %v", m)
	}
	st := fc.NewStream(nil)
	av.SetStreamMetadata(st, map[string]string{"language": "eng"})
	av.SetDisposition(st, av.DispositionDefault)
	if av.StreamMetadata(st)["language"] != "eng" || av.Disposition(st) != av.DispositionDefault {
		t.Errorf("stream: %v %d", av.StreamMetadata(st), av.Disposition(st))
	}
	for i := range 20 {
		if err := av.AddChapter(fc, media.Chapter{ID: int64(i), TimeBase: media.Rational{Num: 1, Den: 1000}, Start: int64(i), End: int64(i + 1), Metadata: map[string]string{"title": "x"}}); err != nil {
			t.Fatal(err)
		}
	}
	if c := av.Chapters(fc); len(c) != 20 || c[19].Start != 19 || c[19].Metadata["title"] != "x" {
		t.Errorf("chapters %v", c)
	}
}

func TestPacketRoundTrip(t *testing.T) {
	p := astiav.AllocPacket()
	defer p.Free()
	in := &media.Packet{Track: 3, PTS: -5, DTS: media.NoTime, Duration: 7, Key: true, Data: []byte("hello"), SideData: []media.SideData{{Type: av.PacketLightLevel, Data: []byte("12345678")}}}
	if err := av.WritePacket(p, in, 3); err != nil {
		t.Fatal(err)
	}
	out := av.ReadPacket(p)
	if out.Track != 3 || out.PTS != -5 || out.DTS != media.NoTime || out.Duration != 7 || !out.Key || string(out.Data) != "hello" ||
		len(out.SideData) != 1 || string(out.SideData[0].Data) != "12345678" {
		t.Errorf("%+v", out)
	}
}

func TestFrameSideDataAndColor(t *testing.T) {
	f := astiav.AllocFrame()
	defer f.Free()
	want := media.Color{Matrix: media.MatrixBT2020NCL, Range: media.RangeFull, Primaries: 9, Transfer: media.TransferPQ, Siting: 3}
	av.SetColor(f, want)
	if err := av.AddFrameSideData(f, []media.SideData{{Type: av.FrameCaptions, Data: []byte("abc")}, {Type: av.FrameMastering, Data: make([]byte, 88)}}); err != nil {
		t.Fatal(err)
	}
	var p av.Frame
	p.Read(f)
	if p.Color != want {
		t.Errorf("colour %+v", p.Color)
	}
	if sd := av.FrameSideData(f, av.FrameCaptions); len(sd) != 1 || string(sd[0].Data) != "abc" {
		t.Errorf("side data %v", sd)
	}
	av.ClearFrameSideData(f)
	if sd := av.FrameSideData(f, av.FrameCaptions, av.FrameMastering); len(sd) != 0 {
		t.Errorf("side data after clearing: %v", sd)
	}
}

func TestRescale(t *testing.T) {
	ms, tick := media.Rational{Num: 1, Den: 1000}, media.Rational{Num: 1001, Den: 30000}
	for _, c := range []struct{ in, want int64 }{{0, 0}, {1, 33}, {-1, -33}, {30, 1001}, {media.NoTime, media.NoTime}} {
		if got := av.Rescale(c.in, tick, ms); got != c.want {
			t.Errorf("%d: %d, want %d", c.in, got, c.want)
		}
	}
	if av.Compare(30, tick, 1001, ms) != 0 || av.Compare(30, tick, 1000, ms) != 1 {
		t.Error("compare")
	}
}
