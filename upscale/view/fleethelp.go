package view

// FleetLong is the help of vsr fleet.
const FleetLong = `Upscales videos on many machines. A Temporal server hands out the work: start a worker on each machine, one for each GPU, and give jobs to the fleet
from anywhere. Workers may come and go at any time, also without a word: a lost one costs the segment that it had under way.

Videos lie in a folder that all machines share, or in an S3 store (s3://BUCKET/KEY; keys of access as for Amazon's programs). They never pass
through Temporal. docs/fleet.md goes from a laptop to Kubernetes.`

// FleetExample are examples of vsr fleet.
const FleetExample = `  vsr fleet dev                                        # everything on this machine, to try it
  vsr fleet worker --address temporal:7233 --device cuda:0
  vsr fleet run long.mkv -o big.mkv --address temporal:7233
  vsr fleet list running`

// FleetRunLong is the help of vsr fleet run.
const FleetRunLong = `Gives videos to the fleet and follows them to the end. What the output is to be is said as for vsr run. The same command twice is one job; after a failure or
vsr fleet cancel it goes on with the segments that are committed.

Ctrl-C leaves the job to itself and says how to come back. Several inputs, a folder, or s3://BUCKET/FOLDER/ go into a folder.

The report says which device made which segment. Workers of different kinds may differ in the last bit of a sample.`

// FleetRunExample are examples of vsr fleet run.
const FleetRunExample = `  vsr fleet run /share/long.mkv -o /share/big.mkv --scale 2
  vsr fleet run s3://in/a.mkv s3://in/b.mkv -o s3://out/large/ --codec hevc
  vsr fleet run s3://archive/1999/ -o s3://out/1999/ --recursive --on-failure fallback --detach
  vsr fleet run /share/a.mkv -o /share/b.mkv --report b.json --priority 1`

// workerLong is the help of vsr fleet worker.
const workerLong = `Takes work from a Temporal server until SIGTERM or Ctrl-C; what is under way is given back then, and others make it. One process for each GPU.

A worker gets segments only of plans that its versions of vsr and FFmpeg fit; workers of two versions may run side by side. A full scratch
folder or a device that fails ends the worker (exit code 6 or 5), because it would fail with every segment; others make what it had.`
