package main

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/pflag"

	"vsr/live"
	"vsr/live/output"
)

const outputExamples = `  vsr live --push-file keys.txt                # to RTMP, SRT, RTSP and WHIP servers, one address a line
  vsr live --push srt://192.0.2.7:9000 --push 'rtmp://127.0.0.1/live/cam#bitrate=2500k'
  vsr live --stdout y4m | ffplay -             # or any other program
  vsr live --hls                               # for TVs and players that know no WebRTC`

// outputFlags are those of where the stream goes besides the viewers.
func outputFlags(f *pflag.FlagSet, o *live.Options) {
	f.Var(addresses{&o.Push}, "push", "send the stream to `address` too: rtmp, rtmps, srt, rtsp, udp, whip+https; may be repeated")
	f.StringVar(&o.PushFile, "push-file", o.PushFile, "`file` with such addresses, one a line, for those with a stream key")
	f.StringVar(&o.Stdout, "stdout", o.Stdout, "write frames to standard output: y4m, nut or matroska")
	f.BoolVar(&o.HLS, "hls", o.HLS, "serve HLS too, for players that know no WebRTC")
}

// addresses is a flag that may be repeated. It prints its own value for a configuration to be layered below, never an error that shows it.
type addresses struct{ at *[]output.Address }

// String writes one address a line.
func (a addresses) String() string {
	if a.at == nil {
		return ""
	}
	var list []string
	for _, x := range *a.at {
		list = append(list, string(x))
	}
	return strings.Join(list, "\n")
}

// Type is what help calls the value.
func (addresses) Type() string { return "address" }

// Set adds addresses; live.Options.Validate reads them.
func (a addresses) Set(text string) error {
	for _, line := range strings.Split(text, "\n") {
		if x := output.Address(line); line != "" && !slices.Contains(*a.at, x) {
			*a.at = append(*a.at, x)
		}
	}
	return nil
}

// warnOfKeys says that other users of the machine can read the command line.
func warnOfKeys(w io.Writer, o live.Options) {
	if names := output.SecretsInArguments(o.Push); len(names) > 0 {
		fmt.Fprintf(w, "the key of %s can be read in the list of processes; --push-file keeps it out\n", strings.Join(names, " and "))
	}
}
