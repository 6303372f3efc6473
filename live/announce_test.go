package live

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestAnnounce: on loopback the addresses alone; on all addresses those that a phone can open, and a code for it on a terminal.
func TestAnnounce(t *testing.T) {
	file := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(file, []byte("0123456789abcdef-owner"), 0o600); err != nil {
		t.Fatal(err)
	}
	o := Defaults()
	o.Listen, o.TokenFile = "127.0.0.1:0", file
	s, err := Open(o)
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	s.Announce(&out, true)
	s.Close()
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	if len(lines) != 3 || !strings.HasPrefix(lines[0], "open http://127.0.0.1:") || !strings.HasSuffix(lines[0], "/#token=0123456789abcdef-owner") ||
		!strings.Contains(lines[1], "/watch#token=") || !strings.Contains(lines[2], "/obs#token=") || strings.Contains(lines[1]+lines[2], "owner") {
		t.Errorf("on loopback:\n%s", out.String())
	}
	o.Listen = "0.0.0.0:0"
	if s, err = Open(o); err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for _, qr := range []bool{false, true} {
		out.Reset()
		s.Announce(&out, qr)
		if strings.Contains(out.String(), "0.0.0.0") || strings.Contains(out.String(), "[::]") || !strings.Contains(out.String(), "open http://localhost:") {
			t.Errorf("on all addresses:\n%s", out.String())
		}
		if len(s.server.Addresses()) > 1 && strings.Contains(out.String(), "▄") != qr {
			t.Errorf("with a terminal %v:\n%s", qr, out.String())
		}
	}
}

// TestTokenFiles: each file one token of its own.
func TestTokenFiles(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	long, short := write("long", "0123456789abcdef\n"), write("short", "0123")
	o := Options{TokenFile: long, Access: Access{ViewTokenFile: write("view", "fedcba9876543210")}}
	if list, err := o.tokens(); err != nil || list != [3]string{"0123456789abcdef", "", "fedcba9876543210"} {
		t.Errorf("tokens %q, %v", list, err)
	}
	for name, o := range map[string]Options{"same": {TokenFile: long, Access: Access{PublishTokenFile: long}}, "short": {Access: Access{ViewTokenFile: short}}, "none": {Access: Access{PublishTokenFile: dir + "/none"}}} {
		if list, err := o.tokens(); err == nil {
			t.Errorf("%s: tokens %q without an error", name, list)
		}
	}
}
