package live

import (
	"errors"
	"fmt"
	"io"
	"net/url"
	"slices"
	"strings"
	"syscall"
	"time"

	"vsr/internal/fault"
	"vsr/live/output"
	"vsr/sr/adaptive"
	"vsr/sr/kdsr"
)

// Status is the page's view of the pipeline; live/webrtc/page/index.html reads it.
type Status struct {
	Source   string `json:"source,omitempty"`
	State    string `json:"state"`           // waiting, live or lost
	Error    string `json:"error,omitempty"` // why the source is lost
	Enhance  bool   `json:"enhance"`         // what people at the page asked for
	Model    string `json:"model"`
	Enhanced bool   `json:"enhanced"`         // false when plain resampling runs, by choice or for want of time
	Reason   string `json:"reason,omitempty"` // why it is not, when that is not a person's choice
	Choice   string `json:"choice,omitempty"` // why this source began with the model that it began with
	// Degradation is what the network in use takes the source's to be, where its weights can say it.
	Degradation *kdsr.Reading      `json:"degradation,omitempty"`
	Levels      []Level            `json:"levels,omitempty"`
	InSize      string             `json:"in_size,omitempty"`
	OutSize     string             `json:"out_size,omitempty"`
	FPSIn       float64            `json:"fps_in"`
	FPSOut      float64            `json:"fps_out"`
	AgeMS       float64            `json:"age_ms"`
	Dropped     map[string]int64   `json:"dropped"`
	StageMS     map[string]float64 `json:"stage_ms"`
	Changes     int                `json:"quality_changes"`
	Outputs     []output.Status    `json:"outputs,omitempty"`
}

// Status is what the page shows of the pipeline; the server asks for it at each poll of the page.
func (s *Session) Status() Status {
	r, n := s.level(), &s.numbers
	st := Status{Source: sourceName(s.o.Source), Model: r.Name, Enhanced: r.Enhanced, FPSIn: n.in.value(), FPSOut: n.out.value(), Changes: r.Changes,
		Dropped: map[string]int64{}, Outputs: s.hub.Outputs()}
	s.mu.Lock()
	before := s.droppedBefore
	s.mu.Unlock()
	for reason, count := range s.dropped() {
		st.Dropped[reason] = count() - before[reason]
	}
	st.State, st.Error, st.Enhance = s.state(), s.lost(), s.enhance.Load()
	if st.State != "live" { // the numbers of the source before would only confuse
		st.FPSIn, st.FPSOut = 0, 0
		return st
	}
	s.mu.Lock()
	st.Levels, st.Reason, st.Choice = s.levels, s.reason, s.choice
	read := s.readers[r.Name]
	s.mu.Unlock()
	if read != nil && st.Enhanced {
		st.Degradation = read()
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.from.Width > 0 {
		st.InSize, st.OutSize = fmt.Sprintf("%d×%d", n.from.Width, n.from.Height), fmt.Sprintf("%d×%d", n.to.Width, n.to.Height)
	}
	st.AgeMS, st.StageMS = float64(n.age)/float64(time.Millisecond), n.perStage
	return st
}

// forRole leaves out what only who may control is to read: addresses, errors of FFmpeg, numbers of the machine.
func (st Status) forRole(control bool) Status {
	if !control {
		st.Source, st.Error, st.Choice, st.Levels, st.StageMS, st.Outputs = "", "", "", nil, nil, nil
	}
	return st
}

// sourceName is the source as people may see it: without a password, a query, and the stream key at the end of an address of RTMP.
func sourceName(source string) string {
	listens := ""
	if rest, ok := strings.CutPrefix(source, "listen:"); ok {
		source, listens = rest, "listen:"
	}
	u, err := url.Parse(source)
	if err != nil || u.Host == "" {
		return listens + source
	}
	u.User, u.RawQuery = nil, ""
	if app, _, ok := strings.Cut(strings.TrimPrefix(u.Path, "/"), "/"); ok && strings.HasPrefix(u.Scheme, "rtmp") {
		u.Path = "/" + app + "/..."
	}
	return listens + u.String()
}

// state says in a word what the source does.
func (s *Session) state() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.upscaler != nil:
		return "live"
	case s.lostErr != nil:
		return "lost"
	}
	return "waiting"
}

// lost says on one line why the source is lost, "" while it is not.
func (s *Session) lost() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.lostErr == nil || s.upscaler != nil {
		return ""
	}
	return plain(s.lostErr)
}

// plain says in a sentence why a source is lost, where FFmpeg has only the system's words for it. The log has them.
func plain(err error) string {
	is := func(list ...error) bool {
		return slices.ContainsFunc(list, func(e error) bool { return errors.Is(err, e) })
	}
	switch {
	case is(syscall.EIO, syscall.EPIPE, syscall.ECONNRESET, syscall.ECONNABORTED, io.EOF, io.ErrUnexpectedEOF):
		return "the sender ended the connection, or does not send yet"
	case is(syscall.ECONNREFUSED):
		return "nobody answers at the source's address"
	case is(syscall.EHOSTUNREACH, syscall.ENETUNREACH):
		return "the network does not reach the source's address"
	case is(syscall.ETIMEDOUT):
		return "the source does not answer"
	case is(syscall.ENODEV, syscall.ENXIO):
		return "the device is not plugged in"
	}
	return fault.Line(err)
}

// level is the state of the upscaler, zero between two pipelines.
func (s *Session) level() adaptive.Stats {
	s.mu.Lock()
	u := s.upscaler
	s.mu.Unlock()
	if u == nil {
		return adaptive.Stats{Enhanced: s.enhance.Load()}
	}
	return u.Stats()
}
