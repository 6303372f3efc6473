package train

import (
	"context"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// A student leaves training with the extent of its vectors, the same that can be measured afterwards; a teacher has none.
func TestTrustOfAStudent(t *testing.T) {
	c := tinyConfig(t)
	teacher := finish(t, Teacher, c, Options{})
	if trust, err := teacher.Trust(); trust != nil || err != nil {
		t.Errorf("a teacher has %v, %v", trust, err)
	}
	if _, err := Trust(context.Background(), teacher, c, Options{Sources: waves}); err == nil {
		t.Error("a teacher was measured")
	}
	s := tinyConfig(t)
	s.Teacher = c.Out + "/tiny.safetensors"
	w := finish(t, Student, s, Options{})
	inFile, err := w.Trust()
	if err != nil || inFile == nil {
		t.Fatalf("a student has %v, %v", inFile, err)
	}
	measured, err := Trust(context.Background(), w, s, Options{Sources: waves})
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(inFile, measured); d != "" {
		t.Error(d)
	}
	ended, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := Trust(ended, w, s, Options{Sources: waves}); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	s.Scale = 4
	if _, err := Trust(context.Background(), w, s, Options{Sources: waves}); err == nil {
		t.Error("the material of another scale was measured")
	}
}
