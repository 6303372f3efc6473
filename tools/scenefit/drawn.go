package main

import (
	"math/rand/v2"

	"vsr/internal/synth"
	"vsr/internal/testmedia"
	"vsr/media"
	"vsr/scene"
)

// kindDrawn is the Kind of drawnClips.
const kindDrawn = "drawn"

// drawnClips makes n clips of moving sines and checkerboards without a coder's damage, with cuts as close as three frames, flashes and frames
// that stand. They have no gradual transitions, so the soft model learns nothing from them. The clips of internal/synth are all encoded, and a fit to them alone takes smooth material for grain.
func drawnClips(n int) (all []*clip) {
	sizes := [][2]int{{96, 54}, {320, 180}, {64, 48}, {160, 90}, {192, 108}}
	for i := range n {
		seed := uint64(1000 + 2*i) // even, and none of the tests'
		r := rand.New(rand.NewPCG(seed, 9))
		size := sizes[i%len(sizes)]
		o := testmedia.Options{Frames: 90, Seed: seed, Format: media.Format{Width: size[0], Height: size[1], Layout: media.YUV420, Depth: 8}}
		c := &clip{File: "drawn", Kind: kindDrawn, Seed: seed, format: o.Format}
		for at := 3 + r.IntN(20); at < o.Frames; at += 3 + r.IntN(25) {
			o.Cuts = append(o.Cuts, at)
			c.Events = append(c.Events, synth.Event{First: at, Last: at, Cut: true, What: "cut"})
			if next := at + 4 + r.IntN(4); r.IntN(3) == 0 {
				o.Flashes = append(o.Flashes, next)
			} else if r.IntN(3) == 0 {
				o.Stills = append(o.Stills, testmedia.Span{First: next, End: next + 3})
			}
		}
		o.Flashes = inside(o.Flashes, o.Cuts)
		fr := media.NewFrame(o.Format)
		for k := range o.Frames {
			c.sums = append(c.sums, drawnSums(o, fr, k))
		}
		fr.Release()
		all = append(all, c)
	}
	return all
}

// drawnSums are the sums of frame k.
func drawnSums(o testmedia.Options, fr *media.Frame, k int) []uint16 {
	wide := make([]uint32, scene.Planes(o.Format)*scene.Cells)
	o.Draw(fr, k)
	scene.Sums(wide, fr)
	sums := make([]uint16, len(wide))
	for j, v := range wide {
		sums[j] = uint16(v)
	}
	return sums
}

// inside leaves flashes that do not touch a cut.
func inside(flashes, cuts []int) (out []int) {
	for _, f := range flashes {
		touches := false
		for _, c := range cuts {
			touches = touches || f >= c-2 && f <= c+1
		}
		if !touches {
			out = append(out, f)
		}
	}
	return out
}
