package scene

// historyKept is how many frames of a scene are kept: the longest dissolve or wipe, and one before it.
const historyKept = 41

// history has the last frames of a scene that showed it.
type history struct {
	ring  [historyKept]*thumb
	steps [historyKept]step // the change to each
	n     int               // frames added since clear
	whole int               // of them, those before which something was left out or still mixed
}

func (h *history) clear() { h.n, h.whole = 0, 0 }

// add takes a copy of t, which came with a change.
func (h *history) add(t *thumb, change step) {
	h.steps[h.n%historyKept] = change
	at := &h.ring[h.n%historyKept]
	if *at == nil {
		*at = new(thumb)
	}
	**at = *t
	h.n++
}

// ago returns the frame that was added age times ago, 1 for the last; nil if there is none.
func (h *history) ago(age int) *thumb {
	if age < 1 || age > min(h.n, historyKept) {
		return nil
	}
	return h.ring[(h.n-age)%historyKept]
}

// step returns the change to the frame that was added age times ago, 1 for the last.
func (h *history) step(age int) step { return h.steps[(h.n-age)%historyKept] }

// Lengths in frames over which a gradual transition is looked for.
var spans = [...]int{8, 14, 24, 40}

// faded reports whether cur stands at the end of a dissolve or a wipe: it shows another shot than some frames before, and a frame
// between them is made of both.
func (d *Detector) faded() bool {
	if d.history.n%2 == 1 { // each of them lasts long enough for every other frame
		return false
	}
	if d.cur.contrast < 0.25*d.ref.contrast { // a fade
		return false
	}
	// The longest span that there is contains the shorter ones: nothing new in it means nothing new at all.
	checked := false
	for i := len(spans) - 1; i >= 0; i-- {
		old := d.history.ago(spans[i])
		if old == nil || d.history.n-d.history.whole < spans[i] {
			continue
		}
		if old.contrast < 0.25*d.cur.contrast { // a fade-in
			continue
		}
		if apart(d.cur, old) < 0.4 {
			if !checked {
				return false
			}
			continue
		}
		checked = true
		c := compare(d.cur, old)
		if c.structure < sameShot || c.lost < 0.5 || 8*c.structure+5*c.lost+3*c.colors+9*c.chroma < 9 {
			continue
		}
		if d.mixed(c, old, spans[i]) {
			return true
		}
	}
	return false
}

// mixed reports whether frames between old, which lies span frames before cur, and cur are made of both. c is the change from old to
// cur.
func (d *Detector) mixed(c change, old *thumb, span int) bool {
	var mean, top, colors float32
	for age := 1; age < span; age++ {
		s := d.history.step(age)
		mean, top, colors = mean+s.structure/float32(span), max(top, s.structure), max(colors, s.colors)
	}
	if top > steepest || colors > strongest {
		return false
	}
	least := float32(2)
	var f [11]float32
	for quarter := 1; quarter <= 3; quarter++ {
		m := d.history.ago(span * quarter / 4)
		if r := mix(m, old, d.cur, false); r.both > 0.6 {
			continue
		}
		r := mix(m, old, d.cur, true)
		if q := r.both / max(min(r.old, r.young), 0.01); q < least {
			least = q
			f = [...]float32{q, r.both, r.old, r.apart, r.even, mean, top, c.structure, c.lost, c.colors, c.chroma}
		}
	}
	if least > 1 {
		return false
	}
	_, yes := d.cuts(ModelSoft, &softModel, f[:])
	return yes
}

// steepest is the largest structure of a step in a dissolve or a wipe, strongest the largest change of its colors: flicker and
// lightning change more at once.
const steepest, strongest = 0.5, 0.4

// apart is the share of the texture of a frame that another does not explain without motion.
func apart(cur, old *thumb) float32 {
	var rest, all float32
	for y := 0; y < thumbH; y += blockH {
		for x := 0; x < thumbW; x += blockW {
			var aa, cc, ac int64
			ma, mc := old.area(x, y, blockW, blockH)/blockArea, cur.area(x, y, blockW, blockH)/blockArea
			for j := y; j < y+blockH; j++ {
				ra, rc := old.luma[j*thumbW+x:][:blockW], cur.luma[j*thumbW+x:][:blockW]
				for i, v := range rc {
					p, q := int64(ra[i]-ma), int64(v-mc)
					aa, cc, ac = aa+p*p, cc+q*q, ac+p*q
				}
			}
			const scale = 1.0 / (unit * unit * blockArea)
			one, _ := single(float32(cc)*scale, float32(aa)*scale, float32(ac)*scale)
			rest, all = rest+one, all+float32(cc)*scale
		}
	}
	return rest / (all + blocksX*blocksY)
}

