package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"vsr/internal/atomicfile"
	"vsr/selftest"
	"vsr/selftest/clips"
	"vsr/selftest/machine"
	"vsr/sr/cuda"
	"vsr/sr/engines"
	"vsr/upscale"
)

const doctorExamples = `  vsr doctor                                      # what this machine and this build can do
  vsr doctor --json -                             # the same as JSON
  vsr doctor --device cuda:0                      # check a GPU against the CPU, about a minute
  vsr doctor --device cuda:0 --quick --json gpu.json`

func (a *app) doctorCommand() *cobra.Command {
	var device, file string
	var quick bool
	cmd := &cobra.Command{
		Use: "doctor", Short: "Print what this machine and this build can do, and check a GPU", Example: doctorExamples, Args: cobra.NoArgs,
		Long: "Prints libraries, encoders, instruction sets, GPUs and models. With --device it checks that GPU against the CPU engine; --device auto of\nother commands keeps the result.\n\n" + exitHelp,
		RunE: func(c *cobra.Command, _ []string) error {
			if device != "" {
				return a.doctorDevice(c.Context(), device, file, quick)
			}
			if quick {
				return usageFault("", "--quick belongs to --device")
			}
			return a.printReport(machine.Describe(versionString()), file)
		},
	}
	f := cmd.Flags()
	f.StringVar(&device, "device", "", "check this GPU: cuda or cuda:N")
	f.StringVar(&file, "json", "", "write the report as JSON to this `file` too; - prints JSON instead of text")
	f.BoolVar(&quick, "quick", false, "with --device: the short checks, without timing")
	return cmd
}

// doctorDevice checks a GPU.
func (a *app) doctorDevice(ctx context.Context, device, file string, quick bool) error {
	kind, index, err := engines.ParseDevice(device)
	if err != nil {
		return err
	}
	if kind != "cuda" {
		return usageFault("", "--device %q: doctor checks cuda or cuda:N", device)
	}
	report, err := selftest.Run(ctx, selftest.Options{Device: index, Short: quick})
	if err != nil {
		if hint := cuda.Hint(err); hint != "" {
			return fault{exitDevice, err, hint}
		}
		return err
	}
	if !quick {
		clips.Engine(ctx, report, index)
	}
	// What was found out now counts for --device auto; where it cannot be kept, auto checks by itself.
	_ = report.Keep(selftest.ShortOptions{Device: index, Program: versionString(), Logger: a.logger()})
	clips.Codecs(ctx, report, index, trial()) // auto does not use them, so its result is without them
	return a.deviceReport(report, file)
}

// printReport prints a report, as text or, for the file "-", as JSON, and writes it as JSON to a file if one is named.
func (a *app) printReport(report interface{ Write(io.Writer) error }, file string) error {
	text, err := json.MarshalIndent(report, "", "  ")
	if err != nil {
		return err
	}
	if file == "-" {
		_, err := a.stdout.Write(append(text, '\n'))
		return err
	}
	if err := report.Write(a.stdout); err != nil || file == "" {
		return err
	}
	if err := atomicfile.WriteBytes(file, append(text, '\n')); err != nil {
		return destinationFault(fmt.Errorf("report: %w", err))
	}
	return nil
}

// deviceReport prints a report, writes it to a file if one is named, and fails if the GPU did.
func (a *app) deviceReport(report *selftest.Report, file string) error {
	if err := a.printReport(report, file); err != nil {
		return err
	}
	if !report.OK() {
		return fault{exitDevice, errors.New("the GPU does not pass the checks above"), "use --device cpu, and report the GPU with this output"}
	}
	return nil
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
