package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"vsr/internal/cli"
	"vsr/models"
	"vsr/upscale"
	"vsr/upscale/batch"
)

// withRun puts `run` before arguments that begin with a file or with a flag of run, as in `vsr clip.mp4` and `vsr -i clip.mp4 big.mp4`.
func withRun(root *cobra.Command, args []string) []string {
	at := slices.IndexFunc(args, func(a string) bool { return a != "-v" && a != "--verbose" })
	if at < 0 {
		return args
	}
	first := args[at]
	switch {
	case slices.Contains([]string{"-h", "--help", "--version", "help", "completion", cobra.ShellCompRequestCmd, cobra.ShellCompNoDescRequestCmd}, first):
		return args
	case slices.ContainsFunc(root.Commands(), func(c *cobra.Command) bool { return c.Name() == first || c.HasAlias(first) }):
		return args
	case strings.HasPrefix(first, "-"), strings.Contains(first, "://"), batch.IsVideo(first), exists(first):
		return slices.Insert(slices.Clone(args), at, "run")
	}
	return args
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// didYouMean is a hint with the nearest of list, or otherwise.
func didYouMean(name string, list []string, otherwise string) string {
	if near := cli.Nearest(name, list); near != "" {
		return "did you mean " + near + "?"
	}
	return otherwise
}

// flagHint names the flag that an unknown one was meant to be.
func flagHint(cmd *cobra.Command, err error, otherwise string) string {
	_, name, ok := strings.Cut(err.Error(), "unknown flag: --")
	if !ok {
		return otherwise
	}
	var list []string
	add := func(f *pflag.Flag) { list = append(list, "--"+f.Name) }
	cmd.Flags().VisitAll(add)
	cmd.InheritedFlags().VisitAll(add)
	return didYouMean("--"+name, list, otherwise)
}

// commandHint names the command that an unknown one was meant to be.
func commandHint(cmd *cobra.Command, args []string, otherwise string) string {
	var list []string
	for _, c := range cmd.Commands() {
		if c.IsAvailableCommand() {
			list = append(list, c.Name())
		}
	}
	if len(args) == 0 || len(list) == 0 {
		return otherwise
	}
	return didYouMean(args[0], list, otherwise)
}

// checkNames refuses a model or codec that vsr does not know, with the one that was meant.
func checkNames(o *upscale.Options) error {
	if m := o.Model; m != "" && !strings.HasSuffix(m, ".safetensors") && !strings.ContainsRune(m, filepath.Separator) && !slices.Contains(models.Names(), m) {
		return requestFault(didYouMean(m, models.Names(), "vsr model list; a file's name ends in .safetensors"), "no built-in model is called %s", m)
	}
	var known []string
	for _, c := range upscale.Codecs() {
		known = append(append(known, c), upscale.CodecAliases(c)...)
	}
	if c := o.Encode.Codec; c != "" && !slices.Contains(known, c) {
		return usageFault(didYouMean(c, known, "known are "+strings.Join(upscale.Codecs(), ", ")), "unknown codec %s", c)
	}
	return nil
}

// codecHelp lists the codecs with their other names.
func codecHelp() string {
	var list []string
	for _, c := range upscale.Codecs() {
		if a := upscale.CodecAliases(c); len(a) > 0 {
			c += " (" + strings.Join(a, ", ") + ")"
		}
		list = append(list, c)
	}
	return strings.Join(list, "; ")
}

// scaleFlag is how many times to enlarge, 2, 3 or 4; x2 and 2x are taken too.
type scaleFlag int

// String writes the number; nothing for the default.
func (s *scaleFlag) String() string {
	if *s == 0 {
		return ""
	}
	return strconv.Itoa(int(*s))
}

// Type is what help calls the value.
func (s *scaleFlag) Type() string { return "times" }

// Set reads a scale.
func (s *scaleFlag) Set(text string) error {
	n, err := strconv.Atoi(strings.TrimSuffix(strings.TrimPrefix(strings.ToLower(text), "x"), "x"))
	if err != nil || n != 0 && (n < 2 || n > 4) {
		return fmt.Errorf("2, 3 and 4 are possible; --height 720 reaches any size")
	}
	*s = scaleFlag(n)
	return nil
}

// crfFlag is a CRF as FFmpeg takes it: 0 is the codec's own 0, -1 lossless. Empty is the codec's default.
type crfFlag int

// String writes the number; nothing for the default.
func (c *crfFlag) String() string {
	switch *c {
	case 0:
		return ""
	case upscale.CRFZero:
		return "0"
	}
	return strconv.Itoa(int(*c))
}

// Type is what help calls the value.
func (c *crfFlag) Type() string { return "number" }

// Set reads a CRF.
func (c *crfFlag) Set(text string) error {
	n, err := strconv.Atoi(text)
	if err != nil || n < -1 {
		return fmt.Errorf("want a number from 0, the best, or -1 for lossless")
	}
	if n == 0 {
		n = upscale.CRFZero
	}
	*c = crfFlag(n)
	return nil
}

// settleQuality turns --quality into the CRF of the codec.
func (r *runRequest) settleQuality(crfGiven bool) error {
	if r.Quality == "" {
		return nil
	}
	if crfGiven {
		return usageFault("", "--quality and --crf exclude each other")
	}
	crf, err := upscale.Quality(r.Quality).CRF(r.Encode.Codec)
	if err != nil {
		e := upscale.Classify(err)
		return fault{exitUsage, e.Err, e.Hint}
	}
	r.Encode.CRF = crf
	return nil
}
