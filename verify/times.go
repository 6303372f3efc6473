package verify

import (
	"fmt"
	"hash/crc32"
	"math"
	"math/big"
	"slices"

	"vsr/media"
)

// seconds is the exact time of a stamp, for messages only.
func seconds(ticks int64, tb media.Rational) float64 { return float64(ticks) * tb.Float() }

// near compares two times exactly in rational arithmetic, allowing slack seconds.
func near(a int64, ta media.Rational, b int64, tb media.Rational, slack float64) bool {
	return nearShifted(a, ta, b, tb, nil, slack)
}

// nearShifted is near for a time b of a line that lies later by a shift, nil for none.
func nearShifted(a int64, ta media.Rational, b int64, tb media.Rational, shift *big.Rat, slack float64) bool {
	if ta.Den == 0 || tb.Den == 0 {
		return a == b
	}
	d := difference(a, ta, b, tb)
	if shift != nil {
		d.Sub(d, shift)
	}
	x, _ := d.Float64()
	return math.Abs(x) <= slack
}

// difference is b minus a in seconds.
func difference(a int64, ta media.Rational, b int64, tb media.Rational) *big.Rat {
	x := new(big.Rat).Mul(new(big.Rat).SetInt64(a), big.NewRat(int64(ta.Num), int64(ta.Den)))
	y := new(big.Rat).Mul(new(big.Rat).SetInt64(b), big.NewRat(int64(tb.Num), int64(tb.Den)))
	return y.Sub(y, x)
}

// slack is how far two equal times may stand apart because a container counts in coarser ticks: half a tick of the coarser
// one. Equal time bases allow nothing.
func slack(a, b media.Rational) float64 {
	coarse := max(a.Float(), b.Float())
	fine := min(a.Float(), b.Float())
	if n := coarse / fine; fine > 0 && math.Abs(n-math.Round(n)) < 1e-9 && a.Float() >= b.Float() {
		return 0 // every source tick is a whole number of output ticks
	}
	return coarse/2 + 1e-12
}

// series is the times of one track's frames or packets. At most maxTimes are kept one by one; all are counted.
type series struct {
	pts   []int64
	count int
	bytes int64
	first int64

	sample int    // bytes of a sample of uncompressed audio, else 0
	swap   bool   // they are big-endian
	sum    uint32 // of all samples as little-endian ones, wherever they were cut into packets
}

// maxTimes bounds the memory of one track to 64 MiB: 16 hours of AAC packets.
const maxTimes = 8 << 20

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

func (s *series) add(pts int64, data []byte) {
	if s.sample > 0 {
		s.sum = crc32.Update(s.sum, castagnoli, s.little(data))
	}
	if s.count == 0 {
		s.first = pts
	}
	if len(s.pts) < maxTimes {
		s.pts = append(s.pts, pts)
	}
	s.count++
	s.bytes += int64(len(data))
}

// little returns samples as little-endian ones.
func (s *series) little(data []byte) []byte {
	if !s.swap || s.sample == 1 {
		return data
	}
	out := slices.Clone(data)
	for at := 0; at+s.sample <= len(out); at += s.sample {
		slices.Reverse(out[at : at+s.sample])
	}
	return out
}

// compareTimes describes the first difference between two series, or "".
// rounds is how often the times were rounded: once for frames, twice for packets of a codec whose delay is added.
// least, in seconds, is allowed in any case. shift is how much later all of b lies, nil for not at all.
func compareTimes(a *series, ta media.Rational, b *series, tb media.Rational, shift *big.Rat, rounds, least float64) string {
	if shift != nil {
		rounds++ // it was measured on rounded times
	}
	allowed := max(rounds*slack(ta, tb), least)
	for i := range min(len(a.pts), len(b.pts)) {
		x, y := a.pts[i], b.pts[i]
		if x == media.NoTime || y == media.NoTime {
			if x != y {
				return fmt.Sprintf("number %d has a time in one file only", i)
			}
			continue
		}
		if !nearShifted(x, ta, y, tb, shift, allowed) {
			return fmt.Sprintf("number %d is at %.6f s, was at %.6f s", i, seconds(y, tb), seconds(x, ta))
		}
	}
	return ""
}
