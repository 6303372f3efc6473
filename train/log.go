package train

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"time"

	"vsr/internal/atomicfile"
)

// Entry is one line of log.jsonl: the losses averaged since the last line, or a validation.
type Entry struct {
	Step   int                `json:"step"`
	Time   string             `json:"time"`
	Losses map[string]float64 `json:"losses,omitempty"`
	LR     float64            `json:"lr,omitempty"`
	Rate   float64            `json:"samples_per_s,omitempty"`
	// Of a validation, in dB: luma and the color differences of the network's own output, and bicubic's of the same windows.
	PSNR      float64  `json:"psnr_y,omitempty"`
	PSNRCb    float64  `json:"psnr_cb,omitempty"`
	PSNRCr    float64  `json:"psnr_cr,omitempty"`
	Bicubic   float64  `json:"bicubic_psnr_y,omitempty"`
	BicubicCb float64  `json:"bicubic_psnr_cb,omitempty"`
	BicubicCr float64  `json:"bicubic_psnr_cr,omitempty"`
	Changed   []string `json:"changed,omitempty"`  // keys that a resumed run has with other values, as key: old -> new
	LeftOut   int      `json:"left_out,omitempty"` // steps without effect so far, because of a loss far above the mean
}

// Color is PSNR of Cb and Cr, each followed by bicubic's, for people; dashes in logs of runs that did not measure it.
func (e Entry) Color() (out [4]string) {
	for i, v := range [4]float64{e.PSNRCb, e.BicubicCb, e.PSNRCr, e.BicubicCr} {
		if out[i] = "-"; v != 0 {
			out[i] = fmt.Sprintf("%.2f", v)
		}
	}
	return out
}

// journal appends entries. A line of losses is written every logEvery steps.
type trainingLog struct {
	f    *os.File
	all  []Entry
	sum  map[string]mean // of the losses since the last line
	last Entry           // last validation
}

const logEvery = 50

// openLog drops lines after step (they belong to steps that a crash undid) and appends from there.
func openLog(path string, step int) (*trainingLog, error) {
	old, err := ReadLog(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	j := &trainingLog{}
	err = atomicfile.Write(path, func(f io.Writer) error {
		w := bufio.NewWriter(f)
		enc := json.NewEncoder(w)
		for _, e := range old {
			if e.Step <= step && step > 0 {
				j.keep(e)
				if err := enc.Encode(e); err != nil {
					return err
				}
			}
		}
		return w.Flush()
	})
	if err != nil {
		return nil, err
	}
	j.f, err = os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0o644)
	return j, err
}

// ReadLog reads a log. A torn last line, as a crash leaves it, is left out.
func ReadLog(path string) ([]Entry, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var out []Entry
	s := bufio.NewScanner(f)
	for s.Scan() {
		var e Entry
		if json.Unmarshal(s.Bytes(), &e) == nil {
			out = append(out, e)
		}
	}
	return out, s.Err()
}

func (j *trainingLog) keep(e Entry) {
	j.all = append(j.all, e)
	if e.PSNR != 0 {
		j.last = e
	}
}

func (j *trainingLog) write(e Entry) error {
	e.Time = time.Now().UTC().Format(time.RFC3339)
	line, err := json.Marshal(e)
	if err != nil {
		return err
	}
	j.keep(e)
	if _, err := j.f.Write(append(line, '\n')); err != nil {
		return fmt.Errorf("log: %w", err)
	}
	return nil
}

// mean is a sum and of how many.
type mean struct {
	sum float64
	n   int
}

// losses collects one step's. Their names change when a run's warm-up ends.
func (j *trainingLog) losses(t *trainer, names []string, losses []float32, rate float64) error {
	if j.sum == nil {
		j.sum = map[string]mean{}
	}
	for i, v := range losses { // none when the step was left out
		m := j.sum[names[i]]
		j.sum[names[i]] = mean{m.sum + float64(v), m.n + 1}
	}
	if t.step%logEvery != 0 && t.step != t.c.Optim.Steps {
		return nil
	}
	e := Entry{Step: t.step, Losses: map[string]float64{}, LR: t.c.Optim.rate(t.step - 1), Rate: rate, LeftOut: t.leftOut}
	for name, m := range j.sum {
		e.Losses[name] = m.sum / float64(m.n)
	}
	clear(j.sum)
	return j.write(e)
}

// score is the last validation in words.
func (j *trainingLog) score() string {
	if j.last.PSNR == 0 {
		return ""
	}
	return fmt.Sprintf("validation psnr_y %.2f dB, bicubic %.2f dB", j.last.PSNR, j.last.Bicubic)
}

// Close closes the file.
func (j *trainingLog) Close() error { return j.f.Close() }
