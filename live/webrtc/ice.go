package webrtc

import (
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/pion/webrtc/v3"
)

// patch is trickle ICE (If-Match: the session's ETag) and ICE restart (If-Match: *), RFC 9725 section 4.3.
func (s *Server) patch(w http.ResponseWriter, r *http.Request, sess *session) {
	if t, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || t != fragmentType {
		problem(w, http.StatusUnsupportedMediaType, "candidates must be "+fragmentType)
		return
	}
	match := r.Header.Get("If-Match")
	if match == "" {
		problem(w, http.StatusPreconditionRequired, "If-Match is needed")
		return
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		problem(w, bodyStatus(err), "the fragment could not be read")
		return
	}
	frag, err := parseFragment(string(body))
	if err != nil {
		problem(w, http.StatusBadRequest, err.Error())
		return
	}
	sess.ice.Lock()
	defer sess.ice.Unlock()
	switch match {
	case "*", `"*"`: // the RFC's example has quotes
		s.restart(w, r, sess, frag)
	case sess.etag:
		s.trickle(w, sess, frag)
	default:
		problem(w, http.StatusPreconditionFailed, "the session has another ETag")
	}
}

// trickle adds candidates. Those that name another ICE session are not ours to use (RFC 8838 section 11).
func (s *Server) trickle(w http.ResponseWriter, sess *session, frag fragment) {
	if frag.ufrag != "" && frag.ufrag != attribute(sess.pc.RemoteDescription().SDP, "ice-ufrag") {
		problem(w, http.StatusUnprocessableEntity, "the candidates belong to another ICE session: a restart needs If-Match: *")
		return
	}
	if sess.trickled += len(frag.candidates); sess.trickled > maxTrickled {
		problem(w, http.StatusUnprocessableEntity, "this session has had too many candidates")
		return
	}
	if err := frag.addTo(sess.pc); err != nil {
		problem(w, http.StatusBadRequest, "a candidate could not be parsed")
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

// restart changes the ICE session and keeps all else. Whatever is wrong with the request is found before anything is
// changed, since a restart that fails must not end the session.
func (s *Server) restart(w http.ResponseWriter, r *http.Request, sess *session, frag fragment) {
	old := sess.pc.RemoteDescription().SDP
	if err := frag.restarts(old); err != nil {
		problem(w, http.StatusUnprocessableEntity, err.Error())
		return
	}
	answer, err := negotiate(context.WithoutCancel(r.Context()), sess.pc, frag.apply(old))
	if err != nil {
		s.o.Logger.Error("ICE restart failed", "stage", "webrtc", "session", sess.id[:6], "err", err)
		problem(w, http.StatusUnprocessableEntity, "the ICE restart failed: open a new session")
		return
	}
	if err := frag.addTo(sess.pc); err != nil { // the client's checks reach us all the same
		s.o.Logger.Warn("candidates of an ICE restart left out", "stage", "webrtc", "session", sess.id[:6], "err", err)
	}
	sess.etag, sess.trickled = newETag(), len(frag.candidates)
	h := w.Header()
	h.Set("Content-Type", fragmentType)
	h.Set("ETag", sess.etag)
	h.Set("Cache-Control", "no-store")
	io.WriteString(w, answerFragment(answer))
	s.o.Logger.Info("ICE restarted", "stage", "webrtc", "session", sess.id[:6])
}

// fragment is what matters of a trickle-ice-sdpfrag (RFC 8840 section 9).
type fragment struct {
	ufrag, pwd string
	candidates []string // without "a="
}

// maxCandidates bounds one fragment, and maxTrickled all of one ICE session; browsers send a handful.
const maxCandidates, maxTrickled = 64, 256

// parseFragment reads a fragment. All m-lines are bundled, so it does not matter which one a candidate stands under.
func parseFragment(text string) (f fragment, err error) {
	for l := range strings.Lines(text) {
		l = strings.TrimSpace(l)
		switch name, value, _ := strings.Cut(l, ":"); name {
		case "a=ice-ufrag":
			f.ufrag = value
		case "a=ice-pwd":
			f.pwd = value
		case "a=candidate":
			if f.candidates = append(f.candidates, "candidate:"+value); len(f.candidates) > maxCandidates {
				return f, errors.New("too many candidates")
			}
			if !validCandidate(value) {
				return f, errors.New("a candidate could not be parsed")
			}
		}
	}
	return f, nil
}

// validCandidate checks the fixed part (RFC 8839 section 5.1): foundation, component, transport, priority, address, port, typ, type.
func validCandidate(value string) bool {
	part := strings.Fields(value)
	if len(part) < 8 || part[6] != "typ" {
		return false
	}
	for _, number := range []struct {
		i, bits int
	}{{1, 16}, {3, 32}, {5, 16}} {
		if _, err := strconv.ParseUint(part[number.i], 10, number.bits); err != nil {
			return false
		}
	}
	return true
}

// addTo gives the candidates to a connection.
func (f fragment) addTo(pc *webrtc.PeerConnection) error {
	for _, c := range f.candidates {
		line := uint16(0) // everything is bundled
		if err := pc.AddICECandidate(webrtc.ICECandidateInit{Candidate: c, SDPMLineIndex: &line}); err != nil {
			return err
		}
	}
	return nil
}

// restarts tells what keeps the fragment from beginning another ICE session than that of the offer. RFC 8839 section 5.4 gives the
// lengths and the letters; both values must change (section 4.4.1.1.1).
func (f fragment) restarts(offer string) error {
	switch {
	case f.ufrag == "" || f.pwd == "":
		return errors.New("an ICE restart needs ice-ufrag and ice-pwd")
	case len(f.ufrag) < 4 || len(f.ufrag) > 256 || len(f.pwd) < 22 || len(f.pwd) > 256 || strings.ContainsFunc(f.ufrag+f.pwd, notICEChar):
		return errors.New("ice-ufrag or ice-pwd is not valid")
	case f.ufrag == attribute(offer, "ice-ufrag") || f.pwd == attribute(offer, "ice-pwd"):
		return errors.New("an ICE restart needs a new ice-ufrag and a new ice-pwd")
	}
	return nil
}

func notICEChar(r rune) bool {
	return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '+' && r != '/'
}

// apply is the offer with the fragment's credentials and no candidates: those come one by one, so that a bad one cannot spoil it.
func (f fragment) apply(offer string) string {
	var out strings.Builder
	for l := range strings.Lines(offer) {
		switch name, _, _ := strings.Cut(strings.TrimSpace(l), ":"); name {
		case "a=ice-ufrag":
			fmt.Fprintf(&out, "a=ice-ufrag:%s\r\n", f.ufrag)
		case "a=ice-pwd":
			fmt.Fprintf(&out, "a=ice-pwd:%s\r\n", f.pwd)
		case "a=candidate", "a=end-of-candidates":
		default:
			out.WriteString(l)
		}
	}
	return out.String()
}

// answerFragment is our side of a restart: credentials and all candidates, under the first m-line.
func answerFragment(answer string) string {
	var out strings.Builder
	media := 0
	for l := range strings.Lines(answer) {
		l = strings.TrimSpace(l)
		if strings.HasPrefix(l, "m=") {
			media++
		}
		name, _, _ := strings.Cut(l, ":")
		switch {
		case name == "a=group",
			media == 1 && (strings.HasPrefix(l, "m=") || name == "a=mid" || name == "a=ice-ufrag" || name == "a=ice-pwd" || name == "a=candidate" || name == "a=end-of-candidates"):
			out.WriteString(l + "\r\n")
		}
	}
	return out.String()
}

// attribute is the first value of a=NAME:VALUE in a session description, "" when there is none.
func attribute(sdp, name string) string {
	for l := range strings.Lines(sdp) {
		if v, ok := strings.CutPrefix(strings.TrimSpace(l), "a="+name+":"); ok {
			return v
		}
	}
	return ""
}

// gatherPatience bounds the search for our own addresses.
const gatherPatience = 5 * time.Second
