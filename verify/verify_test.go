package verify

import (
	"context"
	"errors"
	"io"
	"math"
	"slices"
	"strings"
	"testing"

	"vsr/media"
)

// video is a source made in memory.
type video struct {
	info  media.Info
	units []func() media.Unit
	next  int
}

func (f *video) Info() *media.Info { return &f.info }

func (f *video) Next(context.Context) (media.Unit, error) {
	if f.next == len(f.units) {
		return media.Unit{}, io.EOF
	}
	f.next++
	return f.units[f.next-1](), nil
}

// change alters a video before it is used.
type change func(*video)

// make a video of n frames of a moving ramp, w x h, with one audio track, times in 1/den s.
func newVideo(n, w, h, den int, changes ...change) *video {
	f := &video{info: media.Info{
		Tracks: []media.Track{
			{Index: 0, Type: media.TrackVideo, Codec: "h264", TimeBase: media.Rational{Num: 1, Den: den}},
			{Index: 1, Type: media.TrackAudio, Codec: "aac", TimeBase: media.Rational{Num: 1, Den: 48000}, Metadata: map[string]string{"language": "eng"}},
		},
		Format:       media.Format{Width: w, Height: h, Layout: media.YUV420, Depth: 8, Color: media.Color{Matrix: 1, Range: 1, Primaries: 1, Transfer: 1}},
		SampleAspect: media.Rational{Num: 4, Den: 3}, Rotation: 90,
		Chapters: []media.Chapter{{TimeBase: media.Rational{Num: 1, Den: 1000}, Start: 0, End: 500, Metadata: map[string]string{"title": "one"}}},
		Metadata: map[string]string{"title": "video", "encoder": "x"},
	}}
	for i := range n {
		f.units = append(f.units, func() media.Unit { return media.Unit{Frame: f.frame(i, den)} },
			func() media.Unit {
				return media.Unit{Packet: &media.Packet{Track: 1, PTS: int64(i) * 1920, Data: make([]byte, 10)}}
			})
	}
	for _, c := range changes {
		c(f)
	}
	return f
}

func (f *video) frame(i, den int) *media.Frame {
	fr := media.NewFrame(f.info.Format)
	fr.PTS, fr.Duration = int64(i*den/25), int64(den/25)
	for p := range fr.Planes() {
		w, h := fr.PlaneSize(p)
		for y := range h {
			row := fr.Row(p, y)
			for x := range row {
				row[x] = byte(60 + 80*x/w + 40*y/h + i%3)
			}
		}
	}
	return fr
}

// wrap changes every frame of a video on its way out.
func wrap(edit func(i int, fr *media.Frame)) change {
	return func(f *video) {
		for i, u := range f.units {
			f.units[i] = func() media.Unit {
				unit := u()
				if unit.Frame != nil {
					edit(i/2, unit.Frame)
				}
				return unit
			}
		}
	}
}

