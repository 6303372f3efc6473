package args

import (
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"vsr/internal/fault"
)

// WithCommand puts the command name before arguments that begin with a file or with a flag of that command, as in `vsr clip.mp4` and
// `vsr -i clip.mp4 big.mp4`. isFile tells by its name alone what is a file, there or not; what exists is one anyway.
func WithCommand(root *cobra.Command, args []string, name string, isFile func(string) bool) []string {
	at := slices.IndexFunc(args, func(a string) bool { return a != "-v" && a != "--verbose" })
	if at < 0 {
		return args
	}
	first := args[at]
	switch {
	case slices.Contains([]string{"-h", "--help", "--version", "help", "completion", cobra.ShellCompRequestCmd, cobra.ShellCompNoDescRequestCmd}, first):
		return args
	case slices.ContainsFunc(root.Commands(), func(c *cobra.Command) bool { return c.Name() == first || c.HasAlias(first) }):
		return args
	case strings.HasPrefix(first, "-"), strings.Contains(first, "://"), isFile(first), Exists(first):
		return slices.Insert(slices.Clone(args), at, name)
	}
	return args
}

// Exists reports whether there is a file or folder of that name.
func Exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// UsageErrors makes the errors of flags, argument counts and unknown commands, of root and all below it, errors of kind fault.Usage
// with a hint of what was meant.
func UsageErrors(root *cobra.Command) {
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return &fault.Error{Kind: fault.Usage, Err: err, Hint: flagHint(cmd, err, helpOf(root, cmd))}
	})
	var visit func(cmd *cobra.Command)
	visit = func(cmd *cobra.Command) {
		if check := cmd.Args; check != nil {
			cmd.Args = func(cmd *cobra.Command, args []string) error {
				if err := check(cmd, args); err != nil {
					return &fault.Error{Kind: fault.Usage, Err: err, Hint: commandHint(cmd, args, helpOf(root, cmd))}
				}
				return nil
			}
		}
		for _, sub := range cmd.Commands() {
			visit(sub)
		}
	}
	visit(root)
}

// helpOf is the command line that prints the help of cmd.
func helpOf(root, cmd *cobra.Command) string {
	return root.Name() + " help" + strings.TrimPrefix(cmd.CommandPath(), root.Name())
}

// flagHint names the flag that an unknown one was meant to be.
func flagHint(cmd *cobra.Command, err error, otherwise string) string {
	_, name, ok := strings.Cut(err.Error(), "unknown flag: --")
	if !ok {
		return otherwise
	}
	var list []string
	add := func(f *pflag.Flag) { list = append(list, "--"+f.Name) }
	cmd.Flags().VisitAll(add)
	cmd.InheritedFlags().VisitAll(add)
	return fault.DidYouMean("--"+name, list, otherwise)
}

// commandHint names the command that an unknown one was meant to be.
func commandHint(cmd *cobra.Command, args []string, otherwise string) string {
	var list []string
	for _, c := range cmd.Commands() {
		if c.IsAvailableCommand() {
			list = append(list, c.Name())
		}
	}
	if len(args) == 0 || len(list) == 0 {
		return otherwise
	}
	return fault.DidYouMean(args[0], list, otherwise)
}
