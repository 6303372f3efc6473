// Package verify compares an upscaled video with its source and says, check by check, what was kept and what was not.
//
// In: two sources of units, opened by the caller. Out: a Report. Checks that must hold (frames, times, streams, tags) decide;
// numbers about the frame (consistency, colour drift, flicker, clipping) inform, each with a bound that only a broken
// output crosses. Memory is bounded: one frame of each video and eight bytes a packet.
package verify
