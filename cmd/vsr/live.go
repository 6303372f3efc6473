package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"vsr/live"
)

// liveConfig is the configuration of `vsr live`: defaults, then the YAML file, then flags. configs/live.yaml explains it.
type liveConfig struct {
	Source     string        `yaml:"source"`
	Loop       bool          `yaml:"loop"`
	Model      string        `yaml:"model"`
	Scale      int           `yaml:"scale"`
	Device     string        `yaml:"device"`
	Threads    int           `yaml:"threads"`
	Listen     string        `yaml:"listen"`
	UDP        string        `yaml:"udp"`
	TokenFile  string        `yaml:"token_file"`
	Hosts      []string      `yaml:"hosts"`
	MaxLatency time.Duration `yaml:"max_latency"`
	MaxViewers int           `yaml:"max_viewers"`
	Feed       string        `yaml:"feed"`
	Codec      string        `yaml:"codec"`
	BitRate    int64         `yaml:"bit_rate"`
	Record     string        `yaml:"record"`
	TLSCert    string        `yaml:"tls_cert"`
	TLSKey     string        `yaml:"tls_key"`
	TLSSelf    bool          `yaml:"tls_self_signed"`
}

func defaultLive() liveConfig {
	return liveConfig{Source: "browser", Model: "auto", Scale: 2, Device: "auto", Listen: "127.0.0.1:8080", MaxLatency: 150 * time.Millisecond,
		MaxViewers: 32, Feed: "live", Codec: "auto", BitRate: 4_000_000}
}

const liveExamples = `  vsr live                                     # open the printed address and allow the camera
  vsr live --source v4l2:/dev/video0           # a camera at this machine
  vsr live --source rtsp://camera.local/stream
  vsr live --source clip.mp4 --loop
  vsr live --source lavfi:testsrc2=size=320x180:rate=30
  vsr live --record evening.mkv                # keeps the enhanced picture too`

func (a *app) liveCommand() *cobra.Command {
	c := defaultLive()
	var config string
	var print bool
	cmd := &cobra.Command{
		Use:     "live",
		Short:   "Enhance a camera and show it in the browser",
		Long:    "Serves a page that sends a camera, or takes a source at this machine, and shows the enhanced picture, over WebRTC.\nListens on this machine only unless told otherwise; docs/live.md and SECURITY.md say more.\n\n" + exitHelp,
		Example: liveExamples,
		Args:    cobra.NoArgs,
	}
	f := cmd.Flags()
	f.StringVar(&c.Source, "source", c.Source, "browser, v4l2:/dev/videoN, rtsp://..., lavfi:..., or a file")
	f.BoolVar(&c.Loop, "loop", c.Loop, "start a file again at its end")
	f.StringVar(&c.Model, "model", c.Model, "auto holds the frame rate by switching models; or one built-in model or file")
	f.IntVar(&c.Scale, "scale", c.Scale, "how much larger: 2, 3 or 4")
	f.StringVar(&c.Device, "device", c.Device, "auto, cpu or cuda[:N]")
	f.IntVar(&c.Threads, "threads", c.Threads, "threads of the CPU engine; 0 is all cores")
	f.StringVar(&c.Listen, "listen", c.Listen, "`address` of the page")
	f.StringVar(&c.UDP, "udp", c.UDP, "`address` of the media; empty is the page's host and a free port")
	f.StringVar(&c.TokenFile, "token-file", c.TokenFile, "`file` with the token that clients must send; empty makes a random one")
	f.DurationVar(&c.MaxLatency, "max-latency", c.MaxLatency, "age at which a frame is dropped instead of enhanced")
	f.IntVar(&c.MaxViewers, "max-viewers", c.MaxViewers, "viewers at a time; one more is refused")
	f.StringVar(&c.Feed, "feed", c.Feed, "`name` of this feed in the metrics")
	f.StringVar(&c.Codec, "codec", c.Codec, "auto, h264 or vp8")
	f.Int64Var(&c.BitRate, "bit-rate", c.BitRate, "most bits a second to each viewer")
	f.StringVar(&c.Record, "record", c.Record, "write the enhanced picture to `file` (.mkv or .mp4), playable at any moment")
	f.StringVar(&c.TLSCert, "tls-cert", c.TLSCert, "certificate `file`, for other addresses than loopback")
	f.StringVar(&c.TLSKey, "tls-key", c.TLSKey, "key `file`")
	f.BoolVar(&c.TLSSelf, "tls-self-signed", c.TLSSelf, "make a certificate now and print its fingerprint")
	f.StringVarP(&config, "config", "c", "", "YAML `file` with any of these")
	f.BoolVar(&print, "print-config", false, "print the configuration that would be used, and stop")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if err := layer(cmd, config, &c); err != nil {
			return err
		}
		if err := c.validate(); err != nil {
			return err
		}
		if print {
			return printConfig(a.stdout, c)
		}
		return a.live(cmd.Context(), c)
	}
	return cmd
}

