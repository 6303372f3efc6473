package main

import "vsr/media"

// pieces is what a run that can be resumed keeps beside the job. The zero value is a run in one go.
type pieces struct {
	done int64 // frames that are finished already
}

func (p *pieces) seen(n int64, f *media.Frame) error { return nil }
