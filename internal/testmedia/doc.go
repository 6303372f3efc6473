// Package testmedia makes synthetic clips: moving textures with hard cuts, flashes, fades and stills, a tone, and the number of each frame written
// into its frame. Tests, the demo and fuzz seeds use it, so that the project carries no media files.
//
// The same Options always give the same frames.
package testmedia
