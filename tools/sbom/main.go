// Sbom writes the list of parts of a bundle as CycloneDX 1.5 JSON on standard output:
//
//	go run ./tools/sbom build/bundle/vsr-0.2.0-linux-amd64 0.2.0
//
// The parts are the Go modules in licenses/GO-MODULES and the Debian source packages in licenses/SOURCES, as scripts/bundle.sh writes them.
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

type component struct {
	Type    string `json:"type"`
	Name    string `json:"name"`
	Version string `json:"version"`
	PURL    string `json:"purl,omitempty"`
}

type bom struct {
	Format   string `json:"bomFormat"`
	Spec     string `json:"specVersion"`
	Version  int    `json:"version"`
	Metadata struct {
		Component component `json:"component"`
	} `json:"metadata"`
	Components []component `json:"components"`
}

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: sbom BUNDLE VERSION")
		os.Exit(2)
	}
	b, err := describe(os.Args[1], os.Args[2])
	if err == nil {
		e := json.NewEncoder(os.Stdout)
		e.SetIndent("", "  ")
		err = e.Encode(b)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "sbom:", err)
		os.Exit(1)
	}
}

// source is a line of SOURCES: a package and its version, which has a digit in it.
var source = regexp.MustCompile(`(?m)^([a-z0-9][a-z0-9+.-]+) (\d[^ \n]*)`)

// describe reads the lists of a bundle.
func describe(bundle, version string) (*bom, error) {
	b := &bom{Format: "CycloneDX", Spec: "1.5", Version: 1}
	b.Metadata.Component = component{Type: "application", Name: "vsr", Version: version}
	modules, err := os.ReadFile(filepath.Join(bundle, "licenses/GO-MODULES"))
	if err != nil {
		return nil, err
	}
	for line := range strings.Lines(string(modules)) {
		if name, v, ok := strings.Cut(strings.TrimSpace(line), " "); ok {
			b.Components = append(b.Components, component{"library", name, v, "pkg:golang/" + name + "@" + v})
		}
	}
	sources, err := os.ReadFile(filepath.Join(bundle, "licenses/SOURCES"))
	if err != nil {
		return nil, err
	}
	for _, m := range source.FindAllStringSubmatch(string(sources), -1) {
		b.Components = append(b.Components, component{"library", m[1], m[2], "pkg:deb/debian/" + m[1] + "@" + strings.ReplaceAll(m[2], "+", "%2B") + "?arch=source"})
	}
	if len(b.Components) == 0 {
		return nil, fmt.Errorf("%s names no parts", bundle)
	}
	return b, nil
}
