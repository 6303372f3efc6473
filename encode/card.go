package encode

import (
	"fmt"

	astiav "github.com/asticode/go-astiav"

	"vsr/internal/av"
	"vsr/media"
)

// Card is a card whose pictures go to NVENC without a trip through the host.
type Card struct {
	Device int // its index in the driver's order
	// Download takes the way up to NVENC's door and brings the pictures to the host there, for an encoder of the CPU. It is for
	// tests: machines without a card have no NVENC.
	Download bool
}

// TakesCard decides whether the encoder is to be fed from a card with pictures of a format: NVENC, what it takes, of even size.
func (o Options) TakesCard(f media.Format) bool {
	c, err := findCodec(o.Codec)
	deep := f.Depth == 10 && c.deep
	if o.Card != nil && o.Card.Download {
		c.card, deep = true, f.Depth == 10
	}
	return err == nil && o.Card != nil && c.card && o.PixFmt == "" && f.Layout == media.YUV420 && !f.Alpha && (f.Depth == 8 || deep) &&
		f.Width%2 == 0 && f.Height%2 == 0
}

// cardPixels is how a card holds pictures of a format that TakesCard takes.
func cardPixels(f media.Format) astiav.PixelFormat {
	if f.Depth > 8 {
		return astiav.PixelFormatP010Le
	}
	return astiav.PixelFormatNv12
}

// door is where pictures go from our memory on a card into FFmpeg's, which the encoder keeps as long as it needs it. Its pool
// holds as many pictures as the encoder has under way.
type door struct {
	format media.Format
	frames *av.CUDAFrames
	frame  *astiav.Frame
	down   bool // Card.Download
}

// openDoor makes the pool for pictures of info's format.
func (s *Sink) openDoor(f media.Format) error {
	frames, err := av.NewCUDAFrames(s.opt.Card.Device, f.Width, f.Height, cardPixels(f))
	if err != nil {
		return &media.CardError{Err: fmt.Errorf("pictures for %s: %w", s.codec.name, err)}
	}
	s.door = &door{format: f, frames: frames, frame: astiav.AllocFrame(), down: s.opt.Card.Download}
	return nil
}

func (d *door) close() {
	d.frame.Free()
	d.frames.Close()
}

// next gives d.frame an empty picture of the pool.
func (d *door) next() error {
	d.frame.Unref()
	if err := d.frames.Get(d.frame); err != nil {
		return &media.CardError{Err: fmt.Errorf("picture for the encoder: %w", err)}
	}
	return nil
}

// take copies a picture of the card into a new one of the pool.
func (d *door) take(fr *media.Frame) (*media.Frame, error) {
	if err := d.next(); err != nil {
		return nil, err
	}
	p, _ := av.OnCard(d.frame)
	to := media.NewSurfaceFrame(d.format, media.Surface{Card: fr.Surface.Card, Semi: true, Plane: p.Plane, Pitch: p.Pitch})
	return to, fr.Surface.Card.Copy(to, fr)
}

// picture makes the FFmpeg frame that the encoder gets.
func (s *Sink) picture(fr *media.Frame) (*astiav.Frame, error) {
	d := s.door
	if d != nil && fr.Surface != nil && fr.Surface.Semi && fr.Format == d.format {
		there, err := d.take(fr)
		if err != nil || !d.down {
			return d.frame, err
		}
		fr = there
	}
	if fr.Surface != nil {
		down, err := fr.Land()
		if err != nil {
			return nil, err
		}
		fr = down
	}
	if err := s.pic.load(fr, s.color); err != nil {
		return nil, err
	}
	if d == nil || d.down {
		return s.pic.out, nil
	}
	if err := d.next(); err != nil { // a picture of the host for an encoder that is fed from the card
		return nil, err
	}
	if err := av.Err(s.pic.out.TransferHardwareData(d.frame)); err != nil {
		return nil, &media.CardError{Err: fmt.Errorf("upload for the encoder: %w", err)}
	}
	return d.frame, nil
}
