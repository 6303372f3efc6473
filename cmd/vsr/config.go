package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/goccy/go-yaml"
)

// maxConfig is the largest configuration file that is read, in bytes.
const maxConfig = 1 << 20

// loadConfig reads a YAML file over what is in to. Keys that do not exist are errors, with file and line.
func loadConfig(path string, to any) error {
	f, err := os.Open(path)
	if err != nil {
		return usageFault("", "configuration: %w", err)
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxConfig+1))
	if err != nil {
		return usageFault("", "configuration: %w", err)
	}
	if len(text) > maxConfig {
		return usageFault("", "configuration: %s is larger than %d bytes", path, maxConfig)
	}
	return parseConfig(path, text, to)
}

func parseConfig(path string, text []byte, to any) error {
	d := yaml.NewDecoder(bytes.NewReader(text), yaml.Strict())
	if err := d.Decode(to); err != nil && !errors.Is(err, io.EOF) { // an empty file is fine
		return configFault(path, err)
	}
	var more any
	if err := d.Decode(&more); err == nil {
		return usageFault("", "%s: more than one YAML document", path)
	}
	return nil
}

// configFault puts file and line in front of the first line of a YAML error.
func configFault(path string, err error) error {
	hint := "vsr run --print-config shows all keys"
	var located yaml.Error
	if errors.As(err, &located) && located.GetToken() != nil {
		at := located.GetToken().Position
		return usageFault(hint, "%s:%d:%d: %s", path, at.Line, at.Column, located.GetMessage())
	}
	line, _, _ := strings.Cut(err.Error(), "\n")
	return usageFault(hint, "%s: %s", path, line)
}

// printConfig writes v as YAML.
func printConfig(w io.Writer, v any) error {
	text, err := yaml.Marshal(v)
	if err != nil {
		return fmt.Errorf("configuration: %w", err)
	}
	_, err = w.Write(text)
	return err
}
