package decode

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"vsr/media"
)

// imageDemuxers read one image file by its ending; FFmpeg itself would take the demuxer of sequences, which opens other files too.
var imageDemuxers = map[string]string{
	".png": "png_pipe", ".jpg": "jpeg_pipe", ".jpeg": "jpeg_pipe", ".jpe": "jpeg_pipe", ".jfif": "jpeg_pipe", ".tif": "tiff_pipe", ".tiff": "tiff_pipe",
	".webp": "webp_pipe", ".bmp": "bmp_pipe", ".exr": "exr_pipe", ".dpx": "dpx_pipe", ".ppm": "ppm_pipe", ".pgm": "pgm_pipe", ".pam": "pam_pipe",
	".pbm": "pbm_pipe", ".jp2": "j2k_pipe", ".j2k": "j2k_pipe", ".qoi": "qoi_pipe", ".sgi": "sgi_pipe", ".jxl": "jpegxl_pipe", ".pcx": "pcx_pipe", ".psd": "psd_pipe",
	".tga": "", // FFmpeg has no demuxer for single ones
}

// magics are the first bytes of image files, which tell more than an ending.
var magics = []struct{ start, demuxer string }{
	{"\x89PNG\r\n\x1a\n", "png_pipe"}, {"\xff\xd8\xff", "jpeg_pipe"}, {"II*\x00", "tiff_pipe"}, {"MM\x00*", "tiff_pipe"}, {"\x76\x2f\x31\x01", "exr_pipe"},
	{"BM", "bmp_pipe"}, {"SDPX", "dpx_pipe"}, {"XPDS", "dpx_pipe"},
}

// IsImage reports whether a name ends as one of an image file that vsr reads, or of a sequence of them. GIF and APNG are videos here.
func IsImage(name string) bool { return imageDemuxers[strings.ToLower(filepath.Ext(name))] != "" }

// images is an input of image files: the format to force, and its options.
type images struct {
	url, format string
	options     map[string]string
	sequence    *media.Sequence // nil for one image
	files       []string        // of a sequence, in order
	animation   bool            // an animated WebP
}

// findImages recognises a file that is an image, a pattern such as frame%05d.png, and a glob such as frames/*.png. It returns nil for
// everything else. An existing file is taken by its name, whatever is in it.
func findImages(path string) (*images, error) {
	if !IsImage(path) {
		return nil, nil
	}
	if st, err := os.Stat(path); err == nil {
		if !st.Mode().IsRegular() {
			return nil, nil
		}
		return oneImage(path)
	}
	if p, ok := media.ParsePattern(path); ok {
		return numbered(path, p)
	}
	if strings.ContainsAny(path, "*?[") {
		return globbed(path)
	}
	return nil, nil
}

// SequenceFiles lists the files of a sequence of images in order. It is empty for an input that is no sequence.
func SequenceFiles(path string) ([]string, error) {
	im, err := findImages(path)
	if im == nil || err != nil {
		return nil, err
	}
	return im.files, nil
}

// oneImage tells the demuxer of an image file, nil for one that is animated.
func oneImage(path string) (*images, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	head := make([]byte, 4096)
	n, err := io.ReadFull(f, head)
	if err != nil && err != io.ErrUnexpectedEOF {
		return nil, nil // too short: FFmpeg says what it thinks of it
	}
	head = head[:n]
	im := &images{url: path, format: imageDemuxers[strings.ToLower(filepath.Ext(path))]}
	for _, m := range magics {
		if bytes.HasPrefix(head, []byte(m.start)) {
			im.format = m.demuxer
		}
	}
	switch {
	case bytes.HasPrefix(head, []byte("RIFF")) && len(head) > 30 && string(head[8:12]) == "WEBP":
		im.format = "webp_pipe"
		im.animation = animatedWebP(head)
	case im.format == "png_pipe" && bytes.Contains(head, []byte("acTL")):
		return nil, nil
	case bytes.HasPrefix(head, []byte("GIF8")):
		return nil, nil
	}
	return im, nil
}

