package segment

// Segmenter decides, frame by frame in output order, where a new segment begins: at a scene cut once the segment is long enough, and
// in any case when it is full. The rule depends on nothing but the frames' scenes, so whoever decodes the same source finds
// the same segments.
type Segmenter struct {
	Min, Max int64 // frames; zero means DefaultMin and DefaultMax

	frame   int64
	scene   uint64
	current Range
}

// Lengths of a segment in frames: about ten seconds lose little when killed and hide the start of an encoder.
const (
	DefaultMin int64 = 120
	DefaultMax int64 = 480
)

// Next takes the next frame's scene and time. It returns the segment that the frame belongs to, with Frames counting up to and
// including this one, and whether the frame begins it.
func (c *Segmenter) Next(scene uint64, pts int64) (p Range, begins bool) {
	lo, hi := c.Min, c.Max
	if lo <= 0 {
		lo = DefaultMin
	}
	if hi <= 0 {
		hi = DefaultMax
	}
	reason := ""
	switch {
	case c.frame == 0:
		reason = "start"
	case scene != c.scene && c.current.Frames >= lo:
		reason = "scene cut"
	case c.current.Frames >= hi:
		reason = "maximum length"
	}
	if reason != "" {
		index := c.current.Index + 1
		if c.frame == 0 {
			index = 0
		}
		c.current = Range{Index: index, First: c.frame, FirstPTS: pts, Scene: scene, Reason: reason}
	}
	c.current.Frames++
	c.current.LastScene = scene
	c.frame++
	c.scene = scene
	return c.current, reason != ""
}

// After puts the segmenter behind a segment that is done, so that the next frame begins the segment after it.
func (c *Segmenter) After(r Record) {
	c.current, c.frame, c.scene = r.Range, r.First+r.Frames, r.LastScene
}
