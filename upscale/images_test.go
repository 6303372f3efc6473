package upscale

import (
	"bytes"
	"compress/zlib"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"image"
	"image/color"
	"image/gif"
	"image/jpeg"
	"image/png"
	"math"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/image/tiff"
	"golang.org/x/image/webp"

	"vsr/decode"
	"vsr/internal/testmedia"
)

// imageSize is that of the images in these tests.
var imageSize = image.Rect(0, 0, 40, 24)

// sample is the 16-bit value of channel c (red, green, blue, alpha) at a place of a smooth image, x and y from 0 to 1.
func sample(c int, x, y float64) uint16 {
	v := []float64{0.2 + 0.6*x, 0.8 - 0.5*y, 0.3 + 0.4*x*y, 1 - 0.7*x}[c]
	return uint16(math.Round(v * 65535))
}

// draw makes an image of the kind that dst is.
func draw[I interface {
	image.Image
	Set(x, y int, c color.Color)
}](dst I, alpha bool) I {
	b := dst.Bounds()
	for y := range b.Dy() {
		for x := range b.Dx() {
			fx, fy := (float64(x)+0.5)/float64(b.Dx()), (float64(y)+0.5)/float64(b.Dy())
			c := color.NRGBA64{sample(0, fx, fy), sample(1, fx, fy), sample(2, fx, fy), 65535}
			if alpha {
				c.A = sample(3, fx, fy)
			}
			dst.Set(x, y, c)
		}
	}
	return dst
}

