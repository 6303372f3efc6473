package testmedia

import "vsr/media"

// The pattern that the page of vsr live reads to measure a delay, on a grid of 320 x 180 cells: 24 blocks of 12 x 24 cells from
// (16, 8) on, Gray code, lowest bit first, and below them from (16, 40) a bar of 16 cells with their parity. docs/live.md
// states it for others.
const (
	clockBits        = 24
	clockGridW       = 320
	clockGridH       = 180
	clockLeft        = 16
	clockTop         = 8
	clockBlock       = 12
	clockRows        = 24
	clockBar         = 40
	clockBarRows     = 16
	clockWhite       = 235
	clockBlack       = 16
	clockMask    int = 1<<clockBits - 1
)

// DrawClock paints the number n, modulo 2^24, into the luma of an 8-bit frame. Neighbouring numbers differ in one block, so a
// frame that is caught between two of them is wrong by one at most. 0 is the number that readers ignore.
func DrawClock(fr *media.Frame, n int) {
	gray := n & clockMask
	gray ^= gray >> 1
	parity := 0
	for i := range clockBits {
		bit := gray >> i & 1
		parity ^= bit
		clockBox(fr, clockLeft+i*clockBlock, clockTop, clockBlock, clockRows, bit)
	}
	clockBox(fr, clockLeft, clockBar, clockBits*clockBlock, clockBarRows, parity)
}

// clockBox fills a box given in cells of the grid.
func clockBox(fr *media.Frame, x, y, w, h, bit int) {
	luma := byte(clockBlack)
	if bit == 1 {
		luma = clockWhite
	}
	for r := y * fr.Height / clockGridH; r < (y+h)*fr.Height/clockGridH; r++ {
		row := fr.Row(0, r)
		for c := x * fr.Width / clockGridW; c < (x+w)*fr.Width/clockGridW; c++ {
			row[c] = luma
		}
	}
}

// Clock reads the number back from a frame of any size and any 8-bit layout with luma. ok is false when the parity is wrong or
// the number is 0, which a black frame would show.
func Clock(fr *media.Frame) (n int, ok bool) {
	at := func(x, y int) int { return int(fr.Row(0, y*fr.Height/clockGridH)[x*fr.Width/clockGridW]) >> 7 }
	gray, parity := 0, 0
	for i := range clockBits {
		bit := at(clockLeft+i*clockBlock+clockBlock/2, clockTop+clockRows/2)
		gray |= bit << i
		parity ^= bit
	}
	if gray == 0 || parity != at(clockGridW/2, clockBar+clockBarRows/2) {
		return 0, false
	}
	for s := 1; s < clockBits; s <<= 1 {
		gray ^= gray >> s
	}
	return gray & clockMask, true
}
