package decode

import (
	"bytes"
	"compress/zlib"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"image"
	"image/draw"
	"io"
	"os"

	"golang.org/x/image/webp"
)

// FFmpeg reads single WebP images, and of animations nothing. So an animation (WebP container specification, developers.google.com/speed/webp) is
// drawn frame by frame here, and given to FFmpeg as an APNG in a temporary file: without loss, with its delays and loops.

// animatedWebP reports whether the first bytes of a file are those of an animation.
func animatedWebP(head []byte) bool {
	return len(head) > 30 && string(head[:4]) == "RIFF" && string(head[8:16]) == "WEBPVP8X" && head[20]&2 != 0
}

// apngOf draws the animation of a file into a temporary APNG and returns its name. The caller removes it.
func apngOf(ctx context.Context, path string, limits Limits) (name string, err error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return "", err
	}
	f, err := os.CreateTemp("", "vsr-*.apng")
	if err != nil {
		return "", err
	}
	err = drawWebP(ctx, f, b, limits)
	if err = errors.Join(err, f.Close()); err != nil {
		_ = os.Remove(f.Name())
		return "", err
	}
	return f.Name(), nil
}

// chunks calls each for the chunks of a RIFF file's body until one fails; a cut one is the last.
func chunks(b []byte, each func(kind string, body []byte) error) error {
	for len(b) >= 8 {
		kind, n := string(b[:4]), int(binary.LittleEndian.Uint32(b[4:]))
		b = b[8:]
		if n > len(b) {
			return io.ErrUnexpectedEOF
		}
		if err := each(kind, b[:n]); err != nil {
			return err
		}
		b = b[min(n+n&1, len(b)):]
	}
	return nil
}

func u24(b []byte) int { return int(b[0]) | int(b[1])<<8 | int(b[2])<<16 }

// drawWebP writes an APNG of all frames.
func drawWebP(ctx context.Context, to io.Writer, b []byte, limits Limits) error {
	bad := func(err error) error {
		return &UnsupportedError{Reason: "an animated WebP that is damaged", Err: err}
	}
	frames, plays := 0, 0
	if err := chunks(b[12:], func(kind string, body []byte) error {
		switch {
		case kind == "ANMF" && len(body) > 16:
			frames++
		case kind == "ANIM" && len(body) >= 6:
			plays = int(binary.LittleEndian.Uint16(body[4:]))
		}
		return nil
	}); frames == 0 {
		return bad(cmpErr(err, errors.New("no frames")))
	}
	w, h, alpha := 1+u24(b[24:]), 1+u24(b[27:]), b[20]&0x10 != 0
	if w > limits.Width || h > limits.Height || w*h > limits.Pixels {
		return &UnsupportedError{Reason: fmt.Sprintf("frame of %dx%d is over the limit of %dx%d and %d pixels", w, h, limits.Width, limits.Height, limits.Pixels)}
	}
	out := apng{to: to, canvas: image.NewNRGBA(image.Rect(0, 0, w, h)), alpha: alpha}
	out.begin(frames, plays)
	err := chunks(b[12:], func(kind string, body []byte) error {
		if kind != "ANMF" || len(body) <= 16 {
			return nil
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		return out.frame(body)
	})
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err != nil && out.frames < frames { // what is cut off is said when the frames are counted
		return bad(err)
	}
	out.chunk("IEND", nil)
	return out.err
}

func cmpErr(a, b error) error {
	if a != nil {
		return a
	}
	return b
}

// apng writes an animation (PNG specification, third edition) whose frames are whole canvases.
type apng struct {
	to       io.Writer
	canvas   *image.NRGBA
	alpha    bool
	frames   int
	sequence uint32
	err      error
}

func (a *apng) chunk(kind string, body []byte) {
	b := binary.BigEndian.AppendUint32(nil, uint32(len(body)))
	b = append(append(b, kind...), body...)
	b = binary.BigEndian.AppendUint32(b, crc32.ChecksumIEEE(b[4:]))
	if a.err == nil {
		_, a.err = a.to.Write(b)
	}
}

func (a *apng) begin(frames, plays int) {
	if a.err == nil {
		_, a.err = a.to.Write([]byte("\x89PNG\r\n\x1a\n"))
	}
	size := binary.BigEndian.AppendUint32(nil, uint32(a.canvas.Rect.Dx()))
	size = binary.BigEndian.AppendUint32(size, uint32(a.canvas.Rect.Dy()))
	kind := byte(2)
	if a.alpha {
		kind = 6
	}
	a.chunk("IHDR", append(size, 8, kind, 0, 0, 0))
	a.chunk("acTL", binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(nil, uint32(frames)), uint32(plays)))
}

