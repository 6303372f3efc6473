package decode

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"

	astiav "github.com/asticode/go-astiav"

	"vsr/internal/av"
	"vsr/media"
)

var registerDevices sync.Once

// Open opens a file or address and decodes up to its first frame, so that Info is exact.
//
// The context bounds Open only. Errors are *UnsupportedError when the input is at fault, else the system's.
func Open(ctx context.Context, url string, o Options) (*Source, error) {
	if err := o.Validate(); err != nil {
		return nil, err
	}
	return open(ctx, url, &Source{opt: o.withDefaults()})
}

// OpenCopy opens a file like Open but decodes nothing: Next gives the packets of every track, the video's too, with the times
// that Open would give. Info.Format holds what the container says. Deinterlacing and Strict have no effect.
func OpenCopy(ctx context.Context, url string, o Options) (*Source, error) {
	if err := o.Validate(); err != nil {
		return nil, err
	}
	return open(ctx, url, &Source{opt: o.withDefaults(), copying: true})
}

func open(ctx context.Context, url string, s *Source) (*Source, error) {
	s.log, s.convert = av.NewLog(s.opt.Logger, "decode"), newConverter(s.opt)
	err := s.openAll(ctx, url)
	for err == errProbeMore || err == errOtherTables {
		s.closeInput()
		s.probe = s.probe || err == errProbeMore
		err = s.openAll(ctx, url)
	}
	if ctx.Err() != nil {
		err = ctx.Err()
	}
	if err != nil {
		var u *UnsupportedError
		if s.cutIndex && errors.As(err, &u) {
			u.Reason, u.Err = "an MP4 without its index (moov): it was cut off, or its recording was never finished", nil
			u.Hint = "nothing in it says where frames begin; tools that repair recordings need a whole file of the same camera"
		}
		s.Close()
		return nil, fmt.Errorf("decode: open %s: %w", hideSecrets(url), err)
	}
	s.log.Flush()
	return s, nil
}

// errProbeMore asks for another attempt that reads more of the input before it is described.
var errProbeMore = errors.New("streams are not known yet")

// errOtherTables asks for another attempt that takes later tables of a transport stream in another way.
var errOtherTables = errors.New("streams are not settled yet")

// What becomes of the streams of a transport stream whose table of streams changes in mid-file.
type tables int

const (
	tablesOpen   tables = iota // not settled: each is a new stream
	tablesMerged               // they go on as the old ones, by their order in the table
	tablesApart                // new streams
)

// rereadable reports whether the input can be opened a second time: what has been read of a pipe is gone.
func (s *Source) rereadable() bool {
	if s.live || s.path == "" {
		return false
	}
	st, err := os.Stat(s.path)
	return err == nil && st.Mode().IsRegular()
}

// settleTables has the streams of a later table go on as those of the first. FFmpeg does so without a look at their codecs: where a
// codec changes within the part that was probed, the old stream would be described as the new one, and they stay apart.
func (s *Source) settleTables() error {
	switch {
	case !s.rereadable() || s.tables == tablesApart || s.fc.InputFormat().Name() != "mpegts":
		return nil
	case s.tables == tablesOpen:
		s.tables, s.before = tablesMerged, s.codecs
		return errOtherTables
	case len(s.codecs) > len(s.before) || !slices.EqualFunc(s.codecs, s.before[:len(s.codecs)], sameCodec):
		s.tables = tablesApart
		return errOtherTables
	}
	for _, later := range s.before[len(s.codecs):] {
		s.recodes = s.recodes || !slices.ContainsFunc(s.codecs, func(c astiav.CodecID) bool { return sameCodec(c, later) })
	}
	return nil
}

// sameCodec tells codecs apart. A transport stream does not say which layer of MPEG audio it has: FFmpeg finds out later.
func sameCodec(a, b astiav.CodecID) bool {
	layer := func(c astiav.CodecID) astiav.CodecID {
		if c == astiav.CodecIDMp1 || c == astiav.CodecIDMp2 {
			return astiav.CodecIDMp3
		}
		return c
	}
	return layer(a) == layer(b)
}

// probeDeep is how much the second attempt reads.
const probeDeep = 100 << 20

func (s *Source) openAll(ctx context.Context, url string) error {
	if err := s.openInput(ctx, url); err != nil {
		return err
	}
	stop := s.watch(ctx)
	defer stop()
	return s.openStreams(ctx)
}

