// Package degrade makes low-resolution training and test material out of sharp images.
//
// In: a clip, one or more sharp frames of one size, RGB in [0,1]. Out: the same frames, Scale times smaller, as a camera, a codec
// or a careless re-upload would have left them, quantised to 8 bits. All frames of a clip share one degradation, so that the
// estimator of the student may look at another crop or frame of the same material.
//
// Every recipe is a pure function of its parameters, the random streams and the clip. Nothing here knows files.
package degrade
