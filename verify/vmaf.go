package verify

import (
	"vsr/internal/av"
	"vsr/media"
)

// VMAF is the Judge that FFmpeg's libvmaf makes.
type VMAF struct{ metric *av.Metric }

// NewVMAF fails if this FFmpeg has no libvmaf.
func NewVMAF() (*VMAF, error) {
	m, err := av.NewVMAF()
	if err != nil {
		return nil, err
	}
	return &VMAF{m}, nil
}

// Add compares a frame with that of the reference.
func (v *VMAF) Add(out, ref *media.Frame) error { return v.metric.Add(out, ref) }

// Scores returns one score for each Add, 0 to 100.
func (v *VMAF) Scores() ([]float64, error) { return v.metric.Scores() }

// Close frees the filter.
func (v *VMAF) Close() error { return v.metric.Close() }
