package train

import (
	"encoding/base64"
	"fmt"
	"html/template"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/goccy/go-yaml"

	"vsr/internal/atomicfile"
	"vsr/internal/cli"
)

// reportData is what the page of a run shows.
type reportData struct {
	Name, Config  string
	Curves, Sheet template.URL
	Validations   []Entry
	Changes       []Entry // keys that a resumed run had with other values
	Last          *Entry
	Steps         int    // of the whole recipe
	Left          string // time to the end at the last rate; empty when it is done or not known
	Finished      bool
	Material      *Material // nil for a run of an older version
}

// Report writes DIR/report.html: progress, data, config, curves, sheet and the table of validations of a run, in one file.
func Report(dir string) (path string, err error) {
	page, err := readReport(dir)
	if err != nil {
		return "", fmt.Errorf("train: report: %w", err)
	}
	path = filepath.Join(dir, "report.html")
	err = atomicfile.Write(path, func(w io.Writer) error { return reportPage.Execute(w, page) })
	if err != nil {
		return "", fmt.Errorf("train: report: %w", err)
	}
	return path, nil
}

func readReport(dir string) (*reportData, error) {
	const hint = "name the run folder, the key out of the config; vsr train fills it"
	entries, err := ReadLog(filepath.Join(dir, "log.jsonl"))
	if err != nil {
		return nil, input(err, hint)
	}
	page := &reportData{Name: filepath.Base(filepath.Clean(dir))}
	for i, e := range entries {
		if e.PSNR != 0 {
			page.Validations = append(page.Validations, e)
		}
		if len(e.Changed) > 0 {
			page.Changes = append(page.Changes, e)
		}
		if e.Losses != nil {
			page.Last = &entries[i]
		}
	}
	text, err := os.ReadFile(filepath.Join(dir, "config.yaml"))
	if err != nil {
		return nil, input(err, hint)
	}
	page.Config = string(text)
	page.progress(text)
	if page.Material, err = readMaterial(dir); err != nil {
		return nil, err
	}
	page.Curves, page.Sheet = inline(filepath.Join(dir, "curves.png")), inline(filepath.Join(dir, "sheet.png"))
	return page, nil
}

// progress fills in how far the run is. A config of another version is shown without.
func (r *reportData) progress(config []byte) {
	c := Default()
	if err := yaml.Unmarshal(config, &c); err != nil || r.Last == nil {
		return
	}
	r.Steps = c.Optim.Steps
	r.Finished = r.Last.Step >= r.Steps
	if r.Last.Rate > 0 && !r.Finished {
		r.Left = cli.Rough(time.Duration(float64((r.Steps-r.Last.Step)*c.Data.Batch) / r.Last.Rate * float64(time.Second)))
	}
}

// inline is a image as a data URL, empty when there is none yet.
func inline(path string) template.URL {
	b, err := os.ReadFile(path)
	if err != nil {
		return ""
	}
	return template.URL("data:image/png;base64," + base64.StdEncoding.EncodeToString(b))
}

var reportPage = template.Must(template.New("report").Parse(`<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>{{.Name}}</title>
<style>body{font:15px sans-serif;max-width:1200px;margin:2em auto;padding:0 1em}img{max-width:100%}
td,th{padding:.1em .8em;text-align:right}pre{background:#f4f4f4;padding:1em;overflow:auto}</style></head><body>
<h1>{{.Name}}</h1>
{{with .Last}}<p>Step {{.Step}}{{if $.Steps}} of {{$.Steps}}{{end}}, {{.Time}}, {{printf "%.1f" .Rate}} samples/s{{if $.Finished}}, finished{{else if $.Left}}, about {{$.Left}} left at this rate{{end}}.
{{if .LeftOut}}{{.LeftOut}} steps were left out, because their loss was far above the others'.{{else}}No step was left out.{{end}}</p>{{end}}
{{range .Changes}}<p>Resumed at step {{.Step}} with other values: {{range $i, $c := .Changed}}{{if $i}}; {{end}}<code>{{$c}}</code>{{end}}</p>{{end}}
{{with .Material}}<h2>Data</h2>
<p>Training: {{.TrainTiles}} tiles of {{len .TrainFiles}} files. Validation: {{len .Windows}} windows of {{len .ValidationFiles}} files, none of which is trained on.</p>
<details><summary>Files</summary><p>Training: {{range $i, $f := .TrainFiles}}{{if $i}}, {{end}}{{$f}}{{end}}</p>
<p>Validation: {{range $i, $f := .ValidationFiles}}{{if $i}}, {{end}}{{$f}}{{end}}</p></details>
<details><summary>Windows</summary><p>{{range $i, $f := .Windows}}{{if $i}}; {{end}}{{$f}}{{end}}</p></details>
{{if .LeftOut}}<p>Left out of the validation: {{range $i, $f := .LeftOut}}{{if $i}}; {{end}}{{$f}}{{end}}</p>{{end}}
{{if .Skipped}}<p>Not read: {{range $i, $f := .Skipped}}{{if $i}}; {{end}}{{$f.Path}}: {{$f.Reason}}{{end}}</p>{{end}}{{end}}
{{if .Curves}}<h2>Curves</h2><img src="{{.Curves}}" alt="loss and PSNR over steps">{{end}}
{{if .Sheet}}<h2>Validation</h2><p>Left to right: low resolution, bicubic, network, original.</p>
<img src="{{.Sheet}}" alt="validation images">{{end}}
<h2>Scores</h2><table><tr><th>step</th><th>PSNR Y, dB</th><th>bicubic, dB</th><th>Cb</th><th>bicubic</th><th>Cr</th><th>bicubic</th>{{with .Material}}{{if .Against}}<th>{{.Against}}, dB</th>{{end}}{{end}}</tr>
{{range .Validations}}<tr><td>{{.Step}}</td><td>{{printf "%.3f" .PSNR}}</td><td>{{printf "%.3f" .Bicubic}}</td>{{range .Color}}<td>{{.}}</td>{{end}}{{with $.Material}}{{if .Against}}<td>{{printf "%.3f" .AgainstPSNR}}</td>{{end}}{{end}}</tr>
{{end}}</table>
<h2>Config</h2><pre>{{.Config}}</pre></body></html>
`))
