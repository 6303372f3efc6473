// Package cli is what the commands share about the person at the terminal: whether there is one, a status line that is drawn
// again as work goes on, and the signals that ask a command to end.
//
// In: a writer, numbers, signals. Out: text, contexts. It knows nothing of video, and nothing here can hold up the work: a
// terminal that takes no more text loses the text.
package cli

import (
	"fmt"
	"io"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// IsTerminal reports whether w is a terminal.
func IsTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	if !ok {
		return false
	}
	_, err := unix.IoctlGetTermios(int(f.Fd()), unix.TCGETS)
	return err == nil
}

// canErase reports whether w is a terminal that understands how a line is erased.
func canErase(w io.Writer) bool {
	term := os.Getenv("TERM")
	return IsTerminal(w) && term != "" && term != "dumb"
}

// defaultColumns is the width of a terminal that does not say its own.
const defaultColumns = 80

// columns is the width of the terminal w at this moment, in characters.
func columns(w io.Writer) int {
	if f, ok := w.(*os.File); ok {
		if size, err := unix.IoctlGetWinsize(int(f.Fd()), unix.TIOCGWINSZ); err == nil && size.Col > 0 {
			return int(size.Col)
		}
	}
	return defaultColumns
}

// Rough writes a time to come as people say it: 40s, 12 min, 3 h 20 min.
func Rough(d time.Duration) string {
	switch {
	case d < 100*time.Second:
		return fmt.Sprintf("%.0f s", d.Seconds())
	case d < 100*time.Minute:
		return fmt.Sprintf("%.0f min", d.Minutes())
	}
	m := int(d.Round(10 * time.Minute).Minutes())
	return fmt.Sprintf("%d h %02d min", m/60, m%60)
}
