package av

// #include "av.h"
import "C"

import (
	"context"
	"log/slog"
	"sync"
	"time"
)

var installLog sync.Once

// Log hands FFmpeg's warnings and errors to a slog.Logger, equal lines summed, at most once a second.
//
// FFmpeg's log is one per process: with several Logs open, each line goes to whichever polls first.
type Log struct {
	to    *slog.Logger
	stage string
	last  time.Time
}

// NewLog takes over FFmpeg's log, which would otherwise go to stderr. A nil logger discards.
func NewLog(to *slog.Logger, stage string) *Log {
	installLog.Do(func() { C.vsr_log_install() })
	if to == nil {
		to = slog.New(slog.DiscardHandler)
	}
	return &Log{to: to, stage: stage, last: time.Now()}
}

// Poll passes on what has come in, unless the last time was under a second ago.
func (l *Log) Poll() {
	if now := time.Now(); now.Sub(l.last) >= time.Second {
		l.last = now
		l.Flush()
	}
}

// Flush passes on everything that has come in.
func (l *Log) Flush() {
	type key struct{ source, text string }
	counts := map[key]int{}
	level := map[key]slog.Level{}
	var order []key
	var line C.vsr_line
	for range 256 { // bounded: other threads may go on logging
		if C.vsr_log_pop(&line) == 0 {
			break
		}
		k := key{C.GoString(&line.source[0]), printable(C.GoString(&line.text[0]))}
		if counts[k] == 0 {
			order = append(order, k)
			level[k] = slog.LevelWarn
			if line.level > C.AV_LOG_ERROR {
				level[k] = slog.LevelDebug
			}
		}
		counts[k] += int(line.count)
	}
	for _, k := range order {
		l.to.Log(context.Background(), level[k], "ffmpeg: "+k.text, "stage", l.stage, "source", k.source, "times", counts[k])
	}
	if n := int64(C.vsr_log_lost()); n > 0 {
		l.to.Debug("ffmpeg: more lines", "stage", l.stage, "times", n)
	}
}