// softModel was fitted to clips of even seeds of internal/synth: 12 of each kind, with photographs beside generated images. Its bias is lower by 0.85:
// a shot that is missed costs less than one that is cut in two.
var softModel = regression{-15.48, []float32{-2.44, 7.73, -3.5, 2.76, 3.86, 6.38, -11.23, 7.91, 4.87, 3.26, 8.94}}

// mixture says how well a frame can be made of two others, block by block, without motion. All are shares of the frame's texture.
type mixture struct {
	both  float32 // left unexplained by the two together
	old   float32 // by the older one alone
	young float32 // by the younger one alone
	apart float32 // of the younger one by the older one
	even  float32 // share of the texture whose blocks are part one, part the other
	part  float32 // mean weight of the younger one
}

// mix fits m as a mixture of a and c. With motion, blocks are looked for near their place first.
func mix(m, a, c *thumb, motion bool) (r mixture) {
	var all, both, old, young, apart, self, even, part float32
	for y := 0; y < thumbH; y += blockH {
		for x := 0; x < thumbW; x += blockW {
			var am, ac, aa, cm, cc, mm int64
			var va, vc vector
			if motion {
				_, va = search(m, a, x, y, []vector{{}})
				_, vc = search(m, c, x, y, []vector{{}})
			}
			xa, ya, xc, yc := x+va.x, y+va.y, x+vc.x, y+vc.y
			ma, mc, mo := a.area(xa, ya, blockW, blockH)/blockArea, c.area(xc, yc, blockW, blockH)/blockArea, m.area(x, y, blockW, blockH)/blockArea
			for j := range blockH {
				ra, rc, rm := a.luma[(ya+j)*thumbW+xa:][:blockW], c.luma[(yc+j)*thumbW+xc:][:blockW], m.luma[(y+j)*thumbW+x:][:blockW]
				for i, v := range rm {
					p, q, o := int64(ra[i]-ma), int64(rc[i]-mc), int64(v-mo)
					aa, cc, mm, ac, am, cm = aa+p*p, cc+q*q, mm+o*o, ac+p*q, am+p*o, cm+q*o
				}
			}
			const scale = 1.0 / (unit * unit * blockArea)
			faa, fcc, fmm, fac, fam, fcm := float32(aa)*scale, float32(cc)*scale, float32(mm)*scale, float32(ac)*scale, float32(am)*scale, float32(cm)*scale
			oneA, ka := single(fmm, faa, fam)
			oneC, kc := single(fmm, fcc, fcm)
			res, wa, wc := min(oneA, oneC), ka, float32(0)
			if oneC < oneA {
				wa, wc = 0, kc
			}
			if det := faa*fcc - fac*fac; det > 0.02*faa*fcc {
				p, q := (fam*fcc-fcm*fac)/det, (fcm*faa-fam*fac)/det
				if p > 0 && q > 0 && p < 1.2 && q < 1.2 {
					if two := fmm - p*fam - q*fcm; two < res {
						res, wa, wc = max(two, 0), p, q
					}
				}
			}
			apc, _ := single(fcc, faa, fac)
			all, both, old, young = all+fmm, both+res, old+oneA, young+oneC
			apart, self = apart+apc, self+fcc
			if wa > 0.15 && wc > 0.15 {
				even += fmm
			}
			part += fmm * wc / max(wa+wc, 0.01)
		}
	}
	all, self = all+blocksX*blocksY, self+blocksX*blocksY // a level of noise
	return mixture{both / all, old / all, young / all, apart / self, even / all, part / all}
}

// single is what is left of energy m when it is explained by k times a block of energy a, k in [0, 1.2].
func single(m, a, am float32) (rest, k float32) {
	if am <= 0 || a <= 0 {
		return m, 0
	}
	k = min(am/a, 1.2)
	return max(m-2*k*am+k*k*a, 0), k
}
