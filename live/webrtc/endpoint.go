package webrtc

import (
	"context"
	"errors"
	"io"
	"mime"
	"net/http"
)

const sdpType, fragmentType = "application/sdp", "application/trickle-ice-sdpfrag"

// endpoint serves /whip and /whep. Both follow the same rules (RFC 9725 section 4; WHEP draft section 4).
func (s *Server) endpoint(kind string) http.HandlerFunc {
	create := s.createPublisher
	if kind == "whep" {
		create = s.createViewer
	}
	return func(w http.ResponseWriter, r *http.Request) {
		switch r.Method {
		case http.MethodPost:
			s.post(w, r, kind, create)
		case http.MethodGet: // RFC 9725 section 4.2: 2xx without content
			w.WriteHeader(http.StatusNoContent)
		case http.MethodHead: // WHEP draft: lets players recognise the endpoint
			w.Header().Set("Content-Type", sdpType)
			w.WriteHeader(http.StatusOK)
		case http.MethodOptions:
			w.Header().Set("Accept-Post", sdpType)
			w.Header().Set("Allow", "POST, GET, HEAD, OPTIONS")
			w.WriteHeader(http.StatusOK)
		default:
			w.Header().Set("Allow", "POST, GET, HEAD, OPTIONS")
			problem(w, http.StatusMethodNotAllowed, "POST an SDP offer here")
		}
	}
}

// refusal is an error with the status that the client is to see.
type refusal struct {
	status     int
	detail     string
	retryAfter string
}

func (e *refusal) Error() string { return e.detail }

type createFunc func(ctx context.Context, offer string) (*session, string, error)

func (s *Server) post(w http.ResponseWriter, r *http.Request, kind string, create createFunc) {
	if t, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || t != sdpType {
		problem(w, http.StatusUnsupportedMediaType, "the offer must be "+sdpType)
		return
	}
	offer, err := io.ReadAll(r.Body)
	if err != nil {
		problem(w, bodyStatus(err), "the offer could not be read")
		return
	}
	if len(offer) == 0 {
		problem(w, http.StatusBadRequest, "the body is empty")
		return
	}
	if err := checkOffer(string(offer), kind); err != nil {
		s.refuse(w, kind, err)
		return
	}
	sess, answer, err := create(r.Context(), openBundled(string(offer)))
	if err != nil {
		s.refuse(w, kind, err)
		return
	}
	h := w.Header()
	h.Set("Content-Type", sdpType)
	h.Set("Location", s.prefix+"/session/"+sess.id)
	h.Set("ETag", sess.tag())
	h.Set("Cache-Control", "no-store")
	s.link(h)
	w.WriteHeader(http.StatusCreated)
	io.WriteString(w, answer)
	s.o.Logger.Info("session opened", "stage", "webrtc", "kind", kind, "session", sess.id[:6])
}

func (s *Server) refuse(w http.ResponseWriter, kind string, err error) {
	var no *refusal
	switch {
	case errors.As(err, &no):
		if no.retryAfter != "" {
			w.Header().Set("Retry-After", no.retryAfter)
		}
		problem(w, no.status, no.detail)
	case errors.Is(err, errOffer):
		problem(w, http.StatusUnprocessableEntity, err.Error())
	default:
		s.o.Logger.Error("session refused", "stage", "webrtc", "kind", kind, "err", err)
		problem(w, http.StatusInternalServerError, "the session could not be set up")
	}
	s.o.OnEvent(kind, "refused")
}

func bodyStatus(err error) int {
	var big *http.MaxBytesError
	if errors.As(err, &big) {
		return http.StatusRequestEntityTooLarge
	}
	return http.StatusBadRequest
}

// serveSession answers on a session's URL: DELETE ends it, PATCH adds the client's candidates.
func (s *Server) serveSession(w http.ResponseWriter, r *http.Request) {
	sess := s.table.get(r.PathValue("id"))
	if sess == nil {
		problem(w, http.StatusNotFound, "no such session")
		return
	}
	if sess.kind == "whip" && r.Method != http.MethodOptions && s.rightsOf(r)&mayPublish == 0 {
		problem(w, http.StatusForbidden, "this token does not allow that")
		return
	}
	switch r.Method {
	case http.MethodDelete:
		s.table.remove(sess.id, "deleted")
		w.WriteHeader(http.StatusOK)
	case http.MethodPatch:
		s.patch(w, r, sess)
	case http.MethodGet:
		w.WriteHeader(http.StatusNoContent)
	case http.MethodOptions:
		w.Header().Set("Accept-Patch", fragmentType)
		w.WriteHeader(http.StatusOK)
	default:
		w.Header().Set("Allow", "DELETE, PATCH, GET, OPTIONS")
		problem(w, http.StatusMethodNotAllowed, "DELETE ends a session, PATCH adds candidates")
	}
}
