// Package selftest checks a GPU against the CPU engine: what the driver made of the kernels, every kernel at odd sizes with guarded
// memory, results that must be the same bits each time, frames in the GPU's memory, and how fast it is. `vsr doctor --device cuda:N`
// prints the Report; --device auto takes a GPU whose short checks passed (Short), and the result is kept for the next run.
//
// Package clips, below, sends whole clips through decoder, scenes, network and encoder of a GPU.
package selftest
