// Package decode turns a file or address into units: frames of the one video track to upscale, and packets of all other tracks.
//
// What comes in is a name, what goes out is planar YUV or gray in pooled media.Frames, each copied once; no FFmpeg frame crosses the door.
// With Options.GPU frames that NVDEC makes are copied on the GPU, as NV12 or P010, and never see the host.
// The stage skips and counts damaged data, repairs missing or repeated time stamps, and knows nothing of super resolution, encoders or retries.
//
// # Times
//
// Time stamps stay in the track's own time base. Three shifts are made, the same for all tracks (of a programme):
//   - Formats whose clock has no origin (MPEG transport and program streams, Ogg, live inputs) are moved so that the container's first
//     time stamp is 0.
//   - Where the clock goes back, jumps ahead or begins again, as in joined recordings, what follows goes on after what came before: see
//     timeline. Such inputs are not seeked in by time.
//   - With Options.Start, which counts from the beginning of the input, the cut-in point becomes 0, unless KeepTimes is set.
//
// Packets that an edit list hides are left out, but for the last one before the first that is heard.
//
// # Memory
//
// Nothing is read ahead: a call to Next reads packets only until it has one unit to give. Frames come from a pool of Options.PoolSize; when all are
// out, Next waits. Open decodes up to the first frame and keeps the packets it meets on the way, at most 64 MiB.
//
// # Hostile files
//
// Local files are opened with a protocol whitelist and without playlist formats, and other attempts of a file to open another file are refused.
package decode
