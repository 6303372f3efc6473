//go:build !cgo || !(amd64 || arm64)

package native

// An ISA is one instruction set of this machine; there is none in this build.
type ISA struct{ Name string }

// ISAs lists nothing.
func ISAs() []*ISA { return nil }
