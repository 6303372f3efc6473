//go:build !cgo || !(amd64 || arm64)

package conv

func nativeISAs() []*isa { return nil }

// Peak measures nothing: there is no native code in this build.
func Peak(threads int) (fp32, bf16 float64) { return 0, 0 }
