package live

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"time"
	"unicode/utf8"

	"vsr/live/webrtc"
	"vsr/models"
	"vsr/sr"
	"vsr/sr/cpu"
	"vsr/sr/kdsr"
)

// Options configures a Session. configs/live.yaml explains every key; Defaults are the values without one.
type Options struct {
	Source     string        `yaml:"source"`      // browser, v4l2:/dev/videoN, an address, lavfi:FILTERGRAPH, or a file
	Loop       bool          `yaml:"loop"`        // start a file again at its end
	Model      string        `yaml:"model"`       // auto, a built-in model, or a .safetensors file
	Scale      int           `yaml:"scale"`       // 2, 3 or 4
	Device     string        `yaml:"device"`      // for OpenEngine
	Threads    int           `yaml:"threads"`     // of the CPU engine; 0 is all cores
	Listen     string        `yaml:"listen"`      // host:port of the page
	UDP        string        `yaml:"udp"`         // host:port of the media; empty is the page's host and a free port
	TokenFile  string        `yaml:"token_file"`  // empty makes a random token
	Hosts      []string      `yaml:"hosts"`       // further Host headers to accept
	MaxLatency time.Duration `yaml:"max_latency"` // age at which a frame is dropped; at least 10 ms
	MaxViewers int           `yaml:"max_viewers"` // 1 to 1000
	Feed       string        `yaml:"feed"`        // label of the metrics
	Codec      string        `yaml:"codec"`       // auto, h264 or vp8
	BitRate    int64         `yaml:"bit_rate"`    // most bit/s to each viewer, at least 50000
	Record     string        `yaml:"record"`      // .mkv or .mp4; empty records nothing
	TLSCert    string        `yaml:"tls_cert"`    // PEM file, with TLSKey
	TLSKey     string        `yaml:"tls_key"`
	TLSSelf    bool          `yaml:"tls_self_signed"` // make a certificate at start

	// OpenEngine opens the engine that runs a model, built-in or a file. The session closes it. Nil is the CPU engine.
	OpenEngine func(ctx context.Context, model string) (sr.Engine, error) `yaml:"-"`
	Logger     *slog.Logger                                               `yaml:"-"` // nil means silence
}

// Defaults are the options of `vsr live` without flags.
func Defaults() Options {
	return Options{Source: "browser", Model: "auto", Scale: 2, Device: "auto", Listen: "127.0.0.1:8080", MaxLatency: 150 * time.Millisecond,
		MaxViewers: 32, Feed: "live", Codec: "auto", BitRate: 4_000_000}
}

// OptionError reports an option with which no session can begin. Hint may be empty.
type OptionError struct {
	Err  error
	Hint string
}

// Error implements error.
func (e *OptionError) Error() string { return e.Err.Error() }

// Unwrap returns the reason.
func (e *OptionError) Unwrap() error { return e.Err }

func optionError(hint, format string, args ...any) error {
	return &OptionError{fmt.Errorf(format, args...), hint}
}

// Validate reports the first option that cannot be right, as an *OptionError.
func (o *Options) Validate() error {
	switch {
	case o.Scale < 2 || o.Scale > 4:
		return optionError("", "scale %d: want 2, 3 or 4", o.Scale)
	case o.Codec != "auto" && o.Codec != "h264" && o.Codec != "vp8":
		return optionError("", "codec %q: want auto, h264 or vp8", o.Codec)
	case o.MaxLatency < 10*time.Millisecond:
		return optionError("", "max-latency %v: want at least 10ms", o.MaxLatency)
	case o.Threads < 0 || o.BitRate < 50_000:
		return optionError("", "threads or bit rate out of range")
	case o.MaxViewers < 1 || o.MaxViewers > 1000:
		return optionError("", "max-viewers %d: want 1 to 1000", o.MaxViewers)
	case !utf8.ValidString(o.Feed):
		return optionError("", "feed %q: want UTF-8", o.Feed)
	case (o.TLSCert == "") != (o.TLSKey == ""):
		return optionError("", "--tls-cert and --tls-key belong together")
	case o.Record != "" && filepath.Ext(o.Record) != ".mkv" && filepath.Ext(o.Record) != ".mp4":
		return optionError("", "--record %s: the name must end in .mkv or .mp4", o.Record)
	}
	_, err := kindOf(o.Source)
	return err
}

// token reads the token file, or returns "" for a random token.
func (o *Options) token() (string, error) {
	if o.TokenFile == "" {
		return "", nil
	}
	b, err := os.ReadFile(o.TokenFile)
	if err != nil {
		return "", optionError("", "token file: %w", err)
	}
	t := strings.TrimSpace(string(b))
	if len(t) < 16 || strings.ContainsAny(t, " \t\r\n") {
		return "", optionError("openssl rand -hex 16 makes a good one", "token file %s: want one word of at least 16 characters", o.TokenFile)
	}
	return t, nil
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
			return nil, "", optionError("", "certificate: %w", err)
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

// openCPU opens a model on the CPU engine.
func (o *Options) openCPU(_ context.Context, model string) (sr.Engine, error) {
	w, err := openWeights(model)
	if err != nil {
		return nil, err
	}
	return cpu.New(w, cpu.Options{Threads: o.Threads, Precision: "auto", Logger: o.Logger})
}

func openWeights(model string) (*kdsr.Weights, error) {
	if strings.HasSuffix(model, ".safetensors") {
		return kdsr.Load(model)
	}
	f, err := models.Open(model)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	text, err := io.ReadAll(f)
	if err != nil {
		return nil, err
	}
	return kdsr.Read(strings.NewReader(string(text)), int64(len(text)))
}
