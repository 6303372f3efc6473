package conv

import (
	"slices"
	"strings"
	"testing"
)

func TestUse(t *testing.T) {
	was := ISA()
	defer func() { _ = Use(was) }()
	if was != ISAs()[len(ISAs())-1] {
		t.Errorf("default is %s of %v, want the last", was, ISAs())
	}
	if !slices.Contains(ISAs(), "go") {
		t.Errorf("no plain Go among %v", ISAs())
	}
	for _, name := range ISAs() {
		if err := Use(name); err != nil || ISA() != name {
			t.Errorf("Use(%q): %v, now %s", name, err, ISA())
		}
	}
	now := ISA()
	if err := Use("mmx"); err == nil || !strings.Contains(err.Error(), "go") || ISA() != now {
		t.Errorf("Use of an unknown set: error %v, now %s", err, ISA())
	}
}

func TestPeak(t *testing.T) {
	was := ISA()
	defer func() { _ = Use(was) }()
	for _, name := range ISAs() {
		if err := Use(name); err != nil {
			t.Fatal(err)
		}
		fp32, bf16 := Peak(1)
		if (fp32 > 0) != (name != "go") || (bf16 > 0) != strings.HasSuffix(name, "bf16") {
			t.Errorf("%s: peak %v and %v GFLOP/s", name, fp32, bf16)
		}
		t.Logf("%s: fp32 %.0f, bf16 %.0f GFLOP/s on one core", name, fp32, bf16)
	}
}

func TestImpossibleArgumentsPanic(t *testing.T) {
	s := Shape{1, 2, 2, 16, 16, 1}
	x, w := make([]float32, 64), make([]float32, 2304)
	for name, f := range map[string]func(){
		"len(y)":           func() { Forward(nil, x[1:], x, w, nil, nil, s, false) },
		"len(b)":           func() { Forward(nil, x, x, w, x, nil, s, false) },
		"len(add)":         func() { Forward(nil, x, x, w, nil, x[1:], s, false) },
		"len(dw)":          func() { BackwardWeights(nil, x, nil, x, x, s) },
		"len(db)":          func() { BackwardWeights(nil, w, x, x, x, s) },
		"len(k)":           func() { Depthwise(nil, x, x, x, s, true) },
		"len(x)":           func() { Block(nil, x, nil, make([]float32, 144), w, nil, s) },
		"equal channels":   func() { Depthwise(nil, x, x, x, Shape{1, 2, 2, 16, 8, 1}, true) },
		"impossible shape": func() { Forward(nil, x, x, w, nil, nil, Shape{1, 2, 2, 16, 16, 0}, false) },
		"slope":            func() { ForwardGeneral(nil, x, x, w, nil, nil, s.General(), 2) },
	} {
		func() {
			defer func() {
				if p, ok := recover().(string); !ok || !strings.Contains(p, name) {
					t.Errorf("panic %q, want one that says %q", p, name)
				}
			}()
			f()
		}()
	}
}
