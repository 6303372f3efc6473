package main

import (
	"os/exec"
	"strings"
	"testing"
)

const wrapper = `package p

//#include <stdint.h>
import "C"
import (
	"unsafe"
)

// Thing wraps struct thing.
type Thing struct {
	c *C.struct_thing
}

const (
	Old = Flag(C.OLD_NAME)
	New = Flag(C.INT8_MAX)
)

// Age reads a field.
func (t *Thing) Age() int {
	return int(t.c.age)
}

func (t *Thing) Kind() int { return int(t.c._type) }

func size() uintptr { return unsafe.Sizeof(Old) }

func caller() uintptr { return size() }

func name() Flag { return New }
`

// A file's uses of C are found: names, and fields of the struct that a type wraps, under their C names.
func TestUses(t *testing.T) {
	includes, keys := sources{"p.go": []byte(wrapper)}.uses()
	if got, want := strings.Join(includes, " "), "<stdint.h>"; got != want {
		t.Errorf("includes %q, want %q", got, want)
	}
	if got, want := strings.Join(keys, " "), "INT8_MAX OLD_NAME thing.age thing.type"; got != want {
		t.Errorf("keys %q, want %q", got, want)
	}
}

// Declarations with a missing name go, with those that use them and with the imports that nothing uses any more; the others stay.
func TestWithout(t *testing.T) {
	kept, cut := sources{"p.go": []byte(wrapper), "q.go": []byte("package p\n")}.without(map[string]bool{"OLD_NAME": true, "thing.age": true})
	if len(kept) != 1 || cut != 4 {
		t.Fatalf("%d files changed, %d declarations left out, want 1 and 4", len(kept), cut)
	}
	text := string(kept["p.go"])
	for _, gone := range []string{"Old", "Age", "size()", "caller", "unsafe", "reads a field"} {
		if strings.Contains(text, gone) {
			t.Errorf("%q is still there:\n%s", gone, text)
		}
	}
	for _, there := range []string{"New = Flag(C.INT8_MAX)", "Kind()", "func name()", "// Thing wraps"} {
		if !strings.Contains(text, there) {
			t.Errorf("%q is gone:\n%s", there, text)
		}
	}
}

// The compiler says which names and fields are missing.
func TestAsk(t *testing.T) {
	cc, err := exec.LookPath("cc")
	if err != nil {
		t.Skip("no C compiler")
	}
	keys := []string{"INT8_MAX", "OLD_NAME", "enum no_such", "tm.tm_sec", "tm.tm_age", "strlen"}
	got, err := ask(cc, nil, []string{"<stdint.h>", "<string.h>", "<time.h>"}, keys)
	if err != nil {
		t.Fatal(err)
	}
	for _, k := range keys {
		if want := k == "OLD_NAME" || k == "enum no_such" || k == "tm.tm_age"; got[k] != want {
			t.Errorf("%s: missing is %v, want %v", k, got[k], want)
		}
	}
	if _, err := ask(cc, nil, []string{"<no_such_header.h>"}, keys[:1]); err == nil {
		t.Error("a header that is not there gives no error")
	}
}
