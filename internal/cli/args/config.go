package args

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"vsr/internal/fault"
)

// maxConfig is the largest configuration file that is read, in bytes.
const maxConfig = 1 << 20

// Layer reads the YAML file between the defaults, which are in to, and the flags that were given on the command line of cmd, which
// write to the same fields. An empty path is no file. Errors are of kind fault.Usage.
func Layer(cmd *cobra.Command, path string, to any) error {
	if path == "" {
		return nil
	}
	given := map[string]string{}
	cmd.Flags().Visit(func(f *pflag.Flag) { given[f.Name] = f.Value.String() })
	if err := loadConfig(path, to); err != nil {
		return err
	}
	for name, text := range given {
		if err := cmd.Flags().Set(name, text); err != nil {
			return err
		}
	}
	return nil
}

func loadConfig(path string, to any) error {
	f, err := os.Open(path)
	if err != nil {
		return fault.New(fault.Usage, "", "configuration: %w", err)
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxConfig+1))
	if err != nil {
		return fault.New(fault.Usage, "", "configuration: %w", err)
	}
	if len(text) > maxConfig {
		return fault.New(fault.Usage, "", "configuration: %s is larger than %d bytes", path, maxConfig)
	}
	return ParseConfig(path, text, to)
}

// ParseConfig reads YAML over what is in to. Keys that do not exist are errors of kind fault.Usage, with file and line.
func ParseConfig(path string, text []byte, to any) error {
	d := yaml.NewDecoder(bytes.NewReader(text), yaml.Strict())
	if err := d.Decode(to); err != nil && !errors.Is(err, io.EOF) { // an empty file is fine
		return configFault(path, err)
	}
	var more any
	if err := d.Decode(&more); err == nil {
		return fault.New(fault.Usage, "", "%s: more than one YAML document", path)
	}
	return nil
}

// configFault puts file and line in front of the first line of a YAML error.
func configFault(path string, err error) error {
	hint := "vsr run --print-config shows all keys"
	var located yaml.Error
	if errors.As(err, &located) && located.GetToken() != nil {
		at := located.GetToken().Position
		return fault.New(fault.Usage, hint, "%s:%d:%d: %s", path, at.Line, at.Column, located.GetMessage())
	}
	line, _, _ := strings.Cut(err.Error(), "\n")
	return fault.New(fault.Usage, hint, "%s: %s", path, line)
}

// PrintConfig writes v as YAML.
func PrintConfig(w io.Writer, v any) error {
	text, err := yaml.Marshal(v)
	if err != nil {
		return fmt.Errorf("configuration: %w", err)
	}
	_, err = w.Write(text)
	return err
}
