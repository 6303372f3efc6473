package encode

import "testing"

// TestQualities: the levels are in order, high is the default, and every codec with a CRF has them.
func TestQualities(t *testing.T) {
	for _, c := range codecs {
		last := 1000
		for _, q := range Qualities() {
			crf, err := q.CRF(c.name)
			if (err == nil) != (c.crf > 0) {
				t.Fatalf("%s %s: %v", c.name, q, err)
			}
			if err != nil {
				continue
			}
			if crf >= last || crf > c.worst || crf < 1 || q == High && crf != c.crf {
				t.Errorf("%s %s: crf %d after %d, default %d", c.name, q, crf, last, c.crf)
			}
			last = crf
		}
	}
	if _, err := Quality("best").CRF("x264"); err == nil {
		t.Error("an unknown quality was taken")
	}
}

// TestCRFZero is the codec's own 0, and no codec's default.
func TestCRFZero(t *testing.T) {
	for _, c := range codecs {
		err := Options{Codec: c.name, CRF: CRFZero}.Validate()
		if (err == nil) != (c.crf > 0 && !c.gpu) {
			t.Errorf("%s: %v", c.name, err)
		}
		p := private{dict: map[string]string{}}
		p.quality(Options{CRF: CRFZero}, c)
		if p.dict["crf"] != "0" {
			t.Errorf("%s: crf %q", c.name, p.dict["crf"])
		}
	}
}
