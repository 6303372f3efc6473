#!/bin/sh
# Runs everything that can be asked of an NVIDIA card, unattended, in about five minutes, and leaves one report file.
#
#   scripts/gpu-check.sh [CUDA.TEST]     CUDA.TEST is the test program of sr/cuda, for machines without Go; it is made with
#                                        make cuda-test-program, or here when it is missing
#
# The report has no names of users or hosts in it. Exit status: 0 all green, 1 something failed (the report says what).
set -u
cd "$(dirname "$0")/.."
mkdir -p build
report=$PWD/build/gpu-report.txt
json=$PWD/build/gpu-report.json
program=${1:-}
failed=0
: >"$report"

say() { echo "$@" | tee -a "$report"; }

# section NAME SECONDS COMMAND...: runs a command with a limit and notes how it ended.
section() {
  name=$1 limit=$2
  shift 2
  say "== $name"
  began=$(date +%s)
  timeout "$limit" "$@" >>"$report" 2>&1
  status=$?
  say "== $name: status $status, $(($(date +%s) - began)) s"
  [ $status = 0 ] || failed=1
}

if [ -z "$program" ]; then
  program=$PWD/build/cuda.test
  . scripts/cuda-env.sh
  section "build" 240 go test -c -tags nvidia -o "$program" ./sr/cuda
  [ -x "$program" ] || { say "no test program: see $report"; exit 1; }
fi
export VSR_TEST_REAL_GPU=1 VSR_REPORT="$json"

if command -v nvidia-smi >/dev/null; then
  section "driver" 20 nvidia-smi --query-gpu=name,driver_version,memory.total,compute_cap,clocks.max.sm --format=csv
fi
section "doctor" 90 "$program" -test.v -test.run '^TestCard$'
section "engine suite" 90 "$program" -test.run '^TestEngineOnCard$'
if command -v compute-sanitizer >/dev/null; then
  section "memcheck" 60 compute-sanitizer --tool memcheck --error-exitcode 9 "$program" -test.run '^TestCardShort$'
  section "racecheck" 60 compute-sanitizer --tool racecheck --error-exitcode 9 "$program" -test.run '^TestCardShort$'
  section "synccheck" 60 compute-sanitizer --tool synccheck --error-exitcode 9 "$program" -test.run '^TestCardShort$'
else
  say "== compute-sanitizer is not installed: memory and race checks were left out"
fi
section "benchmarks" 60 "$program" -test.run '^$' -test.bench . -test.benchtime 2s
[ $failed = 0 ] && say "all green" || say "something failed"
echo "report: $report and $json"
exit $failed
