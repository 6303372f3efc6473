// Package live runs a live session: it takes a camera of a browser or a source that FFmpeg reads, enhances it as well as this
// machine can at the source's frame rate, and sends it to the viewers over WebRTC, and into a recording if one is wanted.
//
// In: Options. Out: a server (live/webrtc) whose page shows the video, /status and /metrics. Open listens, Run moves frames until
// its context ends, Close ends everything. The session owns the frames between the source and the encoder; the newest frame wins.
package live
