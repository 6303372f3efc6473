// Package eval measures models by the protocol of the KDSR paper (docs/kdsr.md 4.1): the sharp image is cropped to a multiple of the
// scale, degraded, enlarged, quantised to 8 bits and compared without a border of scale pixels. Beside the paper's PSNR and SSIM of
// luma it takes what the eye sees and those two do not: color, blocks, flicker, halos, features. Bicubic interpolation is measured in
// the same run, on the same inputs.
package eval
