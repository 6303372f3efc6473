package encode

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	astiav "github.com/asticode/go-astiav"

	"vsr/internal/atomicfile"
	"vsr/internal/av"
	"vsr/media"
)

// FileOptions of a File. The zero value never overwrites and takes the container from the name.
type FileOptions struct {
	Overwrite bool // replace an existing file
	// Container is FFmpeg's muxer, as in matroska; empty takes it from the name's extension. For standard output, the name -, it is one of
	// StreamFormats.
	Container string
	// Growing is for recordings: the file grows under its own name in fragments, and what is there can be played at any
	// moment, also after a crash. An aborted one stays.
	Growing bool
	Audio   Audio             // what becomes of audio; empty converts what the container does not hold
	FFmpeg  map[string]string // further options of the muxer
	Logger  *slog.Logger      // nil discards
}

// File is a PacketWriter that muxes into a file. It appears under its name only when Close succeeds.
type File struct {
	path, temp string
	held       io.Closer // the lock of the temporary file, which says that this process is at work on it
	piped      bool      // to standard output
	opt        FileOptions
	fc         *astiav.FormatContext
	pb         *astiav.IOContext
	packet     *astiav.Packet
	muxer      string
	info       *media.Info
	tracks     []outTrack // per input track
	start      int64      // taken off all times, in ticks of the video; see begin
	actions    []StreamAction
	last       float64 // duration of the last video packet, in seconds
	done       bool
}

// NewFile checks the destination and opens the temporary file. Errors are *DestinationError or *RequestError.
func NewFile(path string, o FileOptions) (*File, error) {
	if err := o.Audio.Validate(); err != nil {
		return nil, err
	}
	f := &File{path: path, opt: o}
	if o.Logger == nil {
		f.opt.Logger = slog.New(slog.DiscardHandler)
	}
	if path == "-" {
		return f, f.openPipe("pipe:1")
	}
	if st, err := os.Stat(path); err == nil && !st.Mode().IsRegular() && !st.IsDir() { // a file would take the place of a device or pipe
		return nil, &RequestError{Reason: path + " is not a regular file", Hint: "Options.Output - writes to standard output"}
	}
	if st, err := os.Lstat(path); err == nil && (!o.Overwrite || st.IsDir()) {
		return nil, &DestinationError{Path: path, Err: fs.ErrExist}
	}
	var err error
	// The name serves FFmpeg only to find the muxer.
	if f.fc, err = astiav.AllocOutputFormatContext(nil, o.Container, "x"+strings.ToLower(filepath.Ext(path))); err != nil {
		return nil, &RequestError{Reason: fmt.Sprintf("no container known for %q", filepath.Base(path)), Hint: "use a name that ends in .mp4, .mov, .mkv, .webm or .ts"}
	}
	f.muxer = av.OutputName(f.fc)
	if !slices.Contains(muxers, f.muxer) {
		f.free()
		return nil, &RequestError{Reason: "container " + f.muxer + " cannot keep the time of every frame", Hint: "use a name that ends in .mp4, .mov, .mkv, .webm or .ts"}
	}
	f.temp = tempName(target(path), rand.Text()[:tempRandom])
	mode := os.O_CREATE | os.O_EXCL | os.O_WRONLY
	if !o.Growing {
		removeDead(target(path))
	} else {
		f.temp = path
		if o.Overwrite {
			mode = os.O_CREATE | os.O_TRUNC | os.O_WRONLY
		}
	}
	probe, err := os.OpenFile(f.temp, mode, 0o666)
	if err != nil {
		f.free()
		return nil, &DestinationError{Path: path, Err: err}
	}
	probe.Close()
	if f.held, err = atomicfile.Lock(f.temp); err != nil {
		_ = f.Abort()
		return nil, &DestinationError{Path: path, Err: err}
	}
	if f.pb, err = astiav.OpenIOContext("file:"+f.temp, astiav.NewIOContextFlags(astiav.IOContextFlagWrite)); err != nil {
		_ = f.Abort()
		return nil, &DestinationError{Path: path, Err: av.Err(err)}
	}
	f.packet = astiav.AllocPacket()
	return f, nil
}

