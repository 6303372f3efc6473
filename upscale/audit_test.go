package upscale

import (
	"strings"
	"testing"
)

func TestAudit(t *testing.T) {
	record := func(times ...int64) *audit {
		var l audit
		for _, v := range times {
			l.add(v)
		}
		return &l
	}
	in := record(-3, 0, 7)
	if err := agree(in, record(-3, 0, 7)); err != nil {
		t.Error(err)
	}
	for say, out := range map[string]*audit{
		"2 went out":   record(-3, 0),
		"back in time": record(-3, 7, 0),
		"not those":    record(-3, 1, 7),
	} {
		if err := agree(in, out); err == nil || !strings.Contains(err.Error(), say) {
			t.Errorf("error %v, want %q", err, say)
		}
	}
}
