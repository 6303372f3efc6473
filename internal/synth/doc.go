// Package synth makes short clips whose scene cuts are known exactly, to tune and to measure scene detectors.
//
// In: a kind and a seed. Out: 8-bit 4:2:0 frames that are a pure function of kind, seed and frame number, and the list of what
// happens in the clip: cuts and gradual transitions, which a detector must report, and distractors, which it must not. The
// package needs no files; callers may add images of their own.
//
// Even seeds are for tuning. Odd seeds are held out: numbers are quoted from them alone, and nothing may be fitted to them.
package synth
