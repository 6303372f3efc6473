// Package data turns folders of images and videos into training batches.
//
// Open crops every source once into tiles of 8-bit RGB and keeps them in memory or in memory-mapped shards. A Sampler cuts clips
// out of the tiles, degrades them with a recipe and draws aligned patches. What a batch holds is a function of the seed and the
// step alone: not of the number of workers, nor of the batches drawn before, so training resumes from two integers.
package data
