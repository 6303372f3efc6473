package encode

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"vsr/media"
)

// Images is a PacketWriter of image files: one, or with a pattern such as frame%05d.png one for each frame. Each appears under its name only
// when it is whole; those of a sequence stay after an error.
type Images struct {
	path     string
	pattern  media.Pattern
	sequence bool
	opt      FileOptions
	info     *media.Info
	number   int // of the next image
	count    int64
	temp     string // of a single image until Close
	actions  []StreamAction
	done     bool
}

// NewImages checks the destination. Errors are *DestinationError.
func NewImages(path string, o FileOptions) (*Images, error) {
	w := &Images{path: path, opt: o, number: 1}
	w.pattern, w.sequence = media.ParsePattern(path)
	if w.sequence && exists(path) { // a file that is really called so
		w.sequence = false
	}
	dir := filepath.Dir(path)
	if w.sequence {
		if err := os.MkdirAll(dir, 0o777); err != nil {
			return nil, &DestinationError{Path: path, Err: err}
		}
	}
	if taken, err := w.taken(); err != nil || taken != "" && !o.Overwrite {
		if err == nil {
			path, err = taken, fs.ErrExist
		}
		return nil, &DestinationError{Path: path, Err: err}
	}
	probe, err := os.CreateTemp(dir, ".vsr-*.part")
	if err != nil {
		return nil, &DestinationError{Path: path, Err: err}
	}
	_ = probe.Close()
	_ = os.Remove(probe.Name())
	return w, nil
}

// IsSequence reports whether an output of this name becomes a file for each frame.
func IsSequence(path string) bool {
	_, numbered := media.ParsePattern(path)
	return numbered && ImageCodec(path) != "" && !exists(path)
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}

// taken is a file that stands where one is to be written.
func (w *Images) taken() (string, error) {
	if !w.sequence {
		if exists(w.path) {
			return w.path, nil
		}
		return "", nil
	}
	dir := filepath.Dir(w.path)
	entries, err := os.ReadDir(dir)
	if err != nil {
		return "", err
	}
	for _, e := range entries {
		for _, name := range []string{filepath.Join(dir, e.Name()), dir + "/" + e.Name()} {
			if _, ok := w.pattern.Number(name); ok {
				return name, nil
			}
		}
	}
	return "", nil
}

// Start says what becomes of the other tracks: an image holds none.
func (w *Images) Start(info *media.Info) error {
	w.info = info
	if info.Images != nil {
		w.number = info.Images.First
	}
	if !w.sequence && info.Frames > 1 {
		return w.onlyOne()
	}
	if !info.Display.Identity() {
		return &RequestError{Reason: fmt.Sprintf("an image cannot say that the frame is %v", info.Display), Hint: "decode.Options.Autorotate turns the frames themselves"}
	}
	for i := range info.Tracks {
		t := &info.Tracks[i]
		a := StreamAction{Index: t.Index, Type: t.Type.String(), Codec: t.Codec, Action: Encoded}
		if i != info.Video {
			a.Action, a.Why = Dropped, "images hold no other streams"
		} else if w.sequence && info.Images == nil {
			a.Why = TimesDropped
		}
		w.actions = append(w.actions, a)
	}
	return nil
}

func (w *Images) onlyOne() error {
	ext := filepath.Ext(w.path)
	return &RequestError{Reason: filepath.Base(w.path) + " holds one frame, and the input has more", Hint: "frame%05d" + ext + " writes a file for each, and a name that ends in .gif, .apng or .webp an animation"}
}

// TimesDropped is what an action says of a video that becomes a sequence of images.
const TimesDropped = "images keep no times: whoever joins them again must know the frame rate"

// Actions says what became of each track, after Start.
func (w *Images) Actions() []StreamAction { return append([]StreamAction{}, w.actions...) }

// WritePacket writes an image.
func (w *Images) WritePacket(p *media.Packet) error {
	if p.Track != w.info.Video {
		return nil
	}
	path := w.path
	if w.sequence {
		path = w.pattern.Name(w.number)
	} else if w.count > 0 {
		return w.onlyOne()
	}
	temp, err := writeTemp(path, p.Data)
	if err != nil {
		return &DestinationError{Path: path, Err: err}
	}
	w.number++
	w.count++
	if !w.sequence {
		w.temp = temp
		return nil
	}
	return w.publish(temp, path)
}

// writeTemp writes a file beside path and flushes it to the disk.
func writeTemp(path string, data []byte) (temp string, err error) {
	dir, base := filepath.Split(path)
	temp = filepath.Join(dir, fmt.Sprintf(".%s.%s.part", shortName(base, 200), rand.Text()[:8]))
	f, err := os.OpenFile(temp, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o666)
	if err != nil {
		return "", err
	}
	_, err = f.Write(data)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		_ = os.Remove(temp)
	}
	return temp, err
}

// publish gives an image its name. Without Overwrite it fails if somebody was faster.
func (w *Images) publish(temp, path string) error {
	f := File{path: path, temp: temp, opt: w.opt}
	if err := f.publish(); err != nil {
		_ = os.Remove(temp)
		return &DestinationError{Path: path, Err: err}
	}
	return nil
}

// Close gives a single image its name.
func (w *Images) Close() error {
	if w.done {
		return nil
	}
	w.done = true
	if w.temp == "" {
		return nil
	}
	return w.publish(w.temp, w.path)
}

// Abort removes a single image that was begun. Those of a sequence are whole, and stay.
func (w *Images) Abort() error {
	if w.done || w.temp == "" {
		w.done = true
		return nil
	}
	w.done = true
	return os.Remove(w.temp)
}
