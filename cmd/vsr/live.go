package main

import (
	"context"
	"errors"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"vsr/internal/cli"
	"vsr/internal/cli/args"
	"vsr/live"
	"vsr/upscale/view"
)

const liveExamples = `  vsr live                                     # open the printed address and allow the camera
  vsr live --source v4l2:/dev/video0           # a camera at this machine
  vsr live --source rtsp://camera.local/stream
  vsr live --source clip.mp4 --loop
  vsr live --source lavfi:testsrc2=size=320x180:rate=30
  vsr live --feed door=rtsp://door.local/s --feed yard=rtsp://yard.local/s
  vsr live --record evening.mkv                # keeps the enhanced video too
` + outputExamples

func (a *app) liveCommand() *cobra.Command {
	o := live.Defaults()
	var config string
	var print bool
	cmd := &cobra.Command{
		Use:     "live",
		Short:   "Enhance a camera and show it in the browser",
		Long:    "Serves a page that sends a camera, or takes a source at this machine, and shows the enhanced video, over WebRTC.\nListens on this machine only unless told otherwise; docs/live.md and SECURITY.md say more.\n\n" + exitHelp,
		Example: liveExamples,
		Args:    cobra.NoArgs,
	}
	f := cmd.Flags()
	f.StringVar(&o.Source, "source", o.Source, "browser, v4l2:/dev/videoN, x11:DISPLAY, rtsp://..., listen:rtmp://..., listen:srt://..., lavfi:..., or a file")
	f.BoolVar(&o.Loop, "loop", o.Loop, "start a file again at its end")
	f.StringVar(&o.Model, "model", o.Model, "auto holds the frame rate by switching models; or one built-in model or file")
	view.SliderFlags(f, &o.Sliders)
	f.IntVar(&o.Scale, "scale", o.Scale, "how much larger: 2, 3 or 4")
	f.IntVar(&o.Height, "height", o.Height, "`rows` of the output, where the scale gives more: 720 makes 1280x720 of 854x480")
	f.StringVar(&o.Device, "device", o.Device, "auto, cpu or cuda[:N]")
	f.IntVar(&o.Threads, "threads", o.Threads, "threads of the CPU engine; 0 is all cores")
	f.StringVar(&o.Listen, "listen", o.Listen, "`address` of the page")
	f.StringVar(&o.UDP, "udp", o.UDP, "`address` of the media; empty is the page's host and a free port")
	f.StringVar(&o.TokenFile, "token-file", o.TokenFile, "`file` with the token that allows everything; empty makes a random one")
	f.StringVar(&o.PublishTokenFile, "publish-token-file", "", "`file` with a token that only allows to publish and watch")
	f.StringVar(&o.ViewTokenFile, "view-token-file", "", "`file` with a token that only allows to watch; empty makes a random one")
	f.DurationVar(&o.MaxLatency, "max-latency", o.MaxLatency, "age at which a frame is dropped instead of enhanced")
	f.IntVar(&o.MaxViewers, "max-viewers", o.MaxViewers, "viewers at a time; one more is refused")
	f.Var(live.FeedFlag{To: &o}, "feed", "one of several feeds, as `name=source`, under /name/; may be repeated. A name alone is for the metrics")
	f.StringVar(&o.Codec, "codec", o.Codec, "auto, h264 or vp8")
	f.Int64Var(&o.BitRate, "bit-rate", o.BitRate, "most bits a second to each viewer")
	f.StringVar(&o.Record, "record", o.Record, "write the enhanced video to `file` (.mkv or .mp4), playable at any moment")
	inputFlags(f, &o)
	outputFlags(f, &o)
	f.StringVar(&o.TLSCert, "tls-cert", o.TLSCert, "certificate `file`, for other addresses than loopback")
	f.StringVar(&o.TLSKey, "tls-key", o.TLSKey, "key `file`")
	f.BoolVar(&o.TLSSelf, "tls-self-signed", o.TLSSelf, "make a certificate now and print its fingerprint")
	f.StringVarP(&config, "config", "c", "", "YAML `file` with any of these")
	f.BoolVar(&print, "print-config", false, "print the configuration that would be used, and stop")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if err := args.Layer(cmd, config, &o); err != nil {
			return err
		}
		o.PushInArguments = cmd.Flags().Changed("push")
		if err := o.Validate(); err != nil {
			return err
		}
		if print {
			return args.PrintConfig(a.Stdout, o)
		}
		return a.live(cmd.Context(), o)
	}
	return cmd
}

// live serves until the first Ctrl-C.
func (a *app) live(parent context.Context, o live.Options) error {
	o.Logger = a.ServerLogger()
	o.Program = versionString()
	s, err := live.OpenAll(o)
	if err != nil {
		return err
	}
	defer s.Close()
	ctx, stop := signal.NotifyContext(parent, cli.EndSignals()...)
	defer stop()
	signal.Ignore(syscall.SIGPIPE) // a session outlives whoever read its log
	context.AfterFunc(ctx, stop)   // a second signal ends the program in the system's way
	s.Announce(a.Stderr, cli.IsTerminal(a.Stderr))
	err = s.Run(ctx)
	if errors.Is(err, context.Canceled) && parent.Err() == nil {
		return nil // Ctrl-C is how a live session ends
	}
	return err
}
