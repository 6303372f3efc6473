package encode

import "vsr/media"

// PacketWriter takes the packets of an encoded programme. File is one; a live broadcast is another.
type PacketWriter interface {
	// Start is called once before the first packet. The video track of info is that of the encoder: codec, time base and parameters.
	Start(info *media.Info) error
	// WritePacket takes one packet in its track's time base. The packet is shared and must not be changed.
	WritePacket(p *media.Packet) error
	// Close ends the output well.
	Close() error
}

// aborter is a PacketWriter that can throw its output away.
type aborter interface{ Abort() error }

// headerWriter is a PacketWriter that wants the codec's headers in front of the stream instead of in each keyframe.
type headerWriter interface{ GlobalHeader() bool }

// actor is a PacketWriter that can say what became of each track.
type actor interface{ Actions() []StreamAction }

// What can become of a track.
const (
	Encoded   = "encoded"
	Copied    = "copied"
	Converted = "converted"
	Dropped   = "dropped"
)

// StreamAction says what became of one track of the input.
type StreamAction struct {
	Index  int    `json:"index"` // of the input's track, -1 for what belongs to the whole container
	Type   string `json:"type"`  // video, audio, subtitle, data, attachment, chapters, metadata
	Codec  string `json:"codec"`
	To     string `json:"to,omitempty"` // the codec that it was converted to
	Action string `json:"action"`       // encoded, copied, converted or dropped
	Why    string `json:"why,omitempty"`
}
