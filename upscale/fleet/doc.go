// Package fleet upscales videos on many machines, with Temporal as the engine: FilmWorkflow plans one video, has its segments made by
// whoever is free, joins, checks and publishes it; CorpusWorkflow does so for any number of videos.
//
// Videos, plans and segments lie in a storage (package storage) and never pass through Temporal, whose messages hold addresses and
// counts and stay below 100 KB. A segment is made at least once and committed exactly once: the first worker that commits it wins. So
// whatever is lost, a worker, the server or a machine, what is committed stays, and the same request goes on from there.
//
// A worker listens on a queue that is named after its version of vsr and of FFmpeg; a plan names the queue of the worker that made it. So
// a worker gets segments only of plans that it fits, and workers of two versions work side by side.
package fleet