// writeImage encodes into a file of a folder of its own.
func writeImage(t *testing.T, name string, encode func(f *os.File) error) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	f, err := os.Create(path)
	if err == nil {
		err = encode(f)
	}
	if err == nil {
		err = f.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// imageOptions enlarge twice with a built-in network.
func imageOptions(out string) Options {
	o := Defaults()
	o.Model, o.Device, o.Threads, o.Output = "nano-x2", "cpu", 1, out
	return o
}

// runImage upscales one input and returns the report.
func runImage(t *testing.T, in string, o Options) Report {
	t.Helper()
	j, err := Open(t.Context(), in, o)
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	r, err := j.Run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// readImage decodes with Go's own decoders.
func readImage(t *testing.T, path string) image.Image {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	read := map[string]func([]byte) (image.Image, error){
		".png":  func(b []byte) (image.Image, error) { return png.Decode(bytes.NewReader(b)) },
		".jpg":  func(b []byte) (image.Image, error) { return jpeg.Decode(bytes.NewReader(b)) },
		".tif":  func(b []byte) (image.Image, error) { return tiff.Decode(bytes.NewReader(b)) },
		".webp": func(b []byte) (image.Image, error) { return webp.Decode(bytes.NewReader(b)) },
	}[filepath.Ext(path)]
	img, err := read(text)
	if err != nil {
		t.Fatal(err)
	}
	return img
}

// compareImage checks the size and, in the middle of the image, that each channel is off by at most so many of 65535 in the mean. It returns
// how many samples no 8-bit image has.
func compareImage(t *testing.T, img image.Image, w, h int, alpha bool, most float64) (deep int) {
	t.Helper()
	b := img.Bounds()
	if b.Dx() != w || b.Dy() != h {
		t.Fatalf("%dx%d, want %dx%d", b.Dx(), b.Dy(), w, h)
	}
	var sum [4]float64
	n := 0
	for y := 4; y < h-4; y++ {
		for x := 4; x < w-4; x++ {
			fx, fy := (float64(x)+0.5)/float64(w), (float64(y)+0.5)/float64(h)
			c := color.NRGBA64Model.Convert(img.At(b.Min.X+x, b.Min.Y+y)).(color.NRGBA64)
			want := [4]uint16{sample(0, fx, fy), sample(1, fx, fy), sample(2, fx, fy), 65535}
			if alpha {
				want[3] = sample(3, fx, fy)
			}
			for i, v := range [4]uint16{c.R, c.G, c.B, c.A} {
				sum[i] += math.Abs(float64(v) - float64(want[i]))
				if v%257 != 0 {
					deep++
				}
			}
			n++
		}
	}
	for i := range sum {
		if got := sum[i] / float64(n); got > most {
			t.Errorf("channel %d is off by %.0f of 65535 in the mean, at most %.0f", i, got, most)
		}
	}
	return deep
}

// Each kind of image comes out as it went in, by its own name: format, depth, alpha and colors.
func TestImages(t *testing.T) {
	const level = 257
	cases := []struct {
		name  string
		write func(f *os.File) error
		want  string // type of what Go's decoder reads
		alpha bool
		most  float64
	}{
		{"rgb.png", func(f *os.File) error { return png.Encode(f, draw(image.NewRGBA(imageSize), false)) }, "*image.RGBA", false, 2 * level},
		{"alpha.png", func(f *os.File) error { return png.Encode(f, draw(image.NewNRGBA(imageSize), true)) }, "*image.NRGBA", true, 2 * level},
		{"deep.png", func(f *os.File) error { return png.Encode(f, draw(image.NewRGBA64(imageSize), false)) }, "*image.RGBA64", false, 2 * level},
		{"deepalpha.png", func(f *os.File) error { return png.Encode(f, draw(image.NewNRGBA64(imageSize), true)) }, "*image.NRGBA64", true, 2 * level},
		{"a.tif", func(f *os.File) error { return tiff.Encode(f, draw(image.NewRGBA(imageSize), false), nil) }, "*image.NRGBA", false, 2 * level},
		{"deep.tif", func(f *os.File) error { return tiff.Encode(f, draw(image.NewRGBA64(imageSize), false), nil) }, "*image.NRGBA64", false, 2 * level},
		{"a.jpg", func(f *os.File) error {
			return jpeg.Encode(f, draw(image.NewRGBA(imageSize), false), &jpeg.Options{Quality: 98})
		}, "*image.YCbCr", false, 3 * level},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			in := writeImage(t, c.name, c.write)
			r := runImage(t, in, imageOptions(""))
			if want := strings.TrimSuffix(in, filepath.Ext(in)) + "_x2" + filepath.Ext(in); r.Output != want {
				t.Fatalf("output %s, want %s", r.Output, want)
			}
			img := readImage(t, r.Output)
			if got := fmt.Sprintf("%T", img); got != c.want {
				t.Errorf("read as %s, want %s", got, c.want)
			}
			deep := compareImage(t, img, 80, 48, c.alpha, c.most)
			if is := strings.Contains(c.name, "deep"); is != (deep > 1000) && c.name != "a.jpg" && c.name != "alpha.png" {
				t.Errorf("%d samples are none of 8 bits", deep)
			}
			only(t, filepath.Dir(in), filepath.Base(in), filepath.Base(r.Output))
		})
	}
}

// Gray stays gray, and an output may be an image of another format.
func TestImageToAnother(t *testing.T) {
	in := writeImage(t, "gray.png", func(f *os.File) error { return png.Encode(f, draw(image.NewGray16(imageSize), false)) })
	dir := t.TempDir()
	if img := readImage(t, runImage(t, in, imageOptions(filepath.Join(dir, "g.png"))).Output); fmt.Sprintf("%T", img) != "*image.Gray16" {
		t.Errorf("16-bit gray became %T", img)
	}
	rgb := writeImage(t, "a.png", func(f *os.File) error { return png.Encode(f, draw(image.NewRGBA(imageSize), false)) })
	compareImage(t, readImage(t, runImage(t, rgb, imageOptions(filepath.Join(dir, "a.webp"))).Output), 80, 48, false, 2*257) // RGB: without loss
	compareImage(t, readImage(t, runImage(t, rgb, imageOptions(filepath.Join(dir, "a.jpg"))).Output), 80, 48, false, 3*257)
	compareImage(t, readImage(t, runImage(t, rgb, imageOptions(filepath.Join(dir, "a.tif"))).Output), 80, 48, false, 2*257)
	clip := clip(t, "in.mp4", testmedia.Options{Frames: 3})
	if _, err := Open(t.Context(), clip, imageOptions(filepath.Join(dir, "b.png"))); Classify(err).Kind != Request || !strings.Contains(Classify(err).Hint, "%05d.png") {
		t.Errorf("three frames into one image: %v (%s)", err, Classify(err).Hint)
	}
	o := imageOptions(filepath.Join(dir, "a.tif"))
	if _, err := Open(t.Context(), rgb, o); Classify(err).Kind != Output {
		t.Errorf("an image that exists was no error: %v", err)
	}
}