// openPipe opens a stream to which each packet goes at once, and which ends where the reader ends it.
func (f *File) openPipe(address string) (err error) {
	f.piped = true
	if f.fc, err = astiav.AllocOutputFormatContext(nil, f.opt.Container, ""); err != nil || !slices.Contains(StreamFormats(), f.opt.Container) {
		return &RequestError{Reason: fmt.Sprintf("%q is no format for a pipe", f.opt.Container), Hint: "formats are " + strings.Join(StreamFormats(), ", ")}
	}
	f.muxer, f.path = av.OutputName(f.fc), "standard output"
	if f.pb, err = astiav.OpenIOContext(address, astiav.NewIOContextFlags(astiav.IOContextFlagWrite)); err != nil {
		f.free()
		return &DestinationError{Path: f.path, Err: av.Err(err)}
	}
	f.packet = astiav.AllocPacket()
	return nil
}

// target is the file that a link leads to, which an output replaces in the place of the link; path itself for what is none.
func target(path string) string {
	if st, err := os.Lstat(path); err == nil && st.Mode()&fs.ModeSymlink != 0 {
		if real, err := filepath.EvalSymlinks(path); err == nil {
			return real
		}
	}
	return path
}

// tempRandom is how many random characters the name of a temporary file has.
const tempRandom = 8

// tempName is the name under which the file of path grows.
func tempName(path, random string) string {
	dir, base := filepath.Split(path)
	return filepath.Join(dir, "."+shortName(base, 200)+"."+random+".part")
}

// removeDead removes the temporary files that processes which were killed have left of the same output: nobody holds their locks. An
// empty one may belong to a process that is about to take its lock.
func removeDead(path string) {
	paths, err := os.ReadDir(filepath.Dir(path))
	if err != nil {
		return
	}
	before, after := filepath.Base(tempName(path, "")), ".part"
	before = strings.TrimSuffix(before, after)
	for _, e := range paths {
		name := e.Name()
		if len(name) != len(before)+tempRandom+len(after) || !strings.HasPrefix(name, before) || !strings.HasSuffix(name, after) || !e.Type().IsRegular() {
			continue
		}
		old := filepath.Join(filepath.Dir(path), name)
		st, err := e.Info()
		if err == nil && (st.Size() > 0 || time.Since(st.ModTime()) > time.Minute) && atomicfile.Abandoned(old) {
			_ = os.Remove(old)
		}
	}
}

// shortName cuts a name to n bytes, at the end of a character.
func shortName(name string, n int) string {
	if len(name) <= n {
		return name
	}
	for n > 0 && !utf8.RuneStart(name[n]) {
		n--
	}
	return name[:n]
}

// muxers keep a presentation time for every frame.
var muxers = []string{"mp4", "mov", "ipod", "3gp", "3g2", "f4v", "matroska", "webm", "mpegts", "nut", "gif", "apng", "webp"}

// GlobalHeader reports whether the container wants codec headers in front.
func (f *File) GlobalHeader() bool {
	return av.GlobalHeader(f.fc)
}

// Temp is the name under which the file grows until Close gives it its own.
func (f *File) Temp() string { return f.temp }

// Actions says what became of each track, after Start.
func (f *File) Actions() []StreamAction { return append([]StreamAction{}, f.actions...) }

// WritePacket muxes a packet; packets of dropped tracks are ignored.
func (f *File) WritePacket(p *media.Packet) error {
	t := &f.tracks[p.Track]
	if t.stream == nil {
		return nil
	}
	if t.audio != nil {
		return f.convertAudio(p.Track, p)
	}
	q := *p
	if t.convert != nil {
		text := t.convert(p.Data)
		if text == nil {
			return nil
		}
		q.Data, q.SideData, q.Key = text, nil, true
	}
	return f.write(t, &q)
}

// write muxes a packet that is what its stream holds.
func (f *File) write(t *outTrack, q *media.Packet) error {
	t.time(q, f.looseTimes())
	if f.isMOV() && q.Duration <= 0 && !t.fixed { // the last one would be lost without
		seconds := 0.02
		if f.info.Tracks[q.Track].Type == media.TrackSubtitle {
			seconds = 2
		}
		q.Duration = max(int64(seconds/t.to.Float()), 1)
	}
	if t.fixed {
		f.last = float64(q.Duration) * t.to.Float()
	}
	f.packet.Unref()
	if err := av.WritePacket(f.packet, q, t.stream.Index()); err != nil {
		return err
	}
	err := av.Explain(func() error { return f.fc.WriteInterleavedFrame(f.packet) })
	if err != nil && av.WriteError(f.fc) == nil && av.FaultOf(err) == av.FaultInput && !t.fixed {
		f.leftOut(q.Track, err)
		return nil
	}
	return f.destination(err)
}

