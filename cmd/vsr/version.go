package main

import (
	"fmt"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"vsr/selftest/machine"
)

// versionReport is the JSON of vsr version.
type versionReport struct {
	Schema    int      `json:"schema_version"`
	Version   string   `json:"version"`
	Commit    string   `json:"commit,omitempty"`
	Go        string   `json:"go"`
	OS        string   `json:"os"`
	Arch      string   `json:"arch"`
	CUDA      bool     `json:"cuda"`      // whether the engine for NVIDIA GPUs is in this build
	Libraries []string `json:"libraries"` // FFmpeg's and the encoders' behind it, name and version
}

func (a *app) versionCommand() *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use:     "version",
		Short:   "Print the version",
		Example: "  vsr version\n  vsr version --json",
		Args:    cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			if !asJSON {
				fmt.Fprintf(a.Stdout, "vsr %s, %s %s/%s\n", versionString(), runtime.Version(), runtime.GOOS, runtime.GOARCH)
				return nil
			}
			r := versionReport{Schema: 1, Version: versionString(), Commit: setting("vcs.revision"), Go: runtime.Version(), OS: runtime.GOOS, Arch: runtime.GOARCH,
				CUDA: slices.Contains(strings.Split(setting("-tags"), ","), "nvidia"), Libraries: machine.Libraries()}
			return a.JSON(r)
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "as JSON, with the libraries that are loaded")
	return c
}

// versionString is the version of the Makefile, or of the commit that go build found.
func versionString() string {
	if v := setting("vcs.revision"); version == "unknown" && len(v) >= 12 {
		return v[:12]
	}
	return version
}

// setting returns what go build wrote down under a key, "" without.
func setting(key string) string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return ""
	}
	for _, s := range info.Settings {
		if s.Key == key {
			return s.Value
		}
	}
	return ""
}
