// Package scene numbers the scenes of a video in streaming order, so that the degradation is estimated once for each.
//
// In: decoded frames, in display order. Out: the same frames with Scene (from 1) and Repeat set. Nothing is delayed: the
// number of a frame depends on that frame and on those before it. The detector keeps two small copies of luma, never a frame.
//
// A cut is seen where the picture cannot be explained by the one before it: blocks of a 64x36 luma copy are looked for in the
// neighbourhood of their old place, after brightness and contrast have been equalised (so motion, fades and flashes explain
// themselves), and the histogram has changed as well. What is not a cut:
//
//   - a flash: same shapes, other brightness; or a blank picture after which the old shot is back;
//   - a fade: blank and still-brightening pictures belong to the scene before; the new one starts when its shot stands;
//   - a dissolve: no single frame of it is new. The drift guard of the sr room answers those;
//   - a change within MinLength frames of the last cut. If it lasts, the new scene starts when MinLength is over.
package scene
