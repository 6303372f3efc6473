package scene

// Blocks in which motion is looked for, in cells.
const (
	blockW, blockH   = 8, 6
	blocksX, blocksY = thumbW / blockW, thumbH / blockH
	blockArea        = blockW * blockH
	reach            = 16 // cells a global move may be found over
)

// vector is a move in cells.
type vector struct{ x, y int }

// change says how a frame differs from another after motion has been followed.
type change struct {
	structure float32 // share of the texture that no block of the other explains, in [0, 1], whatever the light
	luma      float32 // mean change of a block's brightness along the motion, in 8-bit code values
	lost      float32 // share of blocks, weighed by texture, that are not found again
	unlit     float32 // share of the texture, as energy, that no light on the other frame's blocks explains, block by block
	colors    float32 // distance of the luma palettes, in [0, 1]
	chroma    float32 // distance of the chroma palettes, in [0, 1]
	texture   float32 // mean deviation within blocks, in 8-bit code values
	residual  float32 // mean deviation that is left of it, in 8-bit code values
	global    vector
}

// equalFrom is the ratio of contrasts from which compare tries the other frame at the contrast of this one as well.
const equalFrom = 1.06

// compare follows the motion from prev to cur. Of two frames under different light the one is brought to the contrast of the
// other if that makes them more alike.
func compare(cur, prev *thumb) change {
	c := follow(cur, prev)
	gain := cur.contrast / max(prev.contrast, 0.5)
	if gain < equalFrom && gain > 1/equalFrom || gain > 8 || gain < 1.0/8 {
		return c
	}
	var equal thumb
	equal.scale(prev, gain)
	if d := follow(cur, &equal); d.structure < c.structure {
		c.structure, c.lost, c.residual, c.global, c.unlit = d.structure, d.lost, d.residual, d.global, min(c.unlit, d.unlit)
	}
	return c
}

// follow is compare under one light.
func follow(cur, prev *thumb) (c change) {
	c.global = globalMove(cur, prev)
	var inter, intra, light int32
	var lost, all, rest, energy float32
	var moves [blocksY][blocksX]vector
	for by := range blocksY {
		for bx := range blocksX {
			x, y := bx*blockW, by*blockH
			own := intraCost(cur, x, y)
			candidates := [4]vector{{}, c.global}
			if bx > 0 {
				candidates[2] = moves[by][bx-1]
			}
			if by > 0 {
				candidates[3] = moves[by-1][bx]
			}
			cost, at := search(cur, prev, x, y, candidates[:])
			moves[by][bx] = at
			cost = min(cost, own)
			inter, intra = inter+cost, intra+own
			left, whole := relit(cur, prev, x, y, at)
			rest, energy = rest+left, energy+whole
			light += abs(cur.area(x, y, blockW, blockH) - prev.area(x+at.x, y+at.y, blockW, blockH))
			weight := float32(own) / (unit * blockArea)
			weight = min(weight, 8)
			if all += weight; 2*cost > own {
				lost += weight
			}
		}
	}
	const scale = 1.0 / (unit * Cells)
	c.texture, c.residual, c.luma = float32(intra)*scale, float32(inter)*scale, float32(light)*scale
	c.structure = c.residual / (c.texture + 0.5)
	c.lost = lost / (all + 1)
	c.unlit = rest / (energy + blocksX*blocksY)
	c.colors = palette(cur, prev, 0)
	for p := 1; p < min(cur.planes, prev.planes); p++ {
		c.chroma = max(c.chroma, palette(cur, prev, p))
	}
	if cur.planes == 1 { // a gray video has but one palette to tell by
		c.chroma = c.colors
	}
	return c
}

// intraCost is the sum of a block's deviations from its mean.
func intraCost(t *thumb, x, y int) (sum int32) {
	mean := t.area(x, y, blockW, blockH) / blockArea
	for j := y; j < y+blockH; j++ {
		for _, v := range t.luma[j*thumbW+x:][:blockW] {
			sum += abs(v - mean)
		}
	}
	return sum
}

