// Package media holds the nouns that travel through vsr: Frame, Packet, Unit, Format, Track, Info and the frame Pool.
//
// A Frame with a Surface has its frame on a GPU and no planes.
//
// It imports nothing of ours, does no I/O and uses no cgo. Whoever receives a Frame owns it: release it once, or hand it on.
package media
