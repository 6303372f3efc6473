// Package eval measures models by the protocol of the KDSR paper (kdsr-spec §4.1): the sharp picture is cropped to a multiple of the
// scale, degraded, enlarged, quantised to 8 bits and compared on luma without a border of scale pixels. Bicubic and Lanczos are
// measured in the same run, on the same inputs.
package eval
