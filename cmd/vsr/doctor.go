package main

import (
	"io"

	"github.com/spf13/cobra"

	"vsr/internal/atomicfile"
	"vsr/internal/cli"
	"vsr/selftest/clips"
	"vsr/selftest/machine"
	"vsr/upscale"
)

const doctorExamples = `  vsr doctor                                      # what this machine and this build can do
  vsr doctor --json -                             # the same as JSON
  vsr doctor --device cuda:0                      # check a GPU against the CPU, about a minute
  vsr doctor --device cuda:0 --quick --json gpu.json`

func (a *app) doctorCommand() *cobra.Command {
	o := clips.Options{Program: versionString()}
	var device, file string
	cmd := &cobra.Command{
		Use: "doctor", Short: "Print what this machine and this build can do, and check a GPU", Example: doctorExamples, Args: cobra.NoArgs,
		Long: "Prints libraries, encoders, instruction sets, GPUs and models. With --device it checks that GPU against the CPU engine; --device auto of\nother commands keeps the result.\n\n" + exitHelp,
	}
	f := cmd.Flags()
	f.StringVar(&device, "device", "", "check this GPU: cuda or cuda:N")
	f.StringVar(&file, "json", "", "write the report as JSON to this `file` too; - prints JSON instead of text")
	f.BoolVar(&o.Short, "quick", false, "with --device: the short checks, without timing")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if device == "" {
			if o.Short {
				return usageFault("", "--quick belongs to --device")
			}
			return a.printReport(machine.Describe(cmd.Context(), o.Program), file)
		}
		o.Logger, o.Trial = a.Logger(), trial()
		report, err := clips.Check(cmd.Context(), device, o)
		if err != nil {
			return err
		}
		if err := a.printReport(report, file); err != nil {
			return err
		}
		return report.Err()
	}
	return cmd
}

// printReport prints a report, as text or, for the file "-", as JSON, and writes it as JSON to a file if one is named.
func (a *app) printReport(report cli.Printer, file string) error {
	if err := a.Print(report, file == "-"); err != nil || file == "" || file == "-" {
		return err
	}
	return upscale.OutputError(atomicfile.Write(file, func(w io.Writer) error { return (&cli.Output{Stdout: w}).JSON(report) }))
}

// trial is what adjust lets stand for NVDEC and NVENC.
func trial() (t clips.Trial) {
	if adjust != nil {
		var o upscale.Options
		adjust(&o)
		t = clips.Trial{Upload: o.Decode.GPU.Upload, Download: o.Encode.GPU.Download}
	}
	return t
}