// unprobed reports whether a stream was announced that begins too late to be known.
func (s *Source) unprobed() bool {
	for _, st := range s.streams {
		if av.Unprobed(st) {
			return true
		}
	}
	return false
}

func (s *Source) openInput(ctx context.Context, url string) error {
	full, protocols, network := address(url, s.opt.Format)
	if network && !s.opt.Network {
		return &UnsupportedError{Reason: "network addresses are not allowed here", Hint: "Options.Network allows them"}
	}
	s.live = network || s.opt.Format != ""
	dict := astiav.NewDictionary()
	defer dict.Free()
	set := func(k, v string) { _ = dict.Set(k, v, astiav.NewDictionaryFlags()) }
	format, name, formats := (*astiav.InputFormat)(nil), s.opt.Format, allowedFormats()
	if local, ok := strings.CutPrefix(full, "file:"); ok {
		im, err := findImages(local)
		if err != nil {
			return err
		}
		if im != nil && im.animation {
			if s.drawn, err = apngOf(ctx, local, s.opt.Limits); err != nil {
				return err
			}
			full, im = "file:"+s.drawn, &images{format: "apng"}
		}
		if im != nil {
			name, formats, s.images = im.format, im.format, im.sequence
			for k, v := range im.options {
				set(k, v)
			}
			if im.options["pattern_type"] == "glob" {
				full = im.url
			}
		}
	}
	if name != "" {
		registerDevices.Do(astiav.RegisterAllDevices)
		if format = astiav.FindInputFormat(name); format == nil {
			return &UnsupportedError{Reason: "unknown input format " + strconv.Quote(name)}
		}
	}
	if s.opt.FrameRate != "" {
		r, _ := media.ParseRate(s.opt.FrameRate) // Validate has read it
		set("framerate", fmt.Sprintf("%d/%d", r.Num, r.Den))
	}
	if protocols != "" {
		set("protocol_whitelist", protocols)
	}
	if !s.live {
		set("format_whitelist", formats)
	}
	if network {
		set("rw_timeout", "10000000") // microseconds; dead peers must not hang us
	}
	if s.opt.LowDelay {
		set("fflags", "nobuffer")
		set("probesize", "500000")
		set("analyzeduration", "1000000")
	}
	if local, ok := strings.CutPrefix(full, "file:"); ok && !s.live && name == "" {
		far := probeSize(local)
		if s.probe {
			far = max(far, probeDeep)
		}
		if far > 0 {
			set("probesize", strconv.FormatInt(far, 10))
			set("analyzeduration", "3600000000") // microseconds
		}
	}
	if s.tables == tablesMerged {
		set("merge_pmt_versions", "1")
	}
	set("max_streams", strconv.Itoa(s.opt.Limits.Streams+1))
	for k, v := range s.opt.FFmpeg {
		set(k, v)
	}

	fc := astiav.AllocFormatContext()
	s.interrupt = av.NewInterrupt(fc)
	if !s.live && s.images == nil { // a sequence opens one file after another
		s.guard = av.NewGuard(fc)
	}
	stop := s.watch(ctx)
	err := av.Explain(func() error { return fc.OpenInput(full, format, dict) })
	stop()
	if err == nil && s.opt.FrameRate != "" && dict.Get("framerate", nil, astiav.NewDictionaryFlags()) != nil {
		fc.CloseInput()
		return &UnsupportedError{Reason: "the input has times of its own", Hint: "a frame rate can be given for raw streams and sequences of images"}
	}
	path, local := strings.CutPrefix(full, "file:")
	if local {
		s.path = path
	}
	s.cutIndex = local && unfinishedMP4(path)
	if err != nil { // FFmpeg has freed the context
		return inputError(err)
	}
	s.fc = fc
	return nil
}

// inputError tells a bad file from a system that said no.
func inputError(err error) error {
	var e *av.Error
	switch {
	case errors.Is(err, io.EOF):
		return &UnsupportedError{Reason: "the input is empty or ends too early", Retry: true}
	case errors.As(err, &e) && e.Fault() == av.FaultSystem:
		return err
	}
	if strings.Contains(err.Error(), "not on whitelist") {
		return &UnsupportedError{Reason: "a playlist, a single image or another file that is not a video by itself",
			Hint: "vsr reads files that hold video; join or convert the parts with ffmpeg first"}
	}
	return &UnsupportedError{Reason: "not a media file that FFmpeg can read", Err: err, Retry: true}
}

