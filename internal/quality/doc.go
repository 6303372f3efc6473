// Package quality is the one home of the measures of an image against its original, and of what can be seen without one.
//
// Images are interleaved 8-bit RGB; a luma plane is H*W float32 on the scale of 8-bit levels, row by row. PSNR and SSIM follow the
// KDSR evaluation (docs/kdsr.md 4.1): nothing is rounded after the conversion, sums are float64, and a border of shave pixels on every
// side does not count. Nothing here keeps a pointer to its arguments or writes to them.
package quality
