package av_test

import (
	"sync"
	"testing"

	"github.com/asticode/go-astiav"

	"vsr/internal/av"
)

// What ends a wait may come while everything is closed, or after it.
func TestInterruptIsFreedMeanwhile(t *testing.T) {
	for range 100 {
		fc := astiav.AllocFormatContext()
		i := av.NewInterrupt(fc)
		var wg sync.WaitGroup
		wg.Go(func() { i.Set(true) })
		fc.Free()
		i.Free()
		wg.Wait()
		i.Set(true)
	}
}
