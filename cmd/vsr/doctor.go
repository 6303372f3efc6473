package main

import (
	"errors"
	"fmt"
	"os"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"vsr/encode"
	"vsr/internal/conv"
	"vsr/models"
	"vsr/sr"
	"vsr/sr/cuda"
)

func (a *app) doctorCommand() *cobra.Command {
	return &cobra.Command{
		Use: "doctor", Short: "Say what this machine and this build can do", Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			w := tabwriter.NewWriter(a.stdout, 2, 8, 2, ' ', 0)
			for _, line := range diagnose() {
				fmt.Fprintf(w, "%s\t%s\n", line[0], line[1])
			}
			return w.Flush()
		},
	}
}

// diagnose returns pairs of what and how.
func diagnose() (lines [][2]string) {
	say := func(what, format string, args ...any) {
		lines = append(lines, [2]string{what, fmt.Sprintf(format, args...)})
	}
	say("vsr", "%s, %s", versionString(), runtime.Version())
	maps, err := os.ReadFile("/proc/self/maps")
	if err != nil {
		say("FFmpeg", "unknown: %v", err)
	} else {
		say("FFmpeg", "%s", strings.Join(loadedLibraries(string(maps)), ", "))
	}
	say("encoders", "%s", strings.Join(encode.Codecs(), ", "))
	say("CPU", "%d threads, instruction set %s (this machine runs %s)", runtime.GOMAXPROCS(0), conv.ISA(), strings.Join(conv.ISAs(), ", "))
	gpus, err := cuda.Devices()
	switch {
	case errors.Is(err, sr.ErrNotBuilt):
		say("CUDA", "not in this build")
	case err != nil:
		say("CUDA", "no device: %v", err)
	case len(gpus) == 0:
		say("CUDA", "no device")
	}
	for _, gpu := range gpus {
		say("CUDA", "%v", gpu)
	}
	say("", cuda.Untested)
	names := strings.Join(models.Names(), ", ")
	if names == "" {
		names = "none built in: vsr run uses a bicubic stand-in unless --model names a file"
	}
	say("models", "%s", names)
	return lines
}

var libraryName = regexp.MustCompile(`/lib((?:av|sw)[a-z]+|x26[45]|SvtAv1Enc|vpx)\.so\.([0-9.]+)`)

// loadedLibraries finds FFmpeg's libraries and the encoders behind it in a process's memory map.
func loadedLibraries(maps string) (list []string) {
	for _, m := range libraryName.FindAllStringSubmatch(maps, -1) {
		list = append(list, m[1]+" "+m[2])
	}
	slices.Sort(list)
	return slices.Compact(list)
}
