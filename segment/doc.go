// Package segment is the bookkeeping of a run in pieces: the plan that names a job, the cutter that decides where pieces
// begin, and the store in which each piece is committed exactly once, whoever and however many work on it.
//
// In: what is to be done (Plan) and finished piece files. Out: which pieces are done. It neither decodes nor encodes.
// Execution is at least once, commit is first wins: two attempts at a piece need not be byte-equal (two devices may differ in
// the last bit), so the loser's file is thrown away.
package segment
