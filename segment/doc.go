// Package segment is the bookkeeping of a run in pieces: the plan that names a job, the cutter that decides where pieces
// begin, the store in which each piece is committed exactly once, whoever and however many work on it, the writer that encodes
// pieces, and the join that makes a film of them.
//
// In: what is to be done (Plan) and upscaled frames. Out: the film, with the source's other tracks. It knows no network.
// Execution is at least once, commit is first wins: two attempts at a piece need not be byte-equal (two devices may differ in
// the last bit), so the loser's file is thrown away.
package segment