// numbered finds the images of a pattern. Their numbers must follow one another: FFmpeg would end at a gap.
func numbered(path string, p media.Pattern) (*images, error) {
	entries, err := os.ReadDir(cmp.Or(filepath.Dir(path), "."))
	if err != nil {
		return nil, err
	}
	var numbers []int
	for _, e := range entries {
		if n, ok := p.Number(filepath.Join(filepath.Dir(path), e.Name())); ok && !e.IsDir() {
			numbers = append(numbers, n)
		} else if n, ok := p.Number(filepath.Dir(path) + "/" + e.Name()); ok && !e.IsDir() {
			numbers = append(numbers, n)
		}
	}
	if len(numbers) == 0 {
		return nil, &fs.PathError{Op: "open", Path: path, Err: errors.New("no file has a name of this pattern")}
	}
	slices.Sort(numbers)
	for i, n := range numbers {
		if n != numbers[0]+i {
			return nil, &UnsupportedError{Reason: fmt.Sprintf("the sequence %s has a gap: %s is missing", path, p.Name(numbers[0]+i)),
				Hint: "'*' instead of the number takes the images that are there, in the order of their names"}
		}
	}
	files := make([]string, len(numbers))
	for i, n := range numbers {
		files[i] = p.Name(n)
	}
	return &images{url: path, format: "image2", files: files, sequence: &media.Sequence{First: numbers[0]},
		options: map[string]string{"pattern_type": "sequence", "start_number": strconv.Itoa(numbers[0]), "start_number_range": "1"}}, nil
}

// globbed finds the images of a glob. FFmpeg sorts their names by bytes, so numbers must be written with the same number of digits.
func globbed(path string) (*images, error) {
	names, err := filepath.Glob(path)
	if err != nil {
		return nil, &UnsupportedError{Reason: "the pattern " + path + " is not well formed", Err: err}
	}
	if len(names) == 0 {
		return nil, &fs.PathError{Op: "open", Path: path, Err: errors.New("no file has a name of this pattern")}
	}
	slices.Sort(names)
	if i := disordered(names); i > 0 {
		return nil, &UnsupportedError{Reason: fmt.Sprintf("%s would come after %s: their numbers have not the same number of digits", filepath.Base(names[i]), filepath.Base(names[i-1])),
			Hint: "write %d for the number instead of *, as in frame%d.png"}
	}
	url := path
	if !filepath.IsAbs(url) {
		url = "./" + url // so that no colon in it is read as that of a protocol
	}
	return &images{url: url, format: "image2", files: names, sequence: &media.Sequence{First: 1}, options: map[string]string{"pattern_type": "glob"}}, nil
}

var lastNumber = regexp.MustCompile(`\d+`)

// disordered finds the first of sorted names whose number is less than that of the name before it, where both differ in that number only.
func disordered(names []string) int {
	split := func(name string) (before string, n int, after string) {
		at := lastNumber.FindAllStringIndex(name, -1)
		if len(at) == 0 {
			return name, 0, ""
		}
		last := at[len(at)-1]
		n, _ = strconv.Atoi(name[last[0]:last[1]])
		return name[:last[0]], n, name[last[1]:]
	}
	for i := 1; i < len(names); i++ {
		b0, n0, a0 := split(names[i-1])
		b1, n1, a1 := split(names[i])
		if b0 == b1 && a0 == a1 && n1 < n0 {
			return i
		}
	}
	return 0
}

// plays reads how often an animation is shown: FFmpeg does not tell. 0 is for files that are none. A GIF without the extension of Netscape's
// is shown once; the count in it is of how often it is shown again.
func plays(path string) int {
	if st, err := os.Stat(path); err != nil || !st.Mode().IsRegular() { // what is read of a pipe is gone
		return 0
	}
	f, err := os.Open(path)
	if err != nil {
		return 0
	}
	defer f.Close()
	head := make([]byte, 64<<10)
	n, _ := io.ReadFull(f, head)
	head = head[:n]
	count := func(n int) int {
		if n == 0 {
			return media.Forever
		}
		return n
	}
	switch {
	case bytes.HasPrefix(head, []byte("GIF8")):
		at := bytes.Index(head, []byte("NETSCAPE2.0\x03\x01"))
		if at < 0 || at+15 > len(head) {
			return 1
		}
		if n := int(binary.LittleEndian.Uint16(head[at+13:])); n > 0 {
			return n + 1
		}
		return media.Forever
	case bytes.HasPrefix(head, []byte("\x89PNG")):
		if at := bytes.Index(head, []byte("acTL")); at > 0 && at+12 <= len(head) {
			return count(int(binary.BigEndian.Uint32(head[at+8:]) & 0xffff))
		}
	}
	return 0
}
