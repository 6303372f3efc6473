package main

import (
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"vsr/internal/cli/args"
	"vsr/upscale"
)

// verifyFlags are those that verify and compare have.
func verifyFlags(f *pflag.FlagSet, o *upscale.VerifyOptions) {
	f.StringVar(&o.Reference, "ref", "", "a true large video `file` to compute PSNR, SSIM and, if this FFmpeg has libvmaf, VMAF against")
	f.StringVar((*string)(&o.Audio), "audio", "", "what vsr run was told, as in opus: audio in that codec is no difference")
	f.StringVar((*string)(&o.Deinterlace), "deinterlace", "", "what vsr run was told: auto, off, bwdif or telecine")
	f.BoolVar(&o.FieldRate, "field-rate", false, "the output has a frame for each field")
	f.IntVar(&o.Programme, "programme", 0, "which programme of a transport stream the output is of")
	f.IntVar(&o.VideoTrack, "video-track", 0, "which of several videos the output is of, from 1; 0 chooses as vsr run does")
	f.Var(args.Clock(&o.Start), "start", "the output begins here in the source: seconds, or h:m:s")
	f.Var(args.Clock(&o.Duration), "duration", "length of the source that the output is of; 0 is all")
}

func (a *app) verifyCommand() *cobra.Command {
	var o upscale.VerifyOptions
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "verify SRC OUT",
		Short: "Compare an output with its source, and print what was lost",
		Long: "Reads both files and compares frame count, times, streams, chapters, tags and, reduced to the source's size, the frames.\n" +
			"Exit code 0 only if all checks pass, else 7.",
		Example: "  vsr verify clip.mp4 big.mp4\n  vsr verify clip.mp4 big.mp4 --quick --json\n  vsr verify small.mp4 big.mp4 --ref original.mp4",
		Args:    cobra.ExactArgs(2),
	}
	f := cmd.Flags()
	f.BoolVar(&asJSON, "json", false, "print the report as JSON")
	verifyFlags(f, &o)
	f.BoolVar(&o.Quick, "quick", false, "read packets only and decode nothing")
	f.BoolVar(&o.AnySize, "any-size", false, "the output's size need not be a multiple of the source's")
	cmd.RunE = func(cmd *cobra.Command, names []string) error {
		if o.Quick && o.Reference != "" {
			return usageFault("", "--quick decodes no frames: --ref has no meaning")
		}
		o.Logger = a.Logger()
		report, err := upscale.Verify(cmd.Context(), names[0], names[1], o)
		if err != nil {
			return err
		}
		if err := a.Print(report, asJSON); err != nil {
			return err
		}
		return report.Err()
	}
	return cmd
}