// An ICC profile stays in a PNG, and is named where it cannot.
func TestImageProfile(t *testing.T) {
	var text bytes.Buffer
	if err := png.Encode(&text, draw(image.NewRGBA(imageSize), false)); err != nil {
		t.Fatal(err)
	}
	profile := bytes.Repeat([]byte("a profile "), 30)
	file := withProfile(text.Bytes(), profile)
	in := writeImage(t, "icc.png", func(f *os.File) error { _, err := f.Write(file); return err })
	dir := t.TempDir()
	r := runImage(t, in, imageOptions(filepath.Join(dir, "o.png")))
	if strings.Contains(strings.Join(r.Notes, ";"), "ICC") {
		t.Errorf("notes of a PNG: %v", r.Notes)
	}
	src, err := decode.Open(t.Context(), r.Output, decode.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer src.Close()
	u, err := src.Next(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer u.Release()
	found := false
	for _, sd := range u.Frame.SideData {
		found = found || bytes.Equal(sd.Data, profile)
	}
	if !found {
		t.Error("the profile is gone")
	}
	r = runImage(t, in, imageOptions(filepath.Join(dir, "o.webp")))
	if !strings.Contains(strings.Join(r.Notes, ";"), "ICC profile is left out") {
		t.Errorf("notes of a WebP: %v", r.Notes)
	}
}

// withProfile puts an iCCP chunk behind the header of a PNG (its specification, 11.3.3.3).
func withProfile(file, profile []byte) []byte {
	body := append([]byte("test\x00\x00"), stored(profile)...)
	chunk := binary.BigEndian.AppendUint32(nil, uint32(len(body)))
	chunk = append(append(chunk, "iCCP"...), body...)
	chunk = binary.BigEndian.AppendUint32(chunk, crc32.ChecksumIEEE(chunk[4:]))
	const head = 8 + 25 // signature and IHDR
	return append(append(append([]byte{}, file[:head]...), chunk...), file[head:]...)
}

// stored is a zlib stream of bytes.
func stored(b []byte) []byte {
	var out bytes.Buffer
	w := zlib.NewWriter(&out)
	_, _ = w.Write(b)
	_ = w.Close()
	return out.Bytes()
}

// A photo that a camera has turned comes out upright.
func TestImageOrientation(t *testing.T) {
	var text bytes.Buffer
	if err := jpeg.Encode(&text, draw(image.NewRGBA(imageSize), false), &jpeg.Options{Quality: 98}); err != nil {
		t.Fatal(err)
	}
	// Exif (TIFF 6.0, section 2) with one entry: orientation 6, to be turned by 90 degrees clockwise.
	exif := []byte("Exif\x00\x00MM\x00*\x00\x00\x00\x08\x00\x01\x01\x12\x00\x03\x00\x00\x00\x01\x00\x06\x00\x00\x00\x00\x00\x00")
	segment := binary.BigEndian.AppendUint16([]byte{0xff, 0xe1}, uint16(len(exif)+2))
	file := append(append(append([]byte{}, text.Bytes()[:2]...), append(segment, exif...)...), text.Bytes()[2:]...)
	in := writeImage(t, "turned.jpg", func(f *os.File) error { _, err := f.Write(file); return err })
	img := readImage(t, runImage(t, in, imageOptions("")).Output)
	if b := img.Bounds(); b.Dx() != 48 || b.Dy() != 80 {
		t.Fatalf("%v", b)
	}
	r, _, _, _ := img.At(24, 4).RGBA() // red grows from left to right before the turn, from top to bottom after it
	s, _, _, _ := img.At(24, 75).RGBA()
	if r > 0x6000 || s < 0x9000 {
		t.Errorf("red at the top %#x, at the bottom %#x", r, s)
	}
}

// A sequence of images comes in at the rate that is asked for and goes out under the same numbers.
func TestSequence(t *testing.T) {
	dir := t.TempDir()
	for n := 8; n <= 12; n++ {
		f, err := os.Create(filepath.Join(dir, fmt.Sprintf("f%d.png", n)))
		if err != nil {
			t.Fatal(err)
		}
		if err := png.Encode(f, draw(image.NewRGBA(imageSize), false)); err != nil {
			t.Fatal(err)
		}
		f.Close()
	}
	out := filepath.Join(dir, "out")
	o := imageOptions(filepath.Join(out, "%03d.png"))
	o.Decode.FrameRate = "10"
	if r := runImage(t, filepath.Join(dir, "f%d.png"), o); r.Frames.Out != 5 {
		t.Errorf("%d frames", r.Frames.Out)
	}
	only(t, out, "008.png", "009.png", "010.png", "011.png", "012.png")
	compareImage(t, readImage(t, filepath.Join(out, "012.png")), 80, 48, false, 2*257)
	if _, err := Open(t.Context(), filepath.Join(dir, "f%d.png"), o); Classify(err).Kind != Output {
		t.Errorf("a sequence that exists was no error: %v", err)
	}

	o = imageOptions(filepath.Join(dir, "out.mkv"))
	o.Decode.FrameRate = "10"
	runImage(t, filepath.Join(out, "*.png"), o)
	src, err := decode.Open(t.Context(), o.Output, decode.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer src.Close()
	if i := src.Info(); math.Abs(i.Duration-0.5) > 0.01 || i.FrameRate.Float() != 10 {
		t.Errorf("%g s at %v", i.Duration, i.FrameRate)
	}

	if _, err := Open(t.Context(), filepath.Join(dir, "f*.png"), o); Classify(err).Kind != Input || !strings.Contains(err.Error(), "number of digits") {
		t.Errorf("names that sort by bytes in another order: %v", err)
	}
	if err := os.Remove(filepath.Join(dir, "f10.png")); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(t.Context(), filepath.Join(dir, "f%d.png"), o); Classify(err).Kind != Input || !strings.Contains(err.Error(), "f10.png is missing") {
		t.Errorf("a gap: %v", err)
	}
	o.Replace = true
	if _, err := Open(t.Context(), clip(t, "in.mp4", testmedia.Options{Frames: 2}), o); Classify(err).Kind != Input || !strings.Contains(err.Error(), "times of its own") {
		t.Errorf("a frame rate for MP4: %v", err)
	}
}

// A video becomes an animation, whatever its colors are tagged as: GIF and APNG are RGB without tags.
func TestVideoToAnimation(t *testing.T) {
	in := clip(t, "in.mkv", testmedia.Options{Frames: 3})
	for _, ending := range []string{".gif", ".apng", ".webp"} {
		o := tinyOptions(t, filepath.Join(t.TempDir(), "out"+ending))
		o.Encode.Preset = ""
		report, _, err := again(t, in, o)
		if err != nil || report.Frames.Out != 3 {
			t.Errorf("%s: %d frames, %v", ending, report.Frames.Out, err)
		}
	}
}

// A video of luma and chroma may be kept as RGB.
func TestVideoToRGB(t *testing.T) {
	in := clip(t, "in.mkv", testmedia.Options{Frames: 3}) // BT.601
	for _, codec := range []string{"x264rgb", "png"} {
		o := tinyOptions(t, filepath.Join(t.TempDir(), "out.mkv"))
		o.Encode.Codec, o.Encode.Preset = codec, ""
		report, _, err := again(t, in, o)
		if err != nil || report.Frames.Out != 3 {
			t.Errorf("%s: %d frames, %v", codec, report.Frames.Out, err)
		}
	}
}

// A pipe or device is not replaced by a file, whatever its name.
func TestSpecialFileStays(t *testing.T) {
	path := filepath.Join(t.TempDir(), "out.mkv")
	if err := syscall.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
	in := clip(t, "in.mkv", testmedia.Options{Frames: 3})
	for _, replace := range []bool{false, true} {
		o := tinyOptions(t, path)
		o.Replace = replace
		if _, _, err := again(t, in, o); Classify(err).Kind != Request || !strings.Contains(err.Error(), "not a regular file") {
			t.Errorf("replace %v: %v", replace, err)
		}
	}
	if st, err := os.Lstat(path); err != nil || st.Mode()&os.ModeNamedPipe == 0 {
		t.Errorf("the pipe has become %v, %v", st, err)
	}
}

// Animations keep their delays and how often they are shown.
func TestAnimation(t *testing.T) {
	a := gif.GIF{LoopCount: 2, Delay: []int{7, 20, 12}}
	for n := range a.Delay {
		p := image.NewPaletted(imageSize, color.Palette{color.Black, color.White, color.RGBA{200, 30, 30, 255}, color.RGBA{0, 0, 200, 255}})
		for y := range 24 {
			for x := range 40 {
				p.SetColorIndex(x, y, uint8((x/8+y/8+n)%4))
			}
		}
		a.Image = append(a.Image, p)
	}
	in := writeImage(t, "a.gif", func(f *os.File) error { return gif.EncodeAll(f, &a) })
	r := runImage(t, in, imageOptions(""))
	text, err := os.ReadFile(r.Output)
	if err != nil {
		t.Fatal(err)
	}
	got, err := gif.DecodeAll(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	if fmt.Sprint(got.Delay) != "[7 20 12]" || got.LoopCount != 2 || got.Config.Width != 80 {
		t.Errorf("GIF: delays %v, %d loops, %d wide", got.Delay, got.LoopCount, got.Config.Width)
	}
	if c := color.RGBAModel.Convert(got.Image[0].At(36, 4)).(color.RGBA); c.R < 180 || c.B > 60 {
		t.Errorf("red became %v", c)
	}
	dir := t.TempDir()
	r = runImage(t, in, imageOptions(filepath.Join(dir, "a.apng")))
	plays, delays := animatedPNG(t, r.Output)
	if plays != 3 || fmt.Sprint(delays) != "[70 200 120]" {
		t.Errorf("APNG: shown %d times, delays %v ms", plays, delays)
	}
	r = runImage(t, r.Output, imageOptions(filepath.Join(dir, "b.webp")))
	plays, delays = animatedWebP(t, r.Output)
	if plays != 3 || fmt.Sprint(delays) != "[70 200 120]" {
		t.Errorf("WebP: shown %d times, delays %v ms", plays, delays)
	}
	r = runImage(t, r.Output, imageOptions(filepath.Join(dir, "c.apng")))
	plays, delays = animatedPNG(t, r.Output)
	if plays != 3 || fmt.Sprint(delays) != "[70 200 120]" {
		t.Errorf("APNG of a WebP: shown %d times, delays %v ms", plays, delays)
	}
}

// animatedPNG reads how often an APNG is shown and the delays of its frames in milliseconds (acTL and fcTL of its specification).
func animatedPNG(t *testing.T, path string) (plays uint32, delays []int) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for at := 8; at+12 <= len(b); {
		n, kind, body := int(binary.BigEndian.Uint32(b[at:])), string(b[at+4:at+8]), b[at+8:]
		switch kind {
		case "acTL":
			plays = binary.BigEndian.Uint32(body[4:])
		case "fcTL":
			delays = append(delays, 1000*int(binary.BigEndian.Uint16(body[20:]))/max(int(binary.BigEndian.Uint16(body[22:])), 1))
		}
		at += 12 + n
	}
	return plays, delays
}

// animatedWebP does the same for ANIM and ANMF.
func animatedWebP(t *testing.T, path string) (plays uint32, delays []int) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for at := 12; at+8 <= len(b); {
		kind, n, body := string(b[at:at+4]), int(binary.LittleEndian.Uint32(b[at+4:])), b[at+8:]
		switch kind {
		case "ANIM":
			plays = uint32(binary.LittleEndian.Uint16(body[4:]))
		case "ANMF":
			delays = append(delays, int(body[12])|int(body[13])<<8|int(body[14])<<16)
		}
		at += 8 + n + n&1
	}
	return plays, delays
}