func (s *Source) openStreams(ctx context.Context) error {
	if err := av.Explain(func() error { return s.fc.FindStreamInfo(nil) }); err != nil {
		return inputError(err)
	}
	if n := s.fc.NbStreams(); n > s.opt.Limits.Streams {
		return &UnsupportedError{Reason: fmt.Sprintf("%d streams, more than the limit of %d", n, s.opt.Limits.Streams)}
	}
	s.streams = s.fc.Streams()
	if !s.probe && s.rereadable() && s.unprobed() {
		return errProbeMore
	}
	s.codecs = nil
	for _, st := range s.streams {
		s.codecs = append(s.codecs, st.CodecParameters().CodecID())
	}
	err := s.settleTables()
	if err != nil {
		return err
	}
	if s.info, err = s.readInfo(); err != nil {
		return err
	}
	s.packet, s.frame = astiav.AllocPacket(), astiav.AllocFrame()
	if s.copying {
		s.setOrigin()
		s.info.Format = s.storedFormat()
		s.info.StoredRGB = s.storedRGB()
		if s.opt.Start > 0 && !av.Discontinuous(s.fc) {
			s.seek(s.cutIn() - 1)
		}
		return nil
	}
	if err := s.openDecoder(); err != nil {
		return err
	}
	s.setOrigin()
	return s.prime(ctx)
}

func (s *Source) openDecoder() error {
	st := s.streams[s.info.Video]
	codec := astiav.FindDecoder(st.CodecParameters().CodecID())
	if name, ok := alphaDecoders[s.info.VideoTrack().Codec]; ok && hasAlphaMode(s.info.VideoTrack()) {
		if c := astiav.FindDecoderByName(name); c != nil {
			codec = c
		}
	}
	if codec == nil {
		return &UnsupportedError{Reason: "this FFmpeg has no decoder for " + s.info.VideoTrack().Codec}
	}
	s.decoder = astiav.AllocCodecContext(codec)
	if err := st.CodecParameters().ToCodecContext(s.decoder); err != nil {
		return av.Err(err)
	}
	s.concealed = av.CountConcealed(s.decoder)
	av.SetPacketTimeBase(s.decoder, s.info.VideoTrack().TimeBase)
	s.decoder.SetThreadCount(s.opt.Threads)
	if s.opt.decodesOnGPU(codec) && s.crop == (crop{}) {
		if err := av.DecodeOnGPU(s.decoder, s.opt.GPU.Device); err != nil { // the engine will say what is wrong with the GPU
			s.opt.Logger.Info("the CPU decodes", "stage", "decode", "why", err)
		}
	}
	dict := astiav.NewDictionary()
	defer dict.Free()
	set := func(k, v string) { _ = dict.Set(k, v, astiav.NewDictionaryFlags()) }
	set("max_pixels", strconv.Itoa(s.opt.Limits.Pixels))
	flags := "unaligned" // crops as the stream says, also where its left edge is not aligned
	if s.opt.LowDelay {
		s.decoder.SetThreadType(astiav.ThreadTypeSlice)
		flags += "+low_delay"
	}
	set("flags", flags)
	if s.opt.Strict {
		set("err_detect", "explode")
	}
	if s.info.VideoTrack().Codec == "exr" { // linear light, which is encoded as a display wants it
		set("apply_trc", "iec61966_2_1")
	}
	if err := av.Explain(func() error { return s.decoder.Open(codec, dict) }); err != nil {
		return &UnsupportedError{Reason: "the decoder for " + s.info.VideoTrack().Codec + " does not take this stream", Err: err}
	}
	s.linear = dict.Get("apply_trc", nil, astiav.NewDictionaryFlags()) != nil // left over: FFmpeg 9's has no such option
	return nil
}

// cutIn is the time of the first frame wanted, in seconds of the input's own line from its origin; 0 is the beginning.
func (s *Source) cutIn() float64 {
	if s.opt.SkipTo == 0 {
		if s.opt.Start == 0 {
			return 0
		}
		return s.begin + s.opt.Start
	}
	return max(float64(s.skipTo)*s.info.VideoTrack().TimeBase.Float(), 0)
}

// alphaDecoders decode the alpha channel that WebM keeps beside each packet; FFmpeg's own decoders of these codecs do not look at it.
var alphaDecoders = map[string]string{"vp8": "libvpx", "vp9": "libvpx-vp9"}

func hasAlphaMode(t *media.Track) bool {
	for k, v := range t.Metadata {
		if strings.EqualFold(k, "alpha_mode") && v == "1" {
			return true
		}
	}
	return false
}

