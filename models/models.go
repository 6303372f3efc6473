// Package models holds the weights that are built into the program.
package models

import (
	"embed"
	"fmt"
	"io/fs"
	"path"
	"sort"
	"strings"
)

//go:embed README.md *.safetensors
var files embed.FS

const suffix = ".safetensors"

// Names lists the models, in order. It may be empty.
func Names() []string {
	entries, err := fs.ReadDir(files, ".")
	if err != nil {
		panic(err) // the folder is part of the program
	}
	var names []string
	for _, e := range entries {
		if name, ok := strings.CutSuffix(e.Name(), suffix); ok {
			names = append(names, name)
		}
	}
	sort.Strings(names)
	return names
}

// Open returns the weights file of a model, which is an io.ReaderAt. The error says which names there are.
func Open(name string) (fs.File, error) {
	f, err := files.Open(path.Base(name) + suffix)
	if err != nil {
		have := strings.Join(Names(), ", ")
		if have == "" {
			have = "none"
		}
		return nil, fmt.Errorf("no built-in model %q, have %s", name, have)
	}
	return f, nil
}
