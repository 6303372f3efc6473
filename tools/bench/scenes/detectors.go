package main

import (
	"bufio"
	"bytes"
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"

	"vsr/decode"
	"vsr/scene"
)

// detection is what one detector reported for each clip.
type detection struct {
	name string
	cuts [][]int
}

func detectAll(o options, clips []clip) (all []detection, err error) {
	own := detection{name: "vsr"}
	for _, c := range clips {
		cuts, err := vsrCuts(c.File)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", c.File, err)
		}
		own.cuts = append(own.cuts, cuts)
	}
	all = append(all, own)
	if o.ffmpeg != "" {
		d := detection{name: "scdet"}
		for _, c := range clips {
			cuts, err := scdet(o.ffmpeg, c.File)
			if err != nil {
				return nil, fmt.Errorf("%s: scdet: %w", c.File, err)
			}
			d.cuts = append(d.cuts, cuts)
		}
		all = append(all, d)
	}
	if o.python != "" {
		more, err := pySceneDetect(o.python, clips)
		if err != nil {
			return nil, err
		}
		all = append(all, more...)
	}
	return all, nil
}

// vsrCuts returns the first frames of all scenes but the first.
func vsrCuts(path string) (cuts []int, err error) {
	src, err := decode.Open(context.Background(), path, decode.Options{})
	if err != nil {
		return nil, err
	}
	defer src.Close()
	d := scene.New(scene.Options{})
	for i := 0; ; {
		u, err := src.Next(context.Background())
		if errors.Is(err, io.EOF) {
			return cuts, nil
		}
		if err != nil {
			return nil, err
		}
		if u.Frame != nil {
			before := d.Scene()
			if d.Mark(u.Frame); i > 0 && d.Scene() != before {
				cuts = append(cuts, i)
			}
			i++
		}
		u.Release()
	}
}

// scdet runs FFmpeg's filter at its default threshold of 10.
func scdet(program, path string) (cuts []int, err error) {
	cmd := exec.Command(program, "-v", "error", "-nostdin", "-i", path, "-vf", "scdet,metadata=print:file=-", "-f", "null", "-")
	var text bytes.Buffer
	cmd.Stdout, cmd.Stderr = &text, os.Stderr
	if err := cmd.Run(); err != nil {
		return nil, err
	}
	frame := 0
	for s := bufio.NewScanner(&text); s.Scan(); {
		if rest, ok := strings.CutPrefix(s.Text(), "frame:"); ok {
			if frame, err = strconv.Atoi(strings.Fields(rest)[0]); err != nil {
				return nil, err
			}
		}
		if strings.HasPrefix(s.Text(), "lavfi.scd.time=") && frame > 0 {
			cuts = append(cuts, frame)
		}
	}
	return cuts, nil
}

//go:embed peers.py
var peers string

// pySceneDetect runs its detectors on all clips in one process.
func pySceneDetect(python string, clips []clip) (all []detection, err error) {
	cmd := exec.Command(python, "-c", peers)
	var in, out bytes.Buffer
	for _, c := range clips {
		fmt.Fprintln(&in, c.File)
	}
	cmd.Stdin, cmd.Stdout, cmd.Stderr = &in, &out, os.Stderr
	if err := cmd.Run(); err != nil {
		return nil, fmt.Errorf("PySceneDetect: %w", err)
	}
	var found []struct {
		Name string  `json:"name"`
		Cuts [][]int `json:"cuts"`
	}
	if err := json.Unmarshal(out.Bytes(), &found); err != nil {
		return nil, fmt.Errorf("PySceneDetect: %w", err)
	}
	for _, f := range found {
		if len(f.Cuts) != len(clips) {
			return nil, fmt.Errorf("PySceneDetect: %s answered for %d of %d clips", f.Name, len(f.Cuts), len(clips))
		}
		all = append(all, detection{f.Name, f.Cuts})
	}
	return all, nil
}
