package main

import "github.com/spf13/cobra"

// addOthers adds the commands that files of their own bring along.
func (a *app) addOthers(root *cobra.Command) {
	root.AddCommand(a.liveCommand(), trainCommand(), interruptible(newEvalCmd()), interruptible(a.verifyCommand()), interruptible(a.compareCommand()), a.scenesCommand(), a.planCommand(), a.segmentCommand(), a.joinCommand())
}
