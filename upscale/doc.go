// Package upscale turns a video file into a larger one with KDSR, a blind super-resolution network.
//
// The simplest use is Open, Run, Close:
//
//	o := upscale.Defaults()
//	o.Output = "out.mkv"
//	job, err := upscale.Open(ctx, "in.mp4", o)
//	if err != nil {
//		return err
//	}
//	defer job.Close()
//	report, err := job.Run(ctx)
//
// Open reads the input's description and opens network and output, so that it fails before any work is done. Run decodes, finds
// scene cuts, upscales, encodes, copies all other streams and compares the output with the input. The output appears under its name
// only when it is whole.
//
// # Segments and resuming
//
// With Options.Resume a file of more than Options.SegmentMin frames, or of many pixels, is worked on in segments, which are kept in a work folder beside
// the output until it is whole. After a crash, a full disk or a stop, a job with the same input and the same options that matter
// continues where the earlier one ended. Options.Workers makes several segments at the same time.
// A segment that takes longer than Options.KeepAfter has its computed frames kept, too, so that a job that is stopped inside it does not
// compute them again.
//
// The steps can also be called by themselves, by different processes on different machines: Plan, MakeSegment for each segment, Join,
// and Verify. Each is safe to run twice: a finished segment is not made again, and a finished output is not joined again.
//
// # Stopping
//
// Closing Options.Stop finishes the output up to the frames under way; Run then returns ErrStopped. When no frame is left out, because
// the output is being written already, Run goes on to its end. Cancelling the context of Run drops the output; finished segments stay,
// and so does an output that is only being checked: Run then returns ErrUnchecked.
//
// # Errors
//
// Every error of this package is, or wraps, an *Error whose Kind says whose fault it was; Classify finds it. Hints name options and
// functions of this package; a command puts its own words in their place.
package upscale
