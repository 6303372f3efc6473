package live

import (
	"fmt"
	"io"
	"strings"

	"github.com/skip2/go-qrcode"

	"vsr/live/output"
)

// Announce prints the addresses to open, each with its token, and with qr a code of one that a phone can scan.
func (s *Session) Announce(w io.Writer, qr bool) {
	list := s.server.Addresses()
	for _, a := range list {
		fmt.Fprintf(w, "open %s\n", a.Streamer)
	}
	fmt.Fprintf(w, "viewers %s\nOBS     %s\n", list[0].Watch, list[0].OBS)
	if list[0].HLS != "" {
		fmt.Fprintf(w, "HLS     %s\n", list[0].HLS)
	}
	if s.fingerprint != "" {
		fmt.Fprintf(w, "certificate fingerprint (SHA-256): %s\n", s.fingerprint)
	}
	if names := output.SecretsInArguments(s.o.Push); s.o.PushInArguments && len(names) > 0 {
		fmt.Fprintf(w, "the key of %s can be read in the list of processes; --push-file keeps it out\n", strings.Join(names, " and "))
	}
	if list[0].ThisMachine {
		return
	}
	address, what := list[0].Streamer, "a phone that scans this can send its camera"
	if !strings.HasPrefix(address, "https:") {
		address, what = list[0].Watch, "a phone that scans this can watch; to send its camera it needs https: --tls-self-signed, or --tls-cert and --tls-key"
	}
	if code, err := qrcode.New(address, qrcode.Low); err == nil && qr {
		fmt.Fprintf(w, "%s%s\n", code.ToSmallString(false), what)
	}
}