// frame draws the frame of an ANMF chunk onto the canvas, writes the canvas, and disposes of the frame.
func (a *apng) frame(body []byte) error {
	at := image.Pt(2*u24(body), 2*u24(body[3:]))
	r := image.Rect(0, 0, 1+u24(body[6:]), 1+u24(body[9:])).Add(at)
	if !r.In(a.canvas.Rect) {
		return errors.New("a frame lies outside")
	}
	delay, flags := max(u24(body[12:]), 1), body[15] // in ms
	img, err := decodeWebP(r.Dx(), r.Dy(), body[16:])
	if err != nil {
		return err
	}
	op := draw.Over
	if flags&2 != 0 {
		op = draw.Src
	}
	draw.Draw(a.canvas, r, img, image.Point{}, op)
	num, den := delay, 1000
	if num > 0xffff {
		num, den = min((delay+500)/1000, 0xffff), 1
	}
	c := binary.BigEndian.AppendUint32(nil, a.sequence)
	a.sequence++
	for _, v := range []int{a.canvas.Rect.Dx(), a.canvas.Rect.Dy(), 0, 0} {
		c = binary.BigEndian.AppendUint32(c, uint32(v))
	}
	c = binary.BigEndian.AppendUint16(binary.BigEndian.AppendUint16(c, uint16(num)), uint16(den))
	a.chunk("fcTL", append(c, 0, 0)) // leave what is there, and replace it
	if data := a.rows(); a.frames == 0 {
		a.chunk("IDAT", data)
	} else {
		a.chunk("fdAT", append(binary.BigEndian.AppendUint32(nil, a.sequence), data...))
		a.sequence++
	}
	if a.frames++; flags&1 != 0 {
		draw.Draw(a.canvas, r, image.Transparent, image.Point{}, draw.Src)
	}
	return a.err
}

// rows compresses the canvas.
func (a *apng) rows() []byte {
	var b bytes.Buffer
	z, _ := zlib.NewWriterLevel(&b, zlib.BestSpeed) // that level there is
	w := a.canvas.Rect.Dx()
	row := make([]byte, 0, 1+4*w)
	for y := range a.canvas.Rect.Dy() {
		row = append(row[:0], 0) // no filter
		for p := a.canvas.Pix[y*a.canvas.Stride:][:4*w]; len(p) > 0; p = p[4:] {
			row = append(row, p[:3]...)
			if a.alpha {
				row = append(row, p[3])
			}
		}
		_, _ = z.Write(row) // into memory
	}
	_ = z.Close()
	return b.Bytes()
}

// decodeWebP decodes one frame, whose chunks are those of a single image.
func decodeWebP(w, h int, data []byte) (image.Image, error) {
	b := []byte("RIFF\x00\x00\x00\x00WEBP")
	if bytes.HasPrefix(data, []byte("ALPH")) {
		b = append(b, 'V', 'P', '8', 'X', 10, 0, 0, 0, 0x10, 0, 0, 0, byte(w-1), byte((w-1)>>8), byte((w-1)>>16), byte(h-1), byte((h-1)>>8), byte((h-1)>>16))
	}
	b = append(b, data...)
	binary.LittleEndian.PutUint32(b[4:], uint32(len(b)-8))
	img, err := webp.Decode(bytes.NewReader(b))
	if err != nil {
		return nil, err
	}
	if img.Bounds().Dx() != w || img.Bounds().Dy() != h {
		return nil, errors.New("a frame is of another size than it says")
	}
	switch m := img.(type) {
	case *image.YCbCr:
		return toRGB(m, nil, 0), nil
	case *image.NYCbCrA:
		return toRGB(&m.YCbCr, m.A, m.AStride), nil
	}
	return img, nil
}

// toRGB converts the lossy kind: BT.601 in limited range (RFC 6386, section 9.2), chroma between the samples as libwebp interpolates it. Package
// image takes it for full range.
func toRGB(m *image.YCbCr, alpha []byte, stride int) *image.NRGBA {
	out := image.NewNRGBA(m.Rect)
	w, h := m.Rect.Dx(), m.Rect.Dy()
	cw, ch := (w+1)/2, (h+1)/2
	chroma := func(p []byte, x, y int) int { // 16 times the value, less 128
		x0, y0 := x/2, y/2
		x1, y1 := min(max(x0+2*(x&1)-1, 0), cw-1), min(max(y0+2*(y&1)-1, 0), ch-1)
		v := 9*int(p[y0*m.CStride+x0]) + 3*int(p[y0*m.CStride+x1]) + 3*int(p[y1*m.CStride+x0]) + int(p[y1*m.CStride+x1])
		return v - 16*128
	}
	level := func(v int) uint8 { return uint8(min(max((v+1<<15)>>16, 0), 255)) }
	for y := range h {
		for x := range w {
			l := 76309 * (int(m.Y[y*m.YStride+x]) - 16) // 255/219 in 1/65536
			u, v := chroma(m.Cb, x, y), chroma(m.Cr, x, y)
			p := out.Pix[y*out.Stride+4*x:][:4]
			p[0], p[1], p[2], p[3] = level(l+6537*v), level(l-1605*u-3330*v), level(l+8263*u), 255
			if alpha != nil {
				p[3] = alpha[y*stride+x]
			}
		}
	}
	return out
}
