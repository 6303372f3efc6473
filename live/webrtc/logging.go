package webrtc

import (
	"context"
	"fmt"
	"log/slog"

	"github.com/pion/logging"
)

// pionLogs hands pion's log to ours. Pion calls an error what a closed session brings about every time, so all of it is
// debug to us.
type pionLogs struct{ to *slog.Logger }

// NewLogger implements logging.LoggerFactory.
func (p pionLogs) NewLogger(scope string) logging.LeveledLogger {
	return pionLog{p.to.With("stage", "webrtc", "pion", scope)}
}

type pionLog struct{ to *slog.Logger }

func (p pionLog) log(msg string) { p.to.Log(context.Background(), slog.LevelDebug, msg) }

func (p pionLog) logf(format string, args []any) {
	if p.to.Enabled(context.Background(), slog.LevelDebug) {
		p.log(fmt.Sprintf(format, args...))
	}
}

func (p pionLog) Trace(string)                      {}
func (p pionLog) Tracef(string, ...any)             {}
func (p pionLog) Debug(string)                      {}
func (p pionLog) Debugf(string, ...any)             {}
func (p pionLog) Info(msg string)                   { p.log(msg) }
func (p pionLog) Infof(format string, args ...any)  { p.logf(format, args) }
func (p pionLog) Warn(msg string)                   { p.log(msg) }
func (p pionLog) Warnf(format string, args ...any)  { p.logf(format, args) }
func (p pionLog) Error(msg string)                  { p.log(msg) }
func (p pionLog) Errorf(format string, args ...any) { p.logf(format, args) }