func compare(t *testing.T, src, out *video, o Options) *Report {
	t.Helper()
	o.Frames = true
	r, err := Compare(context.Background(), src, out, o)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestFaithfulOutputPasses(t *testing.T) {
	for name, out := range map[string]*video{
		"same ticks":      newVideo(10, 32, 16, 1000),
		"twice as large":  newVideo(10, 64, 32, 1000),
		"finer ticks":     newVideo(10, 64, 32, 90000),
		"square is a tag": newVideo(10, 64, 32, 12800),
	} {
		r := compare(t, newVideo(10, 32, 16, 1000), out, Options{})
		if !r.OK {
			t.Errorf("%s: failed %v\n%v", name, r.Failures(), r.Checks)
		}
		if r.FrameQuality.Frames != 10 || r.FrameQuality.ConsistencyDB < 35 {
			t.Errorf("%s: frame %+v", name, r.FrameQuality)
		}
	}
}

func TestEveryLossIsNamed(t *testing.T) {
	for want, c := range map[string]change{
		"frames":          func(f *video) { f.units = f.units[:len(f.units)-2] },
		"frame times":     wrap(func(i int, fr *media.Frame) { fr.PTS += int64(i / 5) }),
		"colour tags":     func(f *video) { f.info.Format.Color.Matrix = 6 },
		"pixel aspect":    func(f *video) { f.info.SampleAspect = media.Rational{Num: 1, Den: 1} },
		"rotation":        func(f *video) { f.info.Rotation = 0 },
		"chapters":        func(f *video) { f.info.Chapters = nil },
		"stream 1":        func(f *video) { f.info.Tracks = f.info.Tracks[:1] },
		"packets":         func(f *video) { f.units = slices.Delete(f.units, 5, 6) },
		"language":        func(f *video) { f.info.Tracks[1].Metadata = nil },
		"offset to video": shiftAudio(480),
		"times":           shiftAudio(480),
		"same frame":      wrap(func(_ int, fr *media.Frame) { clear(fr.Plane[0]) }),
		"colour drift":    wrap(func(_ int, fr *media.Frame) { add(fr.Plane[1], 9) }),
	} {
		r := compare(t, newVideo(10, 32, 16, 1000), newVideo(10, 32, 16, 1000, c), Options{})
		if r.OK || !slices.ContainsFunc(r.Failures(), func(n string) bool { return strings.Contains(n, want) }) {
			t.Errorf("%s: ok %v, failures %v", want, r.OK, r.Failures())
		}
	}
}

func shiftAudio(by int64) change {
	return func(f *video) {
		for i, u := range f.units {
			f.units[i] = func() media.Unit {
				unit := u()
				if unit.Packet != nil {
					unit.Packet.PTS += by
				}
				return unit
			}
		}
	}
}

func add(b []byte, n byte) {
	for i := range b {
		b[i] += n
	}
}

func TestListedDropIsNoFailure(t *testing.T) {
	out := newVideo(5, 32, 16, 1000, func(f *video) { f.info.Tracks = f.info.Tracks[:1] })
	r := compare(t, newVideo(5, 32, 16, 1000), out, Options{Dropped: map[int]string{1: "webm holds no aac"}})
	if !r.OK {
		t.Errorf("failures %v", r.Failures())
	}
}

// A source whose matrix and range change in the middle is compared as the first frame's, which is what the output has.
func TestColourTurn(t *testing.T) {
	// One colour, R'G'B' 0.2 0.9 0.4, in BT.709 limited and in BT.601 full (H.273 8.3).
	first, then := [3]byte{173, 90, 55}, [3]byte{162, 94, 49}
	paint := func(fr *media.Frame, c [3]byte) {
		for p := range 3 {
			_, h := fr.PlaneSize(p)
			for y := range h {
				for x := range fr.Row(p, y) {
					fr.Row(p, y)[x] = c[p]
				}
			}
		}
	}
	turn := func(tagged bool) *video {
		return newVideo(10, 32, 16, 1000, wrap(func(i int, fr *media.Frame) {
			if paint(fr, first); i >= 4 {
				paint(fr, then)
				if tagged {
					fr.Color.Matrix, fr.Color.Range = media.MatrixSMPTE170M, media.RangeFull
				}
			}
		}))
	}
	steady := func() *video {
		return newVideo(10, 64, 32, 1000, wrap(func(_ int, fr *media.Frame) { paint(fr, first) }))
	}
	if r := compare(t, turn(true), steady(), Options{}); !r.OK || r.FrameQuality.ColorDrift > 0.5 || r.FrameQuality.WorstDB < 50 || r.FrameQuality.SourceFlicker > 0.2 {
		t.Errorf("the same colour: %v, %+v", r.Failures(), r.FrameQuality)
	}
	if r := compare(t, turn(false), steady(), Options{}); r.OK {
		t.Errorf("another colour passes: %+v", r.FrameQuality)
	}
}

// A stream without a packet may be left out, an attachment may not.
func TestEmptyStreamMayBeLeftOut(t *testing.T) {
	for kind, ok := range map[media.TrackType]bool{media.TrackAudio: true, media.TrackSubtitle: true, media.TrackAttachment: false} {
		extra := func(f *video) {
			f.info.Tracks = append(f.info.Tracks, media.Track{Index: 2, Type: kind, Codec: "x", TimeBase: media.Rational{Num: 1, Den: 1000}})
		}
		if r := compare(t, newVideo(5, 32, 16, 1000, extra), newVideo(5, 32, 16, 1000), Options{}); r.OK != ok {
			t.Errorf("%v: ok %v, failures %v", kind, r.OK, r.Failures())
		}
	}
}

func TestReferenceIsMeasured(t *testing.T) {
	r := compare(t, newVideo(4, 32, 16, 1000), newVideo(4, 32, 16, 1000), Options{Reference: newVideo(4, 32, 16, 1000)})
	if r.FrameQuality.PSNR != 100 || r.FrameQuality.SSIM < 0.9999 {
		t.Errorf("against itself: PSNR %v, SSIM %v", r.FrameQuality.PSNR, r.FrameQuality.SSIM)
	}
}

// judge gives a frame the number of its call, or fails at one.
type judge struct {
	seen, fails int
	short       bool
}

func (j *judge) Add(out, ref *media.Frame) error {
	if j.seen++; j.seen == j.fails {
		return errors.New("no more")
	}
	return nil
}

func (j *judge) Scores() ([]float64, error) {
	if j.short {
		return nil, errors.New("no log")
	}
	s := make([]float64, j.seen)
	for i := range s {
		s[i] = float64(90 + i)
	}
	return s, nil
}

func check(r *Report, name string) (c Check) {
	for _, c := range r.Checks {
		if c.Name == name {
			return c
		}
	}
	return c
}

// The judge sees every frame that has a true frame of its size, and its numbers find their places.
func TestJudge(t *testing.T) {
	video := func() *video { return newVideo(4, 32, 16, 1000) }
	r := compare(t, video(), video(), Options{Reference: video(), Judge: &judge{}})
	if p := r.FrameQuality; p.VMAF != 91.5 || p.WorstVMAF != 90 || !slices.Equal(r.VMAF, []float64{90, 91, 92, 93}) || !check(r, "VMAF").OK {
		t.Errorf("four frames: %+v, %v, %+v", p, r.VMAF, check(r, "VMAF"))
	}
	odd := newVideo(4, 32, 16, 1000)
	large := odd.units[2]
	odd.units[2] = func() media.Unit {
		u := large()
		f := media.NewFrame(media.Format{Width: 40, Height: 16, Layout: media.YUV420, Depth: 8})
		f.PTS = u.Frame.PTS
		return media.Unit{Frame: f}
	}
	r = compare(t, video(), video(), Options{Reference: odd, Judge: &judge{}})
	if !slices.Equal(r.VMAF, []float64{90, 0, 91, 92}) || check(r, "VMAF").OK || check(r, "against the reference").OK {
		t.Errorf("one of another size: %v, %+v", r.VMAF, check(r, "VMAF"))
	}
	for name, o := range map[string]Options{
		"built without":   {NoJudge: "built without"},
		"no more":         {Judge: &judge{fails: 3}},
		"no log":          {Judge: &judge{short: true}},
		"no frame of the": {Judge: &judge{}, Reference: newVideo(4, 64, 32, 1000)},
	} {
		if o.Reference == nil {
			o.Reference = video()
		}
		r := compare(t, video(), video(), o)
		if c := check(r, "VMAF"); c.OK || c.Must || !strings.Contains(c.Detail, name) || r.VMAF != nil || !r.OK {
			t.Errorf("%s: %+v, ok %v", name, c, r.OK)
		}
	}
	r = compare(t, video(), video(), Options{Reference: newVideo(4, 64, 32, 1000)})
	if c := check(r, "against the reference"); c.OK || !strings.Contains(c.Detail, "64x32") {
		t.Errorf("a reference of another size: %+v", c)
	}
	if r := compare(t, video(), video(), Options{}); check(r, "VMAF") != (Check{}) {
		t.Error("a word about VMAF without a reference")
	}
}

func TestFlickerShows(t *testing.T) {
	out := newVideo(10, 32, 16, 1000, wrap(func(i int, fr *media.Frame) { add(fr.Plane[0], byte(8*(i%2))) }))
	r := compare(t, newVideo(10, 32, 16, 1000), out, Options{})
	if r.FrameQuality.Flicker < r.FrameQuality.SourceFlicker+5 {
		t.Errorf("flicker %v against %v in the source", r.FrameQuality.Flicker, r.FrameQuality.SourceFlicker)
	}
}

func TestSlack(t *testing.T) {
	tb := func(d int) media.Rational { return media.Rational{Num: 1, Den: d} }
	for _, c := range []struct {
		a, b media.Rational
		want float64
	}{
		{tb(1000), tb(1000), 0}, {tb(1000), tb(90000), 0}, {tb(24), tb(12288), 0}, {tb(90000), tb(1000), 0.0005},
	} {
		if got := slack(c.a, c.b); got < c.want || got > c.want+1e-9 {
			t.Errorf("%v to %v: slack %v, want %v", c.a, c.b, got, c.want)
		}
	}
}

func TestEveryFrameIsToldOf(t *testing.T) {
	var got []Numbers
	out := newVideo(6, 64, 32, 1000, wrap(func(i int, fr *media.Frame) {
		if i == 4 {
			add(fr.Plane[0], 20)
		}
	}))
	r := compare(t, newVideo(6, 32, 16, 1000), out, Options{Reference: newVideo(6, 64, 32, 1000), Frame: func(n Numbers, src, out *media.Frame) {
		if src.Width != 32 || out.Width != 64 || src.PTS != n.PTS || out.PTS != n.PTS {
			t.Errorf("frame %d: %dx%d at %d, %dx%d at %d", n.Frame, src.Width, src.Height, src.PTS, out.Width, out.Height, out.PTS)
		}
		got = append(got, n)
	}})
	worst, sum := 0, 0.0
	for i, n := range got {
		if n.Frame != i || n.PTS != int64(i)*40 {
			t.Errorf("frame %d: %+v", i, n)
		}
		if n.Consistency < got[worst].Consistency {
			worst = i
		}
		sum += n.Consistency
	}
	if len(got) != 6 || worst != 4 || math.Abs(sum/6-r.FrameQuality.ConsistencyDB) > 1e-9 {
		t.Fatalf("%d frames, worst %d, mean %.3f dB against %.3f in the report", len(got), worst, sum/6, r.FrameQuality.ConsistencyDB)
	}
	if got[4].Change < 15 || got[4].SourceChange > 3 || got[0].Change != 0 {
		t.Errorf("changes: %+v", got)
	}
	if got[3].PSNR != 100 || got[4].PSNR > 25 {
		t.Errorf("against the reference: %+v", got)
	}
}

// samples makes the audio uncompressed, with values that differ by so much from those of another call.
func samples(codec string, by byte) change {
	return func(f *video) {
		f.info.Tracks[1].Codec = codec
		for i, u := range f.units {
			f.units[i] = func() media.Unit {
				unit := u()
				if unit.Packet != nil {
					for k := range unit.Packet.Data {
						at := k
						if strings.HasSuffix(codec, "be") {
							at ^= 1
						}
						unit.Packet.Data[at] = byte(i*7+k*3) + by
					}
				}
				return unit
			}
		}
	}
}

// Uncompressed audio of the same length with other values is a loss, whatever the order of its bytes.
func TestSamplesAreCompared(t *testing.T) {
	for _, codec := range []string{"pcm_s16le", "pcm_s16be"} {
		r := compare(t, newVideo(10, 32, 16, 1000, samples("pcm_s16le", 0)), newVideo(10, 32, 16, 1000, samples(codec, 1)), Options{})
		if r.OK || !slices.Contains(r.Failures(), "stream 1 (audio pcm_s16le) samples") {
			t.Errorf("%s with other values: failed %v", codec, r.Failures())
		}
	}
}

// TestContainersDifferWithoutLoss has outputs that hold everything in another way than the source.
func TestContainersDifferWithoutLoss(t *testing.T) {
	pcm := func(f *video) {
		f.info.Tracks[1].Codec = "pcm_s16le"
	}
	chunks := func(f *video) { // the same bytes in packets of twice the length
		pcm(f)
		var units []func() media.Unit
		var held *media.Packet
		give := func(p *media.Packet) {
			units = append(units, func() media.Unit { return media.Unit{Packet: p} })
		}
		for _, u := range f.units {
			p := u().Packet
			if p == nil {
				units = append(units, u)
				continue
			}
			if held == nil {
				c := *p
				held = &c
				continue
			}
			held.Data = append(append([]byte{}, held.Data...), p.Data...)
			give(held)
			held = nil
		}
		if held != nil {
			give(held)
		}
		f.units = units
	}
	swapped := samples("pcm_s16be", 0)
	language := func(l string) change {
		return func(f *video) { f.info.Tracks[1].Metadata = map[string]string{"language": l} }
	}
	// shift moves the units by 21 ms, all of them or the frames alone.
	shift := func(frames, packets int64) change {
		return func(f *video) {
			f.info.Container = "mpegts"
			for i, u := range f.units {
				f.units[i] = func() media.Unit {
					unit := u()
					if unit.Frame != nil {
						unit.Frame.PTS += frames
					} else {
						unit.Packet.PTS += packets
					}
					return unit
				}
			}
		}
	}
	later := shift(21, 21*48)
	for name, c := range map[string]struct {
		src, out change
		o        Options
	}{
		"PCM in other packets":    {pcm, chunks, Options{}},
		"PCM of other byte order": {samples("pcm_s16le", 0), swapped, Options{}},
		"bibliographic language":  {language("deu"), language("ger"), Options{}},
		"QuickTime's language":    {language("srp"), language("sr "), Options{}},
		"all 21 ms later":         {func(*video) {}, later, Options{}},
		"chapters that were told": {func(f *video) { f.info.Chapters = []media.Chapter{{TimeBase: media.Rational{Num: 1, Den: 1}, End: 1}} }, func(f *video) { f.info.Chapters = nil }, Options{NoChapters: "mpegts has none"}},
	} {
		src, out := newVideo(12, 32, 16, 1000, c.src), newVideo(12, 64, 32, 1000, c.out)
		if r := compare(t, src, out, c.o); !r.OK {
			t.Errorf("%s: fails at %v", name, r.Failures())
		}
	}
	for name, c := range map[string]struct{ src, out change }{
		"a sample of PCM lost": {pcm, func(f *video) {
			chunks(f)
			for _, u := range f.units {
				if p := u().Packet; p != nil {
					p.Data = p.Data[2:]
					return
				}
			}
		}},
		"another language":                    {language("deu"), language("dut")},
		"video alone later":                   {func(*video) {}, shift(21, 0)},
		"later in a container with an origin": {func(*video) {}, func(f *video) { later(f); f.info.Container = "matroska,webm" }},
		"mirrored":                            {func(f *video) { f.info.Display = media.DisplayMatrix{-65536, 0, 0, 0, 65536, 0, 0, 0, 1 << 30} }, func(*video) {}},
	} {
		src, out := newVideo(12, 32, 16, 1000, c.src), newVideo(12, 64, 32, 1000, c.out)
		if r := compare(t, src, out, Options{}); r.OK {
			t.Errorf("%s: passes", name)
		}
	}
}
