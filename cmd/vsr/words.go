package main

import "strings"

// flagWords puts flags and commands in place of the options and functions that packages name in hints and notes.
var flagWords = strings.NewReplacer(
	"Options.Output", "-o", "Options.Replace", "-y", "Options.Restart", "--restart", "Options.Device", "--device", "Options.Workers", "--workers", "decode.Options.Autorotate", "--autorotate",
	"Options.Autorotate", "--autorotate", "Options.SetQuality", "--quality", "Options.Network", "--allow-network", "Options.Deinterlace", "--deinterlace", "Options.PixFmt", "--pix-fmt",
	"Options.Container", "--format", "Options.Audio", "--audio", "Options.Scale", "--scale", "Options.SR.Height", "--height", "Options.Scene.Cuts", "--scenes", "Options.Degradation", "--degradation",
	"Options.Decode.Deinterlace", "--deinterlace", "Options.Decode.Start", "--start", "Options.Decode.Duration", "--duration", "Options.Decode.Strict", "--strict", "Options.Like", "--like",
	"Job.Run", "the same command without --preview", "upscale.Open", "vsr run", "upscale.Plan", "vsr job plan", "upscale.MakeSegment", "vsr job segment --plan P --index N", "Report.Write", "vsr run --report FILE",
	"SceneList.WriteSceneFile", "vsr scenes IN --edit FILE", "SceneList.WriteCSV and JSON", "--csv and --json",
)
