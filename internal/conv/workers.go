package conv

import (
	"runtime"
	"sync"
	"sync/atomic"
)

// Workers is a fixed pool of goroutines that share the parts of one operation. Idle workers sleep; nothing spins.
// It may be used by several goroutines at a time, and from inside a part. A nil *Workers does all work on the caller.
type Workers struct {
	n    int
	jobs chan *job
	wait sync.WaitGroup
	once sync.Once
}

// NewWorkers starts a pool of n workers, the caller of Run being one of them; 0 means GOMAXPROCS.
func NewWorkers(n int) *Workers {
	if n < 1 {
		n = runtime.GOMAXPROCS(0)
	}
	w := &Workers{n: n, jobs: make(chan *job, 4*n)}
	for range n - 1 {
		w.wait.Go(func() {
			for j := range w.jobs {
				j.work()
			}
		})
	}
	return w
}

// Len is the number of workers; 1 for a nil pool.
func (w *Workers) Len() int {
	if w == nil {
		return 1
	}
	return w.n
}

// Run calls f(0) to f(parts-1), in any order and several at a time, and returns when all have returned.
// A panic in f is raised again here, after the other parts have ended.
func (w *Workers) Run(parts int, f func(part int)) {
	if w.Len() == 1 || parts < 2 {
		for i := range parts {
			f(i)
		}
		return
	}
	j := &job{f: f, parts: int64(parts)}
	j.left.Add(parts)
	for range min(parts, w.n) - 1 {
		select {
		case w.jobs <- j: // a worker that comes too late finds no part left and goes on to the next job
		default: // everybody is busy
		}
	}
	j.work()
	j.left.Wait()
	if p := j.panicked.Load(); p != nil {
		panic(*p)
	}
}

// Close stops the pool; it returns when its goroutines have ended. Run must not be called any more.
func (w *Workers) Close() {
	if w == nil {
		return
	}
	w.once.Do(func() { close(w.jobs) })
	w.wait.Wait()
}

type job struct {
	f        func(int)
	parts    int64
	next     atomic.Int64
	left     sync.WaitGroup
	panicked atomic.Pointer[any]
}

func (j *job) work() {
	for i := j.next.Add(1) - 1; i < j.parts; i = j.next.Add(1) - 1 {
		j.one(int(i))
	}
}

func (j *job) one(part int) {
	defer j.left.Done()
	defer func() {
		if p := recover(); p != nil {
			j.panicked.CompareAndSwap(nil, &p)
		}
	}()
	j.f(part)
}
