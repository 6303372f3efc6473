package encode_test

import (
	"os"
	"strconv"
	"testing"

	"golang.org/x/sys/unix"

	"vsr/encode"
	"vsr/internal/testmedia"
)

// An SVT-AV1 encoder leaves no thread behind, however it ends, and none of its threads has real-time priority, which the library takes as root.
func TestSVTThreads(t *testing.T) {
	threads := func() []os.DirEntry {
		list, err := os.ReadDir("/proc/self/task")
		if err != nil {
			t.Skip("no /proc")
		}
		return list
	}
	before := len(threads())
	for _, frames := range []int{0, 0, 3} {
		s := synthetic(t, testmedia.Options{Frames: 4})
		sink, err := encode.Create(s.Info(), encode.Options{Codec: "svtav1", Threads: 1, Preset: "12"}, &recorder{})
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range threads() {
			tid, _ := strconv.Atoi(e.Name())
			if a, err := unix.SchedGetAttr(tid, 0); err == nil && a.Policy != unix.SCHED_NORMAL {
				t.Fatalf("%d frames: a thread has scheduling policy %d", frames, a.Policy)
			}
		}
		feed(t, s, sink, frames)
		if err := sink.Abort(); err != nil {
			t.Fatal(err)
		}
	}
	if n := len(threads()) - before; n > 6 { // Go may start some of its own; one encoder has sixteen
		t.Errorf("%d threads more than before", n)
	}
}