// search finds the best match of a block of cur near the candidates. Both are compared about their means, so that a change of
// light costs nothing.
func search(cur, prev *thumb, x, y int, candidates []vector) (best int32, at vector) {
	best = 1 << 30
	try := func(v vector) bool {
		v = vector{min(max(x+v.x, 0), thumbW-blockW) - x, min(max(y+v.y, 0), thumbH-blockH) - y}
		if best < 1<<30 && v == at {
			return false
		}
		cost := match(cur, prev, x, y, v, best)
		if cost >= best {
			return false
		}
		best, at = cost, v
		return true
	}
	for _, v := range candidates {
		try(v)
	}
	for step := 2; step > 0; step-- {
		for range 4 {
			from := at
			moved := false
			for _, d := range [4]vector{{-step, 0}, {step, 0}, {0, -step}, {0, step}} {
				moved = try(vector{from.x + d.x, from.y + d.y}) || moved
			}
			if !moved {
				break
			}
		}
	}
	return best, at
}

// relit is the energy of a block of cur, and what is left of it when prev's block at that place, or at the move v, is taken at the best
// contrast.
func relit(cur, prev *thumb, x, y int, v vector) (left, whole float32) {
	const scale = 1.0 / (unit * unit * blockArea)
	moves := [2]vector{{}, v}
	n := 2
	if v == (vector{}) {
		n = 1
	}
	for i, v := range moves[:n] {
		var cc, aa, ac int64
		mc, ma := cur.area(x, y, blockW, blockH)/blockArea, prev.area(x+v.x, y+v.y, blockW, blockH)/blockArea
		for j := range blockH {
			rc, ra := cur.luma[(y+j)*thumbW+x:][:blockW], prev.luma[(y+v.y+j)*thumbW+x+v.x:][:blockW]
			for k, p := range rc {
				p, q := int64(p-mc), int64(ra[k]-ma)
				cc, aa, ac = cc+p*p, aa+q*q, ac+p*q
			}
		}
		whole = float32(cc) * scale
		rest := whole
		if ac > 0 && aa > 0 {
			rest = max(whole-float32(float64(ac)*float64(ac)/float64(aa))*scale, 0)
		}
		if i == 0 || rest < left {
			left = rest
		}
	}
	return left, whole
}

// match is the sum of differences at one move, or something over limit.
func match(cur, prev *thumb, x, y int, v vector, limit int32) (sum int32) {
	off := (cur.area(x, y, blockW, blockH) - prev.area(x+v.x, y+v.y, blockW, blockH)) / blockArea
	for j := range blockH {
		a, b := cur.luma[(y+j)*thumbW+x:][:blockW], prev.luma[(y+v.y+j)*thumbW+x+v.x:][:blockW]
		for i, p := range a {
			sum += abs(p - b[i] - off)
		}
		if sum >= limit {
			break
		}
	}
	return sum
}

// globalMove compares the profiles of columns and of rows at all moves within reach.
func globalMove(cur, prev *thumb) vector {
	return vector{profileMove(cur, prev, thumbW, true), profileMove(cur, prev, thumbH, false)}
}

// profileMove finds by how many cells the sums of columns, or of rows, have moved.
func profileMove(cur, prev *thumb, n int, columns bool) int {
	var a, b [thumbW]int32
	for i := range n {
		if columns {
			a[i], b[i] = cur.area(i, 0, 1, thumbH), prev.area(i, 0, 1, thumbH)
		} else {
			a[i], b[i] = cur.area(0, i, thumbW, 1), prev.area(0, i, thumbW, 1)
		}
	}
	best, at := int64(1)<<62, 0
	for k := 0; k <= 2*min(reach, n/3); k++ {
		d := (k + 1) / 2 // 0, 1, -1, 2, ...
		if k%2 == 0 {
			d = -d
		}
		lo, hi := max(0, -d), min(n, n-d)
		var off, sum int64
		for i := lo; i < hi; i++ {
			off += int64(a[i] - b[i+d])
		}
		off /= int64(hi - lo)
		for i := lo; i < hi; i++ {
			sum += max(int64(a[i]-b[i+d])-off, off-int64(a[i]-b[i+d]))
		}
		if sum = sum * int64(n) / int64(hi-lo); sum < best {
			best, at = sum, d
		}
	}
	return at
}
