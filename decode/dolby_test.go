package decode

import (
	"errors"
	"strings"
	"testing"
)

// Profile 5 has no base layer that stands for itself; profile 8.1 has one in HDR10, and 8.4 in HLG.
func TestDolbyVision(t *testing.T) {
	for name, c := range map[string]struct {
		conf   []byte
		refuse bool
	}{
		"5": {[]byte{1, 0, 5, 6, 1, 0, 1, 0}, true}, "8.1": {[]byte{1, 0, 8, 6, 1, 0, 1, 1}, false},
		"8.4": {[]byte{1, 0, 8, 6, 1, 0, 1, 4}, false}, "torn": {[]byte{1, 0, 5}, false},
	} {
		err := dolbyVision(c.conf)
		var u *UnsupportedError
		if errors.As(err, &u) != c.refuse || c.refuse && !strings.Contains(u.Reason, "profile 5") {
			t.Errorf("profile %s: %v", name, err)
		}
	}
}
