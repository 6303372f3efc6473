package main

import (
	"os"

	"github.com/spf13/cobra"
	"github.com/spf13/cobra/doc"

	"vsr/upscale"
)

// manCommand writes the manual pages, which come from the same text as --help. Packages call it; it is not in the list of commands.
func (a *app) manCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "man FOLDER",
		Example: "  vsr man man1 && man -l man1/vsr.1",
		Short:   "Write the manual pages into a folder",
		Args:    cobra.ExactArgs(1),
		Hidden:  true,
		RunE: func(c *cobra.Command, args []string) error {
			if err := os.MkdirAll(args[0], 0o777); err != nil {
				return upscale.OutputError(err)
			}
			return doc.GenManTree(c.Root(), &doc.GenManHeader{Title: "VSR", Section: "1", Source: "vsr " + versionString()}, args[0])
		},
	}
}
