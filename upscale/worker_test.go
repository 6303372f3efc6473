package upscale

import (
	"errors"
	"slices"
	"testing"

	"vsr/decode"
	"vsr/upscale/segment"
)

func TestDevices(t *testing.T) {
	for _, c := range []struct {
		device           string
		workers, threads int
		want             []string
		share            int
	}{
		{"auto", 0, 7, []string{"auto"}, 7},
		{"cpu", 3, 7, []string{"cpu", "cpu", "cpu"}, 2},
		{"cpu", 3, 1, []string{"cpu", "cpu", "cpu"}, 1},
		{"cpu,cuda:1", 0, 7, []string{"cpu", "cuda:1"}, 7},
		{"cpu,cuda:1", 3, 8, []string{"cpu", "cuda:1", "cpu"}, 4},
		{"cuda:0,cuda:1", 2, 8, []string{"cuda:0", "cuda:1"}, 8},
	} {
		r := Options{Device: c.device, Workers: c.workers, Threads: c.threads}
		got := r.devices()
		if !slices.Equal(got, c.want) || r.threadsOf(got) != c.share {
			t.Errorf("%+v: %v with %d threads", c, got, r.threadsOf(got))
		}
	}
}

// A worker that is led to other frames than were planned decodes from the start; when that does not help either, it says so.
func TestWorkerChecksItsFrames(t *testing.T) {
	in := longClip(t, 60)
	w := &worker{opts: &Options{}, input: in}
	pts := fingerprints(t, in)
	whole, err := w.open(t.Context(), pts, false, func(i int) segment.Cut { return segment.Cut{Scene: uint64(i), Like: 3} })
	if err != nil {
		t.Fatal(err)
	}
	read := func(g *indexedSource) (n int, err error) {
		defer g.Close()
		for {
			u, err := g.Next(t.Context())
			if err != nil {
				return n, err
			}
			if u.Frame.Scene != uint64(n) || u.Frame.Like != 3 {
				t.Errorf("frame %d has scene %d, like %d", n, u.Frame.Scene, u.Frame.Like)
			}
			u.Release()
			n++
		}
	}
	if n, err := read(whole); n != len(pts) || errors.Is(err, errOtherFrames) {
		t.Errorf("%d frames, %v", n, err)
	}
	for name, edit := range map[string]func([]segment.Fingerprint){
		"frame": func(m []segment.Fingerprint) { m[5].Sum++ }, "time": func(m []segment.Fingerprint) { m[5].PTS++ }, "one left out": func(m []segment.Fingerprint) { copy(m[5:], m[6:]) },
	} {
		list := slices.Clone(pts[20:])
		edit(list)
		g, err := w.open(t.Context(), list, true, func(i int) segment.Cut { return segment.Cut{Scene: uint64(i), Like: 3} })
		if err != nil {
			t.Fatal(err)
		}
		if n, err := read(g); n != 5 || !errors.Is(err, errOtherFrames) {
			t.Errorf("%s: %d frames, %v", name, n, err)
		}
	}
}

// fingerprints decodes a file from its start.
func fingerprints(t *testing.T, path string) (list []segment.Fingerprint) {
	t.Helper()
	src, err := decode.Open(t.Context(), path, decode.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer src.Close()
	for {
		u, err := src.Next(t.Context())
		if err != nil {
			return list
		}
		if u.Frame != nil {
			list = append(list, segment.FingerprintOf(u.Frame))
		}
		u.Release()
	}
}