// leftOut counts a damaged packet of a copied track that the muxer could not parse.
func (f *File) leftOut(track int, err error) {
	t := &f.tracks[track]
	t.bad++
	a := &f.actions[track]
	if t.bad == 1 {
		t.why = a.Why
		f.opt.Logger.Warn("damaged packet left out", "stage", "encode", "track", track, "err", err)
	}
	a.Why = joinWhy(t.why, fmt.Sprintf("%d damaged packets left out", t.bad))
}

// looseTimes reports whether the container allows equal decoding times.
func (f *File) looseTimes() bool { return f.muxer == "matroska" || f.muxer == "webm" }

// destination makes an error of the system into a DestinationError.
func (f *File) destination(err error) error {
	if err == nil {
		return nil
	}
	if ioErr := av.WriteError(f.fc); ioErr != nil {
		err = ioErr
	}
	if av.FaultOf(err) == av.FaultSystem {
		return &DestinationError{Path: f.path, Err: err}
	}
	return fmt.Errorf("%s: %w", f.muxer, err)
}

// Close writes the trailer, flushes to disk and gives the file its name.
func (f *File) Close() error {
	if f.done {
		return nil
	}
	err := f.finish()
	if err != nil {
		_ = f.Abort()
	}
	return err
}

func (f *File) finish() error {
	if err := f.finishAudio(); err != nil {
		return err
	}
	if err := f.finalDelay(); err != nil {
		return err
	}
	err := av.Explain(f.fc.WriteTrailer)
	if err == nil {
		err = av.WriteError(f.fc)
	}
	if err != nil {
		return f.destination(err)
	}
	pb := f.pb
	f.pb = nil
	if err := av.Err(pb.Close()); err != nil {
		return &DestinationError{Path: f.path, Err: err}
	}
	if f.piped {
		f.done = true
		f.free()
		return nil
	}
	if f.muxer == "mov" && !f.opt.Growing {
		if err := setLanguages(f.temp, f.languages()); err != nil {
			return &DestinationError{Path: f.path, Err: err}
		}
	}
	if err := syncFile(f.temp); err != nil {
		return &DestinationError{Path: f.path, Err: err}
	}
	if err := f.publish(); err != nil {
		return &DestinationError{Path: f.path, Err: err}
	}
	f.done = true
	f.free()
	_ = syncFile(filepath.Dir(f.path)) // the name itself; not every file system can
	return nil
}

// languages are the tags of the tracks in the order in which they were written.
func (f *File) languages() []string {
	var out []string
	for i := range f.tracks {
		if f.tracks[i].stream != nil {
			out = append(out, f.tracks[i].tags["language"])
		}
	}
	return out
}

// publish gives the temporary file its name. Without Overwrite a link is made first: it fails if somebody was faster.
func (f *File) publish() error {
	if f.opt.Growing {
		return nil
	}
	if f.opt.Overwrite {
		return os.Rename(f.temp, target(f.path))
	}
	err := os.Link(f.temp, f.path)
	switch {
	case err == nil:
		return os.Remove(f.temp)
	case errors.Is(err, fs.ErrExist):
		return fs.ErrExist
	}
	if _, statErr := os.Lstat(f.path); statErr == nil { // a file system without links
		return fs.ErrExist
	}
	return os.Rename(f.temp, f.path)
}

func syncFile(path string) error {
	h, err := os.Open(path)
	if err != nil {
		return err
	}
	defer h.Close()
	return h.Sync()
}

// Abort removes the temporary file. A growing one stays: what is in it can be played.
func (f *File) Abort() error {
	if f.done {
		return nil
	}
	f.done = true
	if f.pb != nil {
		_ = f.pb.Close()
		f.pb = nil
	}
	f.free()
	if f.opt.Growing || f.piped {
		return nil
	}
	return os.Remove(f.temp)
}

func (f *File) free() {
	f.closeAudio()
	if f.held != nil {
		_ = f.held.Close() // nothing is written through it
		f.held = nil
	}
	if f.packet != nil {
		f.packet.Free()
		f.packet = nil
	}
	if f.fc != nil {
		f.fc.Free()
		f.fc = nil
	}
}
