// Package segment keeps the state of a job that is worked on in segments: the plan that names the job, the segmenter that decides
// where segments begin, the store in which each segment is committed exactly once by whichever worker is first, the writer that
// encodes segments, the scheduler that hands them to workers, and the join that concatenates them into the output.
//
// It takes what is to be done (Plan) and upscaled frames, and gives the output with the source's other tracks. It knows no network.
// Execution is at least once and the first commit wins: two attempts at a segment need not be byte-equal (two devices may differ in
// the last bit), so the loser's file is deleted.
package segment