func (c *liveConfig) validate() error {
	if _, _, err := parseDevice(c.Device); err != nil {
		return err
	}
	switch {
	case c.Scale < 2 || c.Scale > 4:
		return usageFault("", "scale %d: want 2, 3 or 4", c.Scale)
	case c.Codec != "auto" && c.Codec != "h264" && c.Codec != "vp8":
		return usageFault("", "codec %q: want auto, h264 or vp8", c.Codec)
	case c.MaxLatency < 10*time.Millisecond:
		return usageFault("", "max-latency %v: want at least 10ms", c.MaxLatency)
	case c.Threads < 0 || c.BitRate < 50_000:
		return usageFault("", "threads or bit rate out of range")
	case c.MaxViewers < 1 || c.MaxViewers > 1000:
		return usageFault("", "max-viewers %d: want 1 to 1000", c.MaxViewers)
	case !utf8.ValidString(c.Feed):
		return usageFault("", "feed %q: want UTF-8", c.Feed)
	case (c.TLSCert == "") != (c.TLSKey == ""):
		return usageFault("", "--tls-cert and --tls-key belong together")
	case c.Record != "" && !strings.HasSuffix(c.Record, ".mkv") && !strings.HasSuffix(c.Record, ".mp4"):
		return usageFault("", "--record %s: the name must end in .mkv or .mp4", c.Record)
	}
	return nil
}

// token reads the token file, or returns "" for a random token.
func (c *liveConfig) token() (string, error) {
	if c.TokenFile == "" {
		return "", nil
	}
	b, err := os.ReadFile(c.TokenFile)
	if err != nil {
		return "", usageFault("", "token file: %w", err)
	}
	t := strings.TrimSpace(string(b))
	if len(t) < 16 || strings.ContainsAny(t, " \t\r\n") {
		return "", usageFault("openssl rand -hex 16 makes a good one", "token file %s: want one word of at least 16 characters", c.TokenFile)
	}
	return t, nil
}

// tls returns the server's certificate, nil for none, and its SHA-256 fingerprint when it was made just now.
func (c *liveConfig) tls() (conf *tls.Config, fingerprint string, err error) {
	switch {
	case c.TLSSelf:
		cert, print, err := live.SelfSigned(c.Hosts)
		return &tls.Config{Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS12}, print, err
	case c.TLSCert != "":
		cert, err := tls.LoadX509KeyPair(c.TLSCert, c.TLSKey)
		if err != nil {
			return nil, "", usageFault("", "certificate: %w", err)
		}
		return &tls.Config{Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS12}, "", nil
	}
	return nil, "", nil
}

// live serves until the first Ctrl-C.
func (a *app) live(parent context.Context, c liveConfig) error {
	ctx, cancel := context.WithCancel(parent)
	defer cancel()
	s, err := a.openStudio(c)
	if err != nil {
		return err
	}
	defer s.close()
	stopSignals := onInterrupt(cancel)
	defer stopSignals()
	fmt.Fprintf(a.stderr, "open %s\n", s.server.URL())
	if s.fingerprint != "" {
		fmt.Fprintf(a.stderr, "certificate fingerprint (SHA-256): %s\n", s.fingerprint)
	}
	err = s.serve(ctx)
	if errors.Is(err, context.Canceled) && parent.Err() == nil {
		return nil // Ctrl-C is how a live session ends
	}
	return err
}
