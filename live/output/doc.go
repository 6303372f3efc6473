// Package output sends one live stream to any number of places at once: RTMP, SRT, RTSP, WHIP and UDP servers, HLS, recordings, standard
// output and virtual cameras.
//
// In: a Hub takes the packets of the shared encoder (as an encode.PacketWriter) and, for outputs with a codec or bit rate of their own, the
// frames. Out: each Output, on a goroutine and behind a bounded queue of its own. An output that is slow or away loses frames and connects
// again by itself; no other output, and not the Hub's caller, ever waits for it. Stream keys stand in no Status, error or log line.
package output
