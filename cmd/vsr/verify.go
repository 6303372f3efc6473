package main

import (
	"context"
	"encoding/json"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"vsr/upscale"
	"vsr/verify"
)

// verifyRequest is one `vsr verify` as the command line put it.
type verifyRequest struct {
	upscale.VerifyOptions
	src, out string
	json     bool
}

// flags are those that compare has, too.
func (r *verifyRequest) flags(f *pflag.FlagSet) {
	f.StringVar(&r.Reference, "ref", "", "a true large video to compute PSNR, SSIM and, if this FFmpeg has libvmaf, VMAF against")
	f.StringVar((*string)(&r.Audio), "audio", "", "what vsr run was told, as in opus: audio in that codec is no difference")
	f.StringVar((*string)(&r.Deinterlace), "deinterlace", "", "what vsr run was told: auto, off, bwdif or telecine")
	f.BoolVar(&r.FieldRate, "field-rate", false, "the output has a frame for each field")
	f.IntVar(&r.VideoTrack, "video-track", 0, "which of several videos the output is of, from 1; 0 chooses as vsr run does")
	f.Var((*clockFlag)(&r.Start), "start", "the output begins here in the source: seconds, or h:m:s")
	f.Var((*clockFlag)(&r.Duration), "duration", "length of the source that the output is of; 0 is all")
}

func (a *app) verifyCommand() *cobra.Command {
	var r verifyRequest
	cmd := &cobra.Command{
		Use:   "verify SRC OUT",
		Short: "Compare an output with its source, and print what was lost",
		Long: "Reads both files and compares frame count, times, streams, chapters, tags and, reduced to the source's size, the frames.\n" +
			"Exit code 0 only if all checks pass, else 7.",
		Example: "  vsr verify clip.mp4 big.mp4\n  vsr verify clip.mp4 big.mp4 --quick --json\n  vsr verify small.mp4 big.mp4 --ref original.mp4",
		Args:    cobra.ExactArgs(2),
	}
	f := cmd.Flags()
	f.BoolVar(&r.json, "json", false, "print the report as JSON")
	r.flags(f)
	f.BoolVar(&r.Quick, "quick", false, "read packets only and decode nothing")
	f.BoolVar(&r.AnySize, "any-size", false, "the output's size need not be a multiple of the source's")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		r.src, r.out = args[0], args[1]
		if r.Quick && r.Reference != "" {
			return usageFault("", "--quick decodes no frames: --ref has no meaning")
		}
		report, err := a.verify(cmd.Context(), r)
		if err != nil {
			return err
		}
		if err := printVerify(a, report, r.json); err != nil {
			return err
		}
		return checksPassed(report)
	}
	return cmd
}

// verify compares the files.
func (a *app) verify(ctx context.Context, r verifyRequest) (*verify.Report, error) {
	r.Logger = a.logger()
	return upscale.Verify(ctx, r.src, r.out, r.VerifyOptions)
}

func printVerify(a *app, r *verify.Report, asJSON bool) error {
	if !asJSON {
		return r.Print(a.stdout)
	}
	e := json.NewEncoder(a.stdout)
	e.SetIndent("", "  ")
	return e.Encode(r)
}

// checksPassed is nil when all checks passed.
func checksPassed(r *verify.Report) error {
	if r.OK {
		return nil
	}
	return fault{code: exitCheck, err: fmt.Errorf("verify: %s does not hold what %s does: %s", filepath.Base(r.Output), filepath.Base(r.Source), strings.Join(r.Failures(), ", "))}
}
