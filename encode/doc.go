// Package encode turns frames into packets and writes them, with every other stream of the source, into a file.
//
// What comes in is a media.Info (the frame already at its output size) and then units; what goes out are packets for one or more PacketWriters,
// of which File is one. Each frame is encoded once with its own time stamp: the encoder counts in the track's time base, so no frame is doubled,
// dropped or moved. The stage does not resize and knows no viewers.
// Frames that lie on a GPU are brought to the host, but for NVENC with Options.GPU.
//
// # Times in the file
//
// MP4, MOV and AVI-like formats take the track's time base as it is. Matroska and WebM count in milliseconds and MPEG-TS in 1/90000 s: there times are
// rounded to the nearest tick, which Sink.Actions says. Formats that cannot hold negative times are shifted as a whole by FFmpeg.
//
// # Memory
//
// The encoder holds its lookahead; the muxer holds back packets of one stream until the others have caught up, for at most ten seconds of play
// time (FFmpeg's max_interleave_delta), then writes them less well interleaved. Nothing else is queued, and Write blocks while the encoder works.
//
// # Files
//
// A File is written under a hidden temporary name beside its destination, flushed to disk and renamed when whole. Abort removes it.
package encode
