package train

import (
	"context"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// A student leaves training with the extent of its vectors, the same that can be measured afterwards; a teacher has none.
func TestIDRBoundsOfAStudent(t *testing.T) {
	c := tinyConfig(t)
	teacher := finish(t, Teacher, c, Options{})
	if bounds, err := teacher.IDRBounds(); bounds != nil || err != nil {
		t.Errorf("a teacher has %v, %v", bounds, err)
	}
	if _, err := IDRBounds(context.Background(), teacher, c, Options{Sources: waves}); err == nil {
		t.Error("a teacher was measured")
	}
	s := tinyConfig(t)
	s.Teacher = c.Out + "/tiny.safetensors"
	w := finish(t, Student, s, Options{})
	inFile, err := w.IDRBounds()
	if err != nil || inFile == nil {
		t.Fatalf("a student has %v, %v", inFile, err)
	}
	measured, err := IDRBounds(context.Background(), w, s, Options{Sources: waves})
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(inFile, measured); d != "" {
		t.Error(d)
	}
	ended, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := IDRBounds(ended, w, s, Options{Sources: waves}); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	s.Scale = 4
	if _, err := IDRBounds(context.Background(), w, s, Options{Sources: waves}); err == nil {
		t.Error("the material of another scale was measured")
	}
}
