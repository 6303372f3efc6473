// Package driver reaches NVIDIA's driver library without linking it.
//
// gorgonia.org/cu calls the driver's functions by name and exits at start if cuInit fails. Here those names are defined by
// trampoline.c, which opens libcuda.so.1 at the first real call: a program starts on every machine, sees no devices where
// there is no driver, and Status says why. Beside that, the package has the few calls that cu lacks: pinned memory, function
// attributes, the log of the PTX compiler, stream capture and graph launch. Everything but this comment needs the build tag
// nvidia and the flags of scripts/cuda-env.sh.
package driver
