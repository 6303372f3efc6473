package output

import (
	"bufio"
	"fmt"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"vsr/encode"
	"vsr/internal/fault"
)

// Address is where an output goes, as the user writes it: a URL, and after a # further words, as in
// rtmp://live.example/app/KEY#bitrate=3000k&name=example. It may hold a stream key, so it prints and marshals without one.
type Address string

// String is the address without what nobody may read.
func (a Address) String() string { return publicName(string(a)) }

// MarshalYAML writes what String gives.
func (a Address) MarshalYAML() (any, error) { return a.String(), nil }

// Addresses is a flag that may be repeated (a pflag.Value). Its String is what Set reads again, keys and all; no error of it shows an address.
type Addresses []Address

// String writes one address a line.
func (a *Addresses) String() string {
	var list []string
	for _, x := range *a {
		list = append(list, string(x))
	}
	return strings.Join(list, "\n")
}

// Type is what help calls the value.
func (*Addresses) Type() string { return "address" }

// Set adds addresses, one a line, that are not there yet. ParseAddress reads them later.
func (a *Addresses) Set(text string) error {
	for _, line := range strings.Split(text, "\n") {
		if x := Address(line); line != "" && !slices.Contains(*a, x) {
			*a = append(*a, x)
		}
	}
	return nil
}

// publicName is scheme and host, which is what a log may show of an address.
func publicName(address string) string {
	scheme, rest, ok := strings.Cut(address, "://")
	if !ok {
		return "***"
	}
	end := strings.IndexAny(rest, "/?#")
	if end < 0 {
		end = len(rest)
	}
	host := rest[:end]
	return scheme + "://" + host[strings.LastIndexByte(host, '@')+1:]
}

// The kinds of an output.
const (
	KindStream = "stream" // RTMP, SRT, RTSP or UDP
	KindWHIP   = "whip"
	KindHLS    = "hls"
	KindRecord = "recording"
	KindStdout = "stdout"
	KindCamera = "virtual camera"
)

// Target is an output that is wanted.
type Target struct {
	Name    string // without secrets; unique in a Hub
	Kind    string
	Address string // may hold a stream key: URL, file or device
	Token   string // bearer token of WHIP
	BitRate int64  // of an encoder of its own, bits a second; 0 shares the viewers' encoder
	Format  string // of standard output: one of encode.StreamFormats
}

// secret reports whether the address itself opens a door: it has a path or a query after the host.
func (t Target) secret() bool {
	_, rest, ok := strings.Cut(t.Address, "://")
	host, path, _ := strings.Cut(rest, "/")
	return ok && (strings.Trim(path, "/") != "" || t.Token != "" || strings.ContainsAny(host, "@?"))
}

// Schemes lists the protocols of ParseAddress.
func Schemes() []string { return append(encode.StreamSchemes(), "whip+https", "whip+http") }

// ParseAddress reads an address to push to. Errors are *fault.Error of kind Usage and do not show the address.
func ParseAddress(a Address) (Target, error) {
	text, words, _ := strings.Cut(string(a), "#")
	scheme, _, _ := strings.Cut(text, "://")
	t := Target{Kind: KindStream, Address: text, Name: publicName(text)}
	bad := func(why string) (Target, error) {
		return t, fault.New(fault.Usage, "as in --push rtmp://live.example/app/KEY#bitrate=3000k; docs/live.md says more", "--push %s: %s", t.Name, why)
	}
	u, err := url.Parse(text)
	switch {
	case !slices.Contains(Schemes(), scheme) || !strings.Contains(text, "://"):
		return bad("want one of " + strings.Join(Schemes(), ", "))
	case err != nil: // its text holds the address
		t.Name = scheme + "://..."
		return bad("not a URL")
	case u.Host == "" || u.Hostname() == "" && scheme != "srt":
		return bad("the host is missing")
	case scheme == "udp" && u.Port() == "" || scheme == "srt" && u.Port() == "":
		return bad("the port is missing")
	}
	if rest, ok := strings.CutPrefix(text, "whip+"); ok {
		t.Kind, t.Address = KindWHIP, rest
	}
	for _, w := range strings.FieldsFunc(words, func(r rune) bool { return r == '&' }) {
		k, v, _ := strings.Cut(w, "=")
		switch k {
		case "bitrate":
			if t.BitRate, err = parseBits(v); err != nil {
				return bad("bitrate: want bits a second from 50000 on, as in 3000000 or 3000k")
			}
		case "name":
			if !nameWord.MatchString(v) {
				return bad("name: want letters, digits, - and _, at most 40")
			}
			t.Name = v
		case "token":
			t.Token = v
		default:
			return bad("after # may stand bitrate=, name= and token=")
		}
	}
	if t.Token != "" && t.Kind != KindWHIP {
		return bad("token= is for whip")
	}
	return t, nil
}

var nameWord = regexp.MustCompile(`^[A-Za-z0-9_-]{1,40}$`)

// parseBits reads 3000000, 3000k or 3M.
func parseBits(s string) (int64, error) {
	unit := 1.0
	for suffix, n := range map[string]float64{"k": 1e3, "K": 1e3, "M": 1e6} {
		if rest, ok := strings.CutSuffix(s, suffix); ok {
			s, unit = rest, n
			break
		}
	}
	x, err := strconv.ParseFloat(s, 64)
	if n := x * unit; err == nil && n >= 50_000 && n <= 1e9 {
		return int64(n), nil
	}
	return 0, fmt.Errorf("out of range")
}

// ReadAddresses reads a file of addresses, one a line; empty lines and those that begin with # are skipped. Errors are *fault.Error of kind Usage.
func ReadAddresses(path string) (list []Address, err error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fault.New(fault.Usage, "", "--push-file: %w", err)
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		if line := strings.TrimSpace(lines.Text()); line != "" && line[0] != '#' {
			list = append(list, Address(line))
		}
	}
	if err := lines.Err(); err != nil {
		return nil, fault.New(fault.Usage, "", "--push-file %s: %w", path, err)
	}
	return list, nil
}

// Recording is a target that writes the stream to a file, .mkv or .mp4.
func Recording(path string) Target {
	return Target{Name: "recording " + filepath.Base(path), Kind: KindRecord, Address: path}
}

// Stdout is a target that writes frames as they are to standard output, as one of encode.StreamFormats. A reader that is slow misses frames; Y4M,
// which has no times, repeats frames for them.
func Stdout(format string) Target {
	return Target{Name: "standard output", Kind: KindStdout, Format: format}
}

// SecretsInArguments names the outputs whose addresses hold a key, for a warning that other users of the machine see the command line.
func SecretsInArguments(list []Address) (names []string) {
	for _, a := range list {
		if t, err := ParseAddress(a); err == nil && t.secret() && !local(t.Address) {
			names = append(names, t.Name)
		}
	}
	return names
}

// local reports whether an address is on this machine.
func local(address string) bool {
	u, err := url.Parse(address)
	if err != nil {
		return false
	}
	ip := net.ParseIP(u.Hostname())
	return u.Hostname() == "localhost" || ip != nil && ip.IsLoopback()
}
