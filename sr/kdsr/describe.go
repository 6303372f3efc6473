package kdsr

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"slices"
	"text/tabwriter"
)

// Description is what `vsr model inspect` shows of weights.
type Description struct {
	Config     Config            `json:"config"`
	Role       Role              `json:"role"`
	Hash       string            `json:"hash"`
	Parameters int               `json:"parameters"`
	MACs       MACs              `json:"macs_640x360"` // of a frame of that size
	Meta       map[string]string `json:"meta"`

	brief map[string]string // what keys of Meta say whose numbers would fill screens
}

// Describe counts what the weights hold. An error means that no network has this shape.
func (w *Weights) Describe() (*Description, error) {
	d := &Description{Config: w.Config, Role: w.Role, Hash: w.Hash(), Meta: w.Meta, brief: map[string]string{}}
	if d.Role == "" {
		d.Role = Student
	}
	var err error
	if d.Parameters, err = d.Config.ParamCount(d.Role); err != nil {
		return nil, err
	}
	if d.MACs, err = d.Config.MACs(640, 360); err != nil {
		return nil, err
	}
	if b, err := w.IDRBounds(); b != nil && err == nil {
		d.brief[MetaIDRBounds] = fmt.Sprintf("degradation vectors within %.1f deviations", b.Limit)
	}
	if p, err := w.Probes(); p != nil && err == nil {
		t := p.Traits
		d.brief[MetaProbes] = fmt.Sprintf("held-out median error: blur %.2f px, noise %.1f levels, CRF %.1f", t[TraitBlur].Error, t[TraitNoise].Error, t[TraitCRF].Error)
	}
	return d, nil
}

// Print writes the description for people.
func (d *Description) Print(out io.Writer) error {
	c := d.Config
	w := tabwriter.NewWriter(out, 2, 8, 2, ' ', 0)
	fmt.Fprintf(w, "network\tKDSR %s, x%d\n", d.Role, c.Scale)
	fmt.Fprintf(w, "shape\tC%d N%d R%d, tail %s, skip %s, stem stride %d\n", c.C, c.N, c.R, c.Tail, c.Skip, c.Stem)
	fmt.Fprintf(w, "parameters\t%d\n", d.Parameters)
	fmt.Fprintf(w, "multiply-adds\t%.2f G a 640x360 frame, %.2f G once a scene\n", float64(d.MACs.Upscale)/1e9, float64(d.MACs.Estimate+d.MACs.Vector+d.MACs.Modulate)/1e9)
	fmt.Fprintf(w, "hash\t%s\n", d.Hash)
	for _, key := range slices.Sorted(maps.Keys(d.Meta)) {
		fmt.Fprintf(w, "%s\t%s\n", key, cmp.Or(d.brief[key], d.Meta[key]))
	}
	return w.Flush()
}
