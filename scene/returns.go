package scene

// looksKept is how many ended scenes a new one is compared with.
const looksKept = 64

// look is the last frame that showed a scene which has ended.
type look struct {
	scene uint64
	like  uint64 // the first scene that this one returned to, or itself
	thumb thumb
}

// Like returns the number of the first scene that the current one returns to, as shot and reverse shot do; 0 if it is like none of
// the last 64. It is known from the first frame of a scene on.
func (d *Detector) Like() uint64 {
	if d.like == d.scene {
		return 0
	}
	return d.like
}

// remember keeps what the scene that ends looked like. It is called before the number goes up.
func (d *Detector) remember() {
	if d.scene == 0 || d.history.n == 0 {
		return
	}
	if len(d.looks) < looksKept {
		d.looks = append(d.looks, new(look))
	}
	at := d.looks[(d.ended)%looksKept]
	d.ended++
	*at = look{d.scene, d.like, *d.ref}
}

// recognize finds the scene that cur returns to. The newest is tried first.
func (d *Detector) recognize() {
	d.like = d.scene
	if d.cur.blank() {
		return
	}
	for age := 1; age <= len(d.looks); age++ {
		l := d.looks[(d.ended-age)%looksKept]
		if c := compare(d.cur, &l.thumb); c.structure < 0.35 && c.lost < 0.3 && c.colors < 0.3 && c.chroma < 0.3 {
			d.like = l.like
			return
		}
	}
}
