package encode

import (
	"os"
	"strconv"

	astiav "github.com/asticode/go-astiav"
	"golang.org/x/sys/unix"
)

// endSVT ends the stream of an SVT-AV1 encoder that is given up. The library waits for ever, or leaves its threads behind, when it is
// freed before its first frame, and complains on stderr without an end.
func (s *Sink) endSVT() {
	if s.drained {
		return
	}
	if s.frames == 0 {
		f := astiav.AllocFrame()
		defer f.Free()
		f.SetWidth(s.encoder.Width())
		f.SetHeight(s.encoder.Height())
		f.SetPixelFormat(s.encoder.PixelFormat())
		if f.AllocBuffer(0) != nil || f.ImageFillBlack() != nil || s.encoder.SendFrame(f) != nil {
			return
		}
	}
	if s.encoder.SendFrame(nil) != nil || s.packet == nil {
		return
	}
	for s.encoder.ReceivePacket(s.packet) == nil {
		s.packet.Unref()
	}
}

// ordinaryThreads takes the real-time priority from this process's threads. SVT-AV1 gives it to its own where the user is root, as in most
// containers, and the network, the decoder and every other program then wait for the encoder.
func ordinaryThreads() {
	tasks, _ := os.ReadDir("/proc/self/task") // without /proc nothing can be done, and nothing is wrong with the output
	for _, t := range tasks {
		tid, err := strconv.Atoi(t.Name())
		if err != nil {
			continue
		}
		if a, err := unix.SchedGetAttr(tid, 0); err == nil && (a.Policy == unix.SCHED_FIFO || a.Policy == unix.SCHED_RR) {
			_ = unix.SchedSetAttr(tid, &unix.SchedAttr{Size: unix.SizeofSchedAttr, Policy: unix.SCHED_NORMAL}, 0)
		}
	}
}
