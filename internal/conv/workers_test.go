package conv

import (
	"slices"
	"sync/atomic"
	"testing"
)

func TestRunDoesEveryPartOnce(t *testing.T) {
	for _, n := range []int{0, 1, 2, 5} {
		ws := NewWorkers(n)
		for _, parts := range []int{0, 1, 2, 3, 100} {
			count := make([]atomic.Int32, parts)
			for range 20 {
				ws.Run(parts, func(part int) { count[part].Add(1) })
			}
			for i := range count {
				if c := count[i].Load(); c != 20 {
					t.Errorf("%d workers: part %d of %d ran %d times, want 20", n, i, parts, c)
				}
			}
		}
		ws.Close()
		ws.Close()
	}
}

func TestRunInsideRunAndFromManyGoroutines(t *testing.T) {
	ws := NewWorkers(3)
	defer ws.Close()
	var total atomic.Int32
	ws.Run(50, func(int) {
		ws.Run(7, func(int) {
			ws.Run(3, func(int) { total.Add(1) })
		})
	})
	if total.Load() != 50*7*3 {
		t.Errorf("%d parts ran, want %d", total.Load(), 50*7*3)
	}
}

func TestRunUsesItsWorkers(t *testing.T) {
	ws := NewWorkers(3)
	defer ws.Close()
	all := make(chan struct{})
	var here atomic.Int32
	ws.Run(3, func(int) { // returns only if three parts run at the same time
		if here.Add(1) == 3 {
			close(all)
		}
		<-all
	})
}

func TestRunRaisesPanicsAfterTheOtherParts(t *testing.T) {
	ws := NewWorkers(4)
	defer ws.Close()
	var done atomic.Int32
	func() {
		defer func() {
			if p := recover(); p != "part 3" {
				t.Errorf("panic %v, want part 3", p)
			}
		}()
		ws.Run(20, func(part int) {
			if part == 3 {
				panic("part 3")
			}
			done.Add(1)
		})
	}()
	if done.Load() != 19 {
		t.Errorf("%d other parts ran, want 19", done.Load())
	}
	ws.Run(5, func(int) { done.Add(1) })
	if done.Load() != 24 {
		t.Errorf("the pool ran %d parts after a panic, want 5", done.Load()-19)
	}
}

func TestLeakyBackward(t *testing.T) {
	y, dy := []float32{2, -1, 0, 3}, []float32{1, 2, 4, -8}
	dx := make([]float32, 4)
	LReLUBackward(nil, dx, y, dy)
	if want := []float32{1, 0.2, 0.4, -8}; !slices.Equal(dx, want) {
		t.Errorf("slope %v: %v, want %v", Slope, dx, want)
	}
	LeakyBackward(nil, dy, y, dy, 0)
	if want := []float32{1, 0, 0, -8}; !slices.Equal(dy, want) {
		t.Errorf("slope 0, in place: %v, want %v", dy, want)
	}
}
