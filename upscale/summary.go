package upscale

import (
	"fmt"
	"os"
	"time"
)

// Summary is one line about the output for a person: its name, size, time, frames a second and checks. It is empty after an error.
func (r *Report) Summary() string {
	st, err := os.Stat(r.Output)
	if err != nil && r.Output != "-" || !r.OK && !r.Stopped {
		return ""
	}
	text := fmt.Sprintf("standard output: %d frames", r.Frames.Out)
	if err == nil {
		text = fmt.Sprintf("%s: %s, %d frames", r.Output, Bytes(st.Size()), r.Frames.Out)
	}
	if r.ElapsedMS > 0 {
		text += fmt.Sprintf(" in %s, %.1f fps", roundSeconds(r.ElapsedMS/1000), r.FPS)
	}
	if r.Stopped {
		return text + ", complete up to where it was stopped"
	}
	failed := 0
	for _, c := range r.Checks {
		if c.Must && !c.OK {
			failed++
		}
	}
	switch {
	case len(r.Checks) > 0 && failed == 0:
		text += fmt.Sprintf(", all %d checks passed", len(r.Checks))
	case failed > 0:
		text += fmt.Sprintf(", %d of %d checks failed", failed, len(r.Checks))
	}
	return text
}

// Bytes writes a number of bytes as people read it, as in 12.3 MB.
func Bytes(n int64) string {
	v, unit := float64(n), "B"
	for _, next := range []string{"kB", "MB", "GB", "TB"} {
		if v < 1000 {
			break
		}
		v, unit = v/1000, next
	}
	return fmt.Sprintf("%.3g %s", v, unit)
}

// roundSeconds is a length as people read it: whole seconds, below ten of them tenths.
func roundSeconds(seconds float64) time.Duration {
	unit := time.Second
	if seconds < 10 {
		unit = 100 * time.Millisecond
	}
	return time.Duration(seconds * float64(time.Second)).Round(unit)
}
