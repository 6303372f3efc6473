// Package cpu is the engine that runs a KDSR student on the processor.
//
// In: weights and planar frames of any size, layout and depth. Out: frames Scale times as large, in the same format.
// It interprets sr/kdsr: the network is walked once for each frame size into a plan of steps and row windows (plan.go), and
// the plan is run for every frame without allocating. Large frames run in bands of rows; the rows that the next band needs
// are kept, nothing is computed twice, and the result is the same bit for bit whatever the number of bands or threads.
//
// Two sets of steps exist. The plain Go ones (plain*.go) are simple loops over float32 and are the specification. The fast ones
// (fast*.go) call the frame kernels of internal/conv, when the CPU has an instruction set for them and C is a multiple of 16.
//
// Color: YUV becomes RGB in [0,1] inside the engine and back, with the matrix, range and chroma siting of the frame's format.
// A matrix that is unspecified or that we have no numbers for is taken as BT.709 for frames of at least 1280 columns or 720
// rows and as BT.601 for smaller ones, as players do; an unspecified range is limited; unspecified siting is left. The same
// guess serves both directions, so a wrong one changes what the network sees but not the colors of the result.
package cpu
