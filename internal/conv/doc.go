// Package conv computes the convolutions of the KDSR network on the CPU: forward and both backward passes.
//
// Two families live here. The training kernels (train.go) work on plain NHWC float32 slices of any size. The frame kernels
// (frame.go) work on padded feature maps that hold half-precision values between blocks, and fuse a whole IDR-DCRB block.
// Every operation exists twice: once in plain Go, which is the specification, and once in C for each instruction set, chosen
// at run time. Used by sr/cpu and by train; imports nothing of ours.
package conv
