//go:build !cgo || !(amd64 || arm64)

package native

// Frames is the frame kernels of one instruction set; there are none in this build.
type Frames struct{}

// FramesOf returns nil.
func FramesOf(string) *Frames { return nil }

// The methods below exist so that callers compile; nobody has a *Frames to call them on.

func (f *Frames) Panel(int) int                                      { panic("no native code") }
func (f *Frames) Clock(int)                                          { panic("no native code") }
func (f *Frames) ConvScratch(_, _, _ int) int                        { panic("no native code") }
func (f *Frames) HeadScratch(int) int                                { panic("no native code") }
func (f *Frames) TailScratch(_, _, _ int) int                        { panic("no native code") }
func (f *Frames) YUVScratch(int) int                                 { panic("no native code") }
func (f *Frames) Conv(*FrameConv, int, int, []byte)                  { panic("no native code") }
func (f *Frames) Head(*FrameHead, int, int, []byte)                  { panic("no native code") }
func (f *Frames) Tail(*FrameTail, int, int, []byte)                  { panic("no native code") }
func (f *Frames) Sums([]float64, FrameMap, int, int, bool, int, int) { panic("no native code") }
func (f *Frames) ToRGB(*FrameYUV, FrameMap, int, int, []byte)        { panic("no native code") }
func (f *Frames) FromRGB(*FrameYUV, FrameMap, int, int, int, int, []byte) bool {
	panic("no native code")
}
