// Astiavcompat makes go-astiav compile against the FFmpeg that is installed. A release of go-astiav names the constants, functions and
// fields of one FFmpeg, and cgo refuses every name that the headers lack. This program asks the C compiler which names those are. If there
// are any, it copies the module out of Go's module cache, leaves out the declarations that use them, and writes a go.mod that puts the copy
// in the module's place:
//
//	go run ./tools/astiavcompat build/ffmpeg   # prints -modfile=build/ffmpeg.mod, or nothing where go-astiav compiles as it is
//	go build -modfile=build/ffmpeg.mod ./cmd/vsr
//
// The Makefile does this by itself. What vsr itself needs of both old and new FFmpegs is in internal/av/compat.c.
package main

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// Libraries of FFmpeg whose headers go-astiav includes.
var libraries = []string{"libavcodec", "libavdevice", "libavfilter", "libavformat", "libavutil", "libswscale"}

const module = "github.com/asticode/go-astiav"

func main() {
	flag.Usage = func() {
		fmt.Fprintln(flag.CommandLine.Output(), "usage: astiavcompat STEM\n\nWrites STEM.mod, STEM.sum and STEM-astiav where the installed FFmpeg needs them, and prints the flag for go.")
	}
	flag.Parse()
	if flag.NArg() != 1 {
		flag.Usage()
		os.Exit(2)
	}
	if err := run(flag.Arg(0)); err != nil {
		fmt.Fprintln(os.Stderr, "astiavcompat:", err)
		os.Exit(1)
	}
}

func run(stem string) error {
	dir, err := output("go", "list", "-mod=mod", "-m", "-f", "{{.Dir}}", module)
	if err != nil {
		return err
	}
	if dir == "" {
		if _, err := output("go", "mod", "download", module); err != nil {
			return err
		}
		if dir, err = output("go", "list", "-mod=mod", "-m", "-f", "{{.Dir}}", module); err != nil {
			return err
		}
	}
	src, err := readSources(dir)
	if err != nil {
		return err
	}
	missing, err := missing(src)
	if err != nil {
		return err
	}
	if len(missing) == 0 {
		return remove(stem)
	}
	kept, cut := src.without(missing)
	if err := write(stem, dir, kept); err != nil {
		return err
	}
	fmt.Fprintf(os.Stderr, "astiavcompat: this FFmpeg lacks %d names; %d declarations of go-astiav are left out\n", len(missing), cut)
	fmt.Println("-modfile=" + stem + ".mod")
	return nil
}

// write copies the module with the changed sources to STEM-astiav, and go.mod and go.sum to STEM.mod and STEM.sum.
func write(stem, dir string, kept sources) error {
	out := stem + "-astiav"
	if err := remove(stem); err != nil {
		return err
	}
	if err := os.MkdirAll(out, 0o755); err != nil {
		return err
	}
	files, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil {
		return err
	}
	for _, f := range files {
		name := filepath.Base(f)
		st, err := os.Stat(f)
		if err != nil {
			return err
		}
		if st.IsDir() || strings.HasSuffix(name, "_test.go") {
			continue
		}
		text, changed := kept[name]
		if !changed {
			if text, err = os.ReadFile(f); err != nil {
				return err
			}
		}
		if err := os.WriteFile(filepath.Join(out, name), text, 0o644); err != nil {
			return err
		}
	}
	mod, err := os.ReadFile("go.mod")
	if err != nil {
		return err
	}
	sum, err := os.ReadFile("go.sum")
	if err != nil {
		return err
	}
	mod = append(mod, fmt.Sprintf("\nreplace %s => ./%s\n", module, filepath.ToSlash(out))...)
	return errors.Join(os.WriteFile(stem+".mod", mod, 0o644), os.WriteFile(stem+".sum", sum, 0o644))
}

// remove takes away what an earlier run wrote.
func remove(stem string) error {
	for _, f := range []string{stem + ".mod", stem + ".sum"} {
		if err := os.Remove(f); err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
	}
	return os.RemoveAll(stem + "-astiav")
}

func output(name string, args ...string) (string, error) {
	c := exec.Command(name, args...)
	var stderr bytes.Buffer
	c.Stderr = &stderr
	out, err := c.Output()
	if err != nil {
		return "", fmt.Errorf("%s %s: %w\n%s", name, strings.Join(args, " "), err, stderr.String())
	}
	return strings.TrimSpace(string(out)), nil
}
