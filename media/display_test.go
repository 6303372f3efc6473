package media

import "testing"

func TestDisplayMatrix(t *testing.T) {
	const u = 1 << 16
	mat := func(a, b, c, d int32) DisplayMatrix {
		return DisplayMatrix{a * u, b * u, 0, c * u, d * u, 0, 0, 0, 1 << 30}
	}
	for _, c := range []struct {
		m        DisplayMatrix
		rotation int
		mirrored bool
		identity bool
		x, y     int32 // of Unstretched, in pixels of a frame of 160x120
	}{
		{m: DisplayMatrix{}, identity: true},
		{m: mat(1, 0, 0, 1), identity: true},
		{m: DisplayMatrix{u * 4 / 3, 0, 0, 0, u, 0, 5 * u, 0, 1 << 30}, identity: true}, // stretched and moved
		{m: mat(0, 1, -1, 0), rotation: 90, x: 120},
		{m: mat(-1, 0, 0, -1), rotation: 180, x: 160, y: 120},
		{m: mat(0, -1, 1, 0), rotation: 270, y: 160},
		{m: mat(-1, 0, 0, 1), mirrored: true, x: 160},
		{m: mat(1, 0, 0, -1), rotation: 180, mirrored: true, y: 120},
		{m: mat(0, 1, 1, 0), rotation: 90, mirrored: true},
	} {
		if c.m.Rotation() != c.rotation || c.m.Mirrored() != c.mirrored || c.m.Identity() != c.identity {
			t.Errorf("%v: rotation %d, mirrored %v, identity %v", c.m, c.m.Rotation(), c.m.Mirrored(), c.m.Identity())
		}
		if got := ReadDisplayMatrix(c.m.Bytes()); got != c.m {
			t.Errorf("%v comes back as %v", c.m, got)
		}
		n := c.m.Unstretched(160, 120)
		if !n.Same(c.m) {
			t.Errorf("%v: unstretched %v does something else", c.m, n)
		}
		twice := c.m // stretched, so that it is made anew
		for i := range 6 {
			twice[i] *= 2
		}
		n = twice.Unstretched(160, 120)
		if !n.Same(c.m) {
			t.Errorf("%v: unstretched from twice the size is %v", c.m, n)
		}
		if !c.identity && (n[6] != c.x*u || n[7] != c.y*u) {
			t.Errorf("%v: unstretched lies at %d, %d, want %d, %d", c.m, n[6]/u, n[7]/u, c.x, c.y)
		}
	}
	if s := (DisplayMatrix{0, u * 4, 0, -u * 3, 0, 0, 0, 0, 1 << 30}).Stretch(); s != 4.0/3 {
		t.Errorf("turned and 4/3 as wide: stretched by %v", s)
	}
	for i, a := range []DisplayMatrix{mat(1, 0, 0, 1), mat(-1, 0, 0, 1), mat(1, 0, 0, -1), mat(0, 1, 1, 0), mat(0, 1, -1, 0)} {
		for k, b := range []DisplayMatrix{mat(1, 0, 0, 1), mat(-1, 0, 0, 1), mat(1, 0, 0, -1), mat(0, 1, 1, 0), mat(0, 1, -1, 0)} {
			if a.Same(b) != (i == k) {
				t.Errorf("%v same as %v: %v", a, b, a.Same(b))
			}
		}
	}
}
