package main

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// clockFlag is a time in seconds that may be written 90, 1:30 or 0:01:30.5.
type clockFlag float64

// String writes seconds.
func (c *clockFlag) String() string { return strconv.FormatFloat(float64(*c), 'f', -1, 64) }

// Type is what help calls the value.
func (c *clockFlag) Type() string { return "time" }

// Set reads a time.
func (c *clockFlag) Set(s string) error {
	parts := strings.Split(s, ":")
	if len(parts) > 3 {
		return fmt.Errorf("time %q: want seconds, m:s or h:m:s", s)
	}
	total := 0.0
	for i, part := range parts {
		v, err := strconv.ParseFloat(part, 64)
		if err != nil || !(v >= 0) || math.IsInf(v, 0) || i > 0 && v >= 60 {
			return fmt.Errorf("time %q: want seconds, m:s or h:m:s", s)
		}
		total = total*60 + v
	}
	*c = clockFlag(total)
	return nil
}

// changedFlags returns the flags that were on the command line, with their values.
func changedFlags(cmd *cobra.Command) map[string]string {
	given := map[string]string{}
	cmd.Flags().Visit(func(f *pflag.Flag) { given[f.Name] = f.Value.String() })
	return given
}

// lengthFlag is a length in seconds that may be written 3s, 3 or 0:03.
type lengthFlag float64

// String writes seconds.
func (l *lengthFlag) String() string { return (*clockFlag)(l).String() }

// Type is what help calls the value.
func (l *lengthFlag) Type() string { return "length" }

// Set reads a length.
func (l *lengthFlag) Set(s string) error { return (*clockFlag)(l).Set(strings.TrimSuffix(s, "s")) }
