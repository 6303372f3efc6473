package live

import (
	"context"
	"crypto/tls"
	"log/slog"
	"path/filepath"
	"time"
	"unicode/utf8"

	"vsr/internal/fault"
	"vsr/live/output"
	"vsr/live/webrtc"
	"vsr/sr"
	"vsr/sr/engines"
	"vsr/sr/kdsr"
)

// Options configures a Session. configs/live.yaml explains every key; Defaults are the values without one.
type Options struct {
	Source          string           `yaml:"source"`         // browser, v4l2:/dev/videoN, an address, lavfi:FILTERGRAPH, or a file
	Size            string           `yaml:"size"`           // of a device's frames, as in 1280x720; empty is its own
	Rate            string           `yaml:"rate"`           // of a device's frames a second; empty is its own
	AudioDevice     string           `yaml:"audio_device"`   // alsa:NAME or pulse:NAME, beside a source at this machine
	Loop            bool             `yaml:"loop"`           // start a file again at its end
	Model           string           `yaml:"model"`          // auto, a built-in model, or a .safetensors file
	Scale           int              `yaml:"scale"`          // 2, 3 or 4
	Height          int              `yaml:"height"`         // rows of the output where Scale gives more; 0 is Scale's
	Device          string           `yaml:"device"`         // auto, cpu, cuda or cuda:N
	Threads         int              `yaml:"threads"`        // of the CPU engine; 0 is all cores
	Listen          string           `yaml:"listen"`         // host:port of the page
	UDP             string           `yaml:"udp"`            // host:port of the media; empty is the page's host and a free port
	TokenFile       string           `yaml:"token_file"`     // for everything; empty makes a random token
	Hosts           []string         `yaml:"hosts"`          // further Host headers to accept
	MaxLatency      time.Duration    `yaml:"max_latency"`    // age at which a frame is dropped; at least 10 ms
	MaxViewers      int              `yaml:"max_viewers"`    // 1 to 1000
	Feed            string           `yaml:"feed"`           // label of the metrics
	Codec           string           `yaml:"codec"`          // auto, h264 or vp8
	BitRate         int64            `yaml:"bit_rate"`       // most bit/s to each viewer, at least 50000
	Record          string           `yaml:"record"`         // .mkv or .mp4; empty records nothing
	Push            output.Addresses `yaml:"push"`           // where the stream goes besides the viewers
	PushInArguments bool             `yaml:"-"`              // Push came by the command line, which others can read
	PushFile        string           `yaml:"push_file"`      // more of them, one a line
	Stdout          string           `yaml:"stdout"`         // y4m, nut or matroska: frames on standard output; empty for none
	VirtualCamera   string           `yaml:"virtual_camera"` // device of v4l2loopback, as in /dev/video10; empty for none
	HLS             bool             `yaml:"hls"`            // serve HLS at /hls/
	TLSCert         string           `yaml:"tls_cert"`       // PEM file, with TLSKey
	TLSKey          string           `yaml:"tls_key"`
	TLSSelf         bool             `yaml:"tls_self_signed"` // make a certificate at start

	Access `yaml:",inline"`

	Feeds []Feed `yaml:"feeds"` // several feeds behind one address, by OpenAll

	group *shared // of the feeds of a Group, nil for a session by itself

	kdsr.Sliders `yaml:",inline"` // deblur, denoise, decompress: -1 to 1, 0 is as estimated

	Program string       `yaml:"-"` // version of the program, to which a GPU's self-test belongs
	Logger  *slog.Logger `yaml:"-"` // nil means silence
}

// Defaults are the options of `vsr live` without flags.
func Defaults() Options {
	return Options{Source: "browser", Model: "auto", Scale: 2, Device: "auto", Listen: "127.0.0.1:8080", MaxLatency: 150 * time.Millisecond,
		MaxViewers: 32, Feed: "live", Codec: "auto", BitRate: 4_000_000}
}

// Validate reports the first option that cannot be right, as a *fault.Error of kind Usage.
func (o *Options) Validate() error {
	if _, _, err := engines.ParseDevice(o.Device); err != nil {
		return err
	}
	switch {
	case o.Scale < 2 || o.Scale > 4:
		return fault.New(fault.Usage, "", "scale %d: want 2, 3 or 4", o.Scale)
	case o.Height < 0 || o.Height > 0 && o.Height < 16:
		return fault.New(fault.Usage, "0 leaves it to --scale", "height %d: want 16 or more", o.Height)
	case o.Codec != "auto" && o.Codec != "h264" && o.Codec != "vp8":
		return fault.New(fault.Usage, "", "codec %q: want auto, h264 or vp8", o.Codec)
	case o.MaxLatency < 10*time.Millisecond:
		return fault.New(fault.Usage, "", "max-latency %v: want at least 10ms", o.MaxLatency)
	case o.Threads < 0 || o.BitRate < 50_000:
		return fault.New(fault.Usage, "", "threads or bit rate out of range")
	case o.MaxViewers < 1 || o.MaxViewers > 1000:
		return fault.New(fault.Usage, "", "max-viewers %d: want 1 to 1000", o.MaxViewers)
	case !utf8.ValidString(o.Feed):
		return fault.New(fault.Usage, "", "feed %q: want UTF-8", o.Feed)
	case (o.TLSCert == "") != (o.TLSKey == ""):
		return fault.New(fault.Usage, "", "--tls-cert and --tls-key belong together")
	case o.Record != "" && filepath.Ext(o.Record) != ".mkv" && filepath.Ext(o.Record) != ".mp4":
		return fault.New(fault.Usage, "", "--record %s: the name must end in .mkv or .mp4", o.Record)
	}
	if err := o.Sliders.Validate(); err != nil {
		return fault.New(fault.Usage, "0 leaves the estimate as it is", "%w", err)
	}
	for _, a := range o.Push {
		if _, err := output.ParseAddress(a); err != nil {
			return err
		}
	}
	if err := o.validateInput(); err != nil {
		return err
	}
	return o.validateFeeds()
}

// tls returns the server's certificate, nil for none, and its SHA-256 fingerprint when it was made just now.
func (o *Options) tls() (conf *tls.Config, fingerprint string, err error) {
	switch {
	case o.TLSSelf:
		cert, print, err := webrtc.SelfSigned(o.Hosts)
		return &tls.Config{Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS12}, print, err
	case o.TLSCert != "":
		cert, err := tls.LoadX509KeyPair(o.TLSCert, o.TLSKey)
		if err != nil {
			return nil, "", fault.New(fault.Usage, "", "certificate: %w", err)
		}
		return &tls.Config{Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS12}, "", nil
	}
	return nil, "", nil
}

// codec is what viewers get: every browser plays both, and x264 looks better at the same cost.
func (o *Options) codec() string {
	if o.Codec == "vp8" {
		return "vp8"
	}
	return "h264"
}

// fallback is what viewers get that do not take codec; "" where one codec was asked for.
func (o *Options) fallback() string {
	if o.Codec == "auto" || o.Codec == "" {
		return "vp8"
	}
	return ""
}

// openEngine opens a model on Device.
func (o *Options) openEngine(ctx context.Context, model string) (sr.Engine, error) {
	e, err := engines.Open(ctx, engines.Options{Model: model, Device: o.Device, Factor: float64(o.Scale), Threads: o.Threads, Program: o.Program,
		Logger: o.Logger})
	if err != nil {
		return nil, err
	}
	if e.Notice != "" {
		o.Logger.Warn(e.Notice, "stage", "sr")
	}
	return e, nil
}
