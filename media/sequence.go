package media

import (
	"fmt"
	"math"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
)

// Sequence is what a source says of an input that is a sequence of image files.
type Sequence struct {
	First int // the number in the name of the first image, 1 if the names were given by a glob
}

// Pattern is a file name with one number in it, as in frames/%05d.png.
type Pattern struct {
	before, after string
	width         int // of the number, with zeros in front; 0 is as many digits as it needs
}

var numberField = regexp.MustCompile(`%(?:0(\d+))?d`)

// ParsePattern reads a name with one %d or %0Nd in its last part. ok is false for other names.
func ParsePattern(name string) (p Pattern, ok bool) {
	dir, base := filepath.Split(name)
	at := numberField.FindAllStringSubmatchIndex(base, -1)
	if len(at) != 1 {
		return p, false
	}
	p.before, p.after = dir+base[:at[0][0]], base[at[0][1]:]
	if at[0][2] >= 0 {
		w, err := strconv.Atoi(base[at[0][2]:at[0][3]])
		if err != nil || w > 18 {
			return p, false
		}
		p.width = w
	}
	return p, true
}

// Name is the file of number n.
func (p Pattern) Name(n int) string { return fmt.Sprintf("%s%0*d%s", p.before, p.width, n, p.after) }

// Number is the number of a file that the pattern names; ok is false for other files.
func (p Pattern) Number(name string) (n int, ok bool) {
	digits, ok := strings.CutPrefix(name, p.before)
	if !ok {
		return 0, false
	}
	if digits, ok = strings.CutSuffix(digits, p.after); !ok || digits == "" || strings.Trim(digits, "0123456789") != "" {
		return 0, false
	}
	n, err := strconv.Atoi(digits)
	return n, err == nil && p.Name(n) == name
}

// ParseRate reads a frame rate: 25, 23.976 (which is 24000/1001), 30000/1001.
func ParseRate(s string) (Rational, error) {
	num, den, ratio := strings.Cut(s, "/")
	if ratio {
		n, err1 := strconv.Atoi(num)
		d, err2 := strconv.Atoi(den)
		if err1 == nil && err2 == nil && n > 0 && d > 0 && n <= math.MaxInt32 && d <= math.MaxInt32 && float64(n)/float64(d) <= 1000 {
			return Rational{n, d}, nil
		}
	} else if v, err := strconv.ParseFloat(s, 64); err == nil && v > 0 && v <= 1000 {
		const close = 0.005 // 23.98 is meant as 23.976
		if r := math.Round(v); math.Abs(v-r) < 1e-9 {
			return Rational{int(r), 1}, nil
		}
		if up := math.Ceil(v); math.Abs(up*1000/1001-v) < close {
			return Rational{int(up) * 1000, 1001}, nil
		}
		return Rational{int(math.Round(v * 1000)), 1000}, nil
	}
	return Rational{}, fmt.Errorf("frame rate %q: want a number of frames a second up to 1000, as in 25, 23.976 or 30000/1001", s)
}
