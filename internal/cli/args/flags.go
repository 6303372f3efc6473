package args

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/spf13/pflag"
)

// value is a flag that two functions write and read; what show writes, parse must read.
type value[T any] struct {
	at    *T
	kind  string // what help calls it
	show  func(T) string
	parse func(string) (T, error)
}

// String writes the value.
func (v value[T]) String() string {
	if v.at == nil { // pflag asks a zero value whether it is the default
		return ""
	}
	return v.show(*v.at)
}

// Type is what help calls the value.
func (v value[T]) Type() string { return v.kind }

// Set reads a value.
func (v value[T]) Set(text string) error {
	x, err := v.parse(text)
	if err == nil {
		*v.at = x
	}
	return err
}

func showSeconds(s float64) string { return strconv.FormatFloat(s, 'f', -1, 64) }

// Clock is a flag of a time in seconds that may be written 90, 1:30 or 0:01:30.5.
func Clock(at *float64) pflag.Value { return value[float64]{at, "time", showSeconds, parseClock} }

// Length is a flag of a length in seconds that may be written 3s, 3 or 0:03.
func Length(at *float64) pflag.Value {
	return value[float64]{at, "length", showSeconds, func(s string) (float64, error) { return parseClock(strings.TrimSuffix(s, "s")) }}
}

func parseClock(s string) (total float64, err error) {
	parts := strings.Split(s, ":")
	for i, part := range parts {
		v, err := strconv.ParseFloat(part, 64)
		if err != nil || !(v >= 0) || math.IsInf(v, 0) || i > 0 && v >= 60 || len(parts) > 3 {
			return 0, fmt.Errorf("time %q: want seconds, m:s or h:m:s", s)
		}
		total = total*60 + v
	}
	return total, nil
}

// Scale is a flag of how many times to enlarge: 2, 3 or 4, also written x2 or 2x. 0 is the default, which is not shown.
func Scale(at *int) pflag.Value {
	show := func(n int) string {
		if n == 0 {
			return ""
		}
		return strconv.Itoa(n)
	}
	return value[int]{at, "times", show, func(s string) (int, error) {
		n, err := strconv.Atoi(strings.TrimSuffix(strings.TrimPrefix(strings.ToLower(s), "x"), "x"))
		if err != nil || n != 0 && (n < 2 || n > 4) {
			return 0, errors.New("2, 3 and 4 are possible; --height 720 reaches any size")
		}
		return n, nil
	}}
}

// CRF is a flag of a quality as FFmpeg takes it: 0 is the codec's own 0, stored as zero, and -1 is lossless. A stored 0 is the
// default, which is not shown.
func CRF(at *int, zero int) pflag.Value {
	show := func(n int) string {
		switch n {
		case 0:
			return ""
		case zero:
			return "0"
		}
		return strconv.Itoa(n)
	}
	return value[int]{at, "number", show, func(s string) (int, error) {
		n, err := strconv.Atoi(s)
		if err != nil || n < -1 {
			return 0, errors.New("want a number from 0, the best, or -1 for lossless")
		}
		if n == 0 {
			n = zero
		}
		return n, nil
	}}
}
