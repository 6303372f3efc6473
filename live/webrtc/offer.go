package webrtc

import (
	"net/http"
	"strings"

	"github.com/pion/webrtc/v3"
)

// checkOffer refuses, before any connection exists, what RFC 9725 section 4.4 and the WHEP draft forbid: a WHIP offer must
// send, a WHEP offer must receive; one video at most, one audio at most; and nothing but audio and video.
func checkOffer(offer, kind string) error {
	d := webrtc.SessionDescription{Type: webrtc.SDPTypeOffer, SDP: offer}
	parsed, err := d.Unmarshal()
	if err != nil {
		return &refusal{status: http.StatusBadRequest, detail: "the offer is not valid SDP"}
	}
	if err := boundCandidates(offer); err != nil {
		return err
	}
	count := map[string]int{}
	for _, m := range parsed.MediaDescriptions {
		name := m.MediaName.Media
		count[name]++
		_, sends := m.Attribute("sendonly")
		_, receives := m.Attribute("recvonly")
		_, inactive := m.Attribute("inactive")
		switch {
		case name != "video" && name != "audio":
			return unprocessable("only audio and video can be negotiated, not " + name)
		case inactive, kind == "whip" && receives:
			return unprocessable("a publisher's offer must be sendonly or sendrecv")
		case kind == "whep" && sends:
			return unprocessable("a viewer's offer must be recvonly or sendrecv")
		}
	}
	if count["video"] != 1 || count["audio"] > 1 {
		return unprocessable("the offer must have one video and at most one audio")
	}
	return nil
}

// boundCandidates holds an offer to what a fragment of trickle ICE may have: vsr sends checks to every address that a client names.
func boundCandidates(offer string) error {
	if _, err := parseFragment(offer); err != nil {
		return &refusal{status: http.StatusBadRequest, detail: "the offer: " + err.Error()}
	}
	return nil
}

func unprocessable(detail string) error {
	return &refusal{status: http.StatusUnprocessableEntity, detail: detail}
}

// openBundled gives the port 9 to m-lines that are 0 only because they are bundle-only (RFC 8843 section 6): pion takes port 0 for
// a refused line. GStreamer's offers are like this.
func openBundled(offer string) string {
	lines := strings.SplitAfter(offer, "\n")
	media := -1
	for i, l := range lines {
		switch {
		case strings.HasPrefix(l, "m="):
			media = i
		case strings.TrimSpace(l) == "a=bundle-only" && media >= 0:
			if name, rest, ok := strings.Cut(lines[media], " 0 "); ok && !strings.Contains(name, " ") {
				lines[media] = name + " 9 " + rest
			}
		}
	}
	return strings.Join(lines, "")
}
