// Package scene numbers the scenes of a video in streaming order, so that the degradation is estimated once for each.
//
// In: decoded frames, in display order. Out: the same frames with Scene set, from 1. Nothing is delayed: the number of a frame
// depends on that frame and on those before it alone, so a file, a part of it that another worker does, a run that is resumed
// and a live source get equal scenes. The detector keeps small copies of luma, never a frame.
//
// A hard cut is a frame whose texture cannot be explained by the frame before it: blocks of a 64x36 luma copy are followed along
// the motion, each about its mean and at equal contrast, so that motion and changes of light explain themselves. What is left,
// the histograms of luma and chroma, and how large both usually are in the frames before give a probability (score.go).
//
// A gradual transition is found in its second half: the frame differs from one up to 40 frames before, and a frame between them
// is a mixture of both, block by block (gradual.go). This covers dissolves and wipes.
//
// What is not a cut:
//
//   - a flash: the same shapes under other light, or a frame that shows almost nothing, after which the old shot is back;
//   - a fade: blank and still-brightening frames belong to the scene before; the new one starts when its shot stands;
//   - fast motion, whose frames are all unlike each other.
//
// Scenes have no shortest length. The one delay: a shot with less than 15 % of the contrast of the shot before it might be a flash,
// and begins three frames late.
package scene
