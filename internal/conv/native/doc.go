// Package native holds the C kernels of package conv: one source, compiled once for each instruction set.
//
// vec.h explains how; each <isa>_<arch>.c is one instruction set. A kernel works on one sample and on the calling thread:
// sharing the work out, scratch memory and checks are conv's business, and so are the meanings of the arguments, which are
// not checked here. Without cgo the package is empty and conv runs its plain Go.
package native
