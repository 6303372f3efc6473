package main

import (
	"io"
	"regexp"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"vsr/internal/cli"
	"vsr/internal/cli/args"
	"vsr/upscale/batch"
)

// Every command has an example, and every example is a command line that its flags take.
func TestExamplesOfHelp(t *testing.T) {
	fresh := func() *cobra.Command { return (&app{cli.Output{Stdout: io.Discard, Stderr: io.Discard}}).root() }
	lines := 0
	var walk func(*cobra.Command)
	walk = func(cmd *cobra.Command) {
		if cmd.Name() != "help" && cmd.Name() != "completion" && cmd.Example == "" {
			t.Errorf("%s has no example", cmd.CommandPath())
		}
		for line := range strings.Lines(cmd.Example) {
			for _, words := range vsrCalls(line) {
				lines++
				root := fresh() // flags keep what they were given
				one, rest, err := root.Find(args.WithCommand(root, words, "run", batch.IsVideo))
				if err == nil {
					if err = one.ParseFlags(rest); err == nil {
						err = one.ValidateArgs(one.Flags().Args())
					}
				}
				if err != nil {
					t.Errorf("%s: example %q: %v", cmd.CommandPath(), strings.TrimSpace(line), err)
				}
			}
		}
		for _, c := range cmd.Commands() {
			if c.Name() != "completion" {
				walk(c)
			}
		}
	}
	walk(fresh())
	if lines < 40 {
		t.Errorf("only %d examples were found", lines)
	}
}

var shellVariable = regexp.MustCompile(`\$\w+`)

// vsrCalls returns the arguments of each call of vsr in a shell line.
func vsrCalls(line string) (calls [][]string) {
	code, _, _ := strings.Cut(shellVariable.ReplaceAllString(line, "1"), " # ")
	for _, part := range strings.FieldsFunc(strings.ReplaceAll(code, "&&", ";"), func(r rune) bool { return strings.ContainsRune(";|", r) }) {
		before, _, _ := strings.Cut(part, ">")
		words := strings.Fields(strings.TrimPrefix(strings.TrimSpace(before), "do "))
		if len(words) > 0 && words[0] == "vsr" {
			calls = append(calls, words[1:])
		}
	}
	return calls
}
