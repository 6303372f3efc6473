package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"vsr/selftest"
	"vsr/selftest/clips"
	"vsr/sr/cuda"
	"vsr/sr/engines"
	"vsr/upscale"
)

// withDevice gives the doctor command --device cuda:N, which verifies a GPU against the CPU engine, and --json. Without
// --device the command does what it did.
func (a *app) withDevice(doctor *cobra.Command) *cobra.Command {
	device := doctor.Flags().String("device", "", "verify this GPU: cuda or cuda:N")
	file := doctor.Flags().String("json", "", "with --device: also write the report to this file")
	quick := doctor.Flags().Bool("quick", false, "with --device: the short checks, without timing")
	general := doctor.RunE
	doctor.RunE = func(c *cobra.Command, args []string) error {
		if *device == "" {
			if *file != "" || *quick {
				return usageFault("", "--json and --quick want --device")
			}
			return general(c, args)
		}
		kind, index, err := engines.ParseDevice(*device)
		if err != nil {
			return err
		}
		if kind != "cuda" {
			return usageFault("", "--device %q: doctor verifies cuda or cuda:N", *device)
		}
		report, err := selftest.Run(c.Context(), selftest.Options{Device: index, Short: *quick})
		if err != nil {
			if hint := cuda.Hint(err); hint != "" {
				return fault{exitDevice, err, hint}
			}
			return err
		}
		if !*quick {
			clips.Engine(c.Context(), report, index)
		}
		// What was found out now counts for --device auto; where it cannot be kept, auto checks by itself.
		_ = report.Keep(selftest.ShortOptions{Device: index, Program: versionString(), Logger: a.logger()})
		clips.Codecs(c.Context(), report, index, clips.Trial(upscale.Trial)) // auto does not use them, so its result is without them
		return a.deviceReport(report, *file)
	}
	return doctor
}

// deviceReport prints a report, writes it to a file if one is named, and fails if the GPU did.
func (a *app) deviceReport(report *selftest.Report, file string) error {
	if err := report.Write(a.stdout); err != nil {
		return err
	}
	if file != "" {
		text, err := json.MarshalIndent(report, "", "  ")
		if err == nil {
			err = os.WriteFile(file, append(text, '\n'), 0o666)
		}
		if err != nil {
			return fault{exitDestination, fmt.Errorf("report: %w", err), ""}
		}
	}
	if !report.OK() {
		return fault{exitDevice, errors.New("the GPU does not pass the checks above"), "use --device cpu, and report the GPU with this output"}
	}
	return nil
}
