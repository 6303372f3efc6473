package main

import "github.com/spf13/cobra"

// addOthers adds the commands that files of their own bring along.
func (a *app) addOthers(root *cobra.Command) {
	root.AddCommand(a.liveCommand(), trainCommand(), newEvalCmd(), a.verifyCommand(), a.compareCommand(), a.scenesCommand(), a.planCommand(), a.segmentCommand(), a.joinCommand())
}
