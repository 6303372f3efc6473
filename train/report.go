package train

import (
	"encoding/base64"
	"fmt"
	"html/template"
	"io"
	"os"
	"path/filepath"

	"vsr/internal/atomicfile"
)

// Report writes DIR/report.html: config, curves, sheet and the table of validations of a run, in one file.
func Report(dir string) (path string, err error) {
	entries, err := ReadLog(filepath.Join(dir, "log.jsonl"))
	if err != nil {
		return "", fmt.Errorf("train: report: %w", err)
	}
	page := struct {
		Name, Config  string
		Curves, Sheet template.URL
		Validations   []Entry
		Last          *Entry
	}{Name: filepath.Base(filepath.Clean(dir))}
	for i, e := range entries {
		if e.PSNR != 0 {
			page.Validations = append(page.Validations, e)
		}
		if e.Losses != nil {
			page.Last = &entries[i]
		}
	}
	text, err := os.ReadFile(filepath.Join(dir, "config.yaml"))
	if err != nil {
		return "", fmt.Errorf("train: report: %w", err)
	}
	page.Config = string(text)
	page.Curves, page.Sheet = inline(filepath.Join(dir, "curves.png")), inline(filepath.Join(dir, "sheet.png"))
	path = filepath.Join(dir, "report.html")
	err = atomicfile.Write(path, func(f io.Writer) error { return reportPage.Execute(f, page) })
	if err != nil {
		return "", fmt.Errorf("train: report: %w", err)
	}
	return path, nil
}

// inline is a picture as a data URL, empty when there is none yet.
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
{{with .Last}}<p>Step {{.Step}}, {{.Time}}, {{printf "%.1f" .Rate}} samples/s.</p>{{end}}
{{if .Curves}}<h2>Curves</h2><img src="{{.Curves}}" alt="loss and PSNR over steps">{{end}}
{{if .Sheet}}<h2>Validation</h2><p>Left to right: low resolution, bicubic, network, original.</p>
<img src="{{.Sheet}}" alt="validation pictures">{{end}}
<h2>Scores</h2><table><tr><th>step</th><th>PSNR Y, dB</th><th>bicubic, dB</th></tr>
{{range .Validations}}<tr><td>{{.Step}}</td><td>{{printf "%.3f" .PSNR}}</td><td>{{printf "%.3f" .Bicubic}}</td></tr>
{{end}}</table>
<h2>Config</h2><pre>{{.Config}}</pre></body></html>
`))