// primeBytes bounds the packets of other tracks kept while Open looks for the first frame.
const primeBytes = 64 << 20

// prime seeks if asked to, then decodes until the first frame is at hand.
func (s *Source) prime(ctx context.Context) error {
	cut := s.cutIn()
	margins := []float64{0}
	jumps, err := false, error(nil)
	if cut > 0 {
		margins = []float64{1, 10, 60, cut + 1e6}
		if jumps, err = s.jumpsBefore(ctx, cut); err != nil {
			return err
		}
	}
	if jumps || s.opt.Deinterlace == DeinterlaceTelecine { // times do not tell places, or all cycles must be those of the whole: all is decoded from the start
		margins = []float64{cut + 1e6}
	}
	for i, margin := range margins {
		s.restart()
		switch {
		case jumps:
			err = s.seekStart()
		case cut > 0 && !s.seek(cut-margin) && i > 0:
			err = io.EOF
		}
		if err == io.EOF {
			break
		}
		if err != nil {
			return err
		}
		if err := s.primeOnce(ctx); err != nil {
			return err
		}
		// Good when a frame before the cut-in point was seen: then none between was missed. The second field of a frame needs more.
		if cut == 0 || s.seenBefore >= int(2*s.fine-1) || i == len(margins)-1 {
			break
		}
	}
	if s.first == nil {
		reason := "no frame could be decoded"
		if cut > 0 {
			reason = fmt.Sprintf("no frame at or after %g s", cut-s.begin)
		}
		if s.encrypted || protected(videoParams(s.info)) {
			return errProtected
		}
		return &UnsupportedError{Reason: reason, Err: s.lastDamage, Retry: true}
	}
	s.info.Format = s.first.Format
	s.info.StoredRGB = s.storedRGB()
	s.info.Interlaced = s.info.Interlaced || s.deint != nil
	s.expectFrames()
	s.adoptSideData()
	return nil
}

// primeOnce reads until the queue holds a frame.
func (s *Source) primeOnce(ctx context.Context) error {
	kept := 0
	for s.first == nil {
		err := s.step(ctx)
		if err == io.EOF || kept > primeBytes {
			return nil
		}
		if err != nil {
			return err
		}
		if n := len(s.queue); n > 0 {
			if u := s.queue[n-1]; u.Frame != nil {
				s.first = u.Frame
			}
		}
		kept = s.queued
	}
	return nil
}

// restart throws away what was decoded so far.
func (s *Source) restart() {
	for _, u := range s.queue {
		u.Release()
	}
	s.queue, s.queued, s.first, s.stash = nil, 0, nil, nil
	s.line.restart()
	clear(s.given)
	clear(s.primer)
	s.drained, s.ended, s.seenBefore, s.clock, s.stats = false, false, 0, clock{}, Stats{}
	s.aspect = media.Rational{}
	s.closeDeinterlacer()
	s.pulldown.close()
	s.pulldown.left = 0
	av.FlushDecoder(s.decoder)
	s.concealed.Reset()
}

// storedFormat is what the container says of the frames, without decoding one; zero for kinds that are converted.
func (s *Source) storedFormat() media.Format {
	p := videoParams(s.info)
	shape, err := shapeOf(p.PixelFormat(), s.opt.RGB && !s.opt.Plain420)
	if err != nil {
		return media.Format{}
	}
	w, h := p.Size()
	w, h = w-s.crop.left-s.crop.right, h-s.crop.top-s.crop.bottom
	f := media.Format{Width: w, Height: h, Layout: shape.layout, Depth: shape.depth, Alpha: shape.alpha, Color: color(p.Color(), p.Color(), shape, w, h)}
	if s.opt.Plain420 {
		f, _, _ = plain420(f, shape)
	}
	return f
}

// storedRGB reports whether the container says that the frames are RGB or a palette.
func (s *Source) storedRGB() bool {
	shape, err := shapeOf(videoParams(s.info).PixelFormat(), false)
	return err == nil && shape.rgb
}

// seek goes to the key frame before t seconds of the output's time line; false when the input cannot seek.
func (s *Source) seek(t float64) bool {
	v := s.info.VideoTrack()
	ticks := int64(max(t, 0)/v.TimeBase.Float()) + s.origin[s.info.Video]
	if t <= 0 && v.Start != media.NoTime {
		ticks = min(ticks, v.Start)
	}
	return s.fc.SeekFrame(s.info.Video, ticks/s.fine, astiav.NewSeekFlags(astiav.SeekFlagBackward)) == nil
}
