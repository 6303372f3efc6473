#!/bin/sh
# Runs everything that can be asked of an NVIDIA GPU, unattended, in about five minutes, and leaves one report file.
#
#   scripts/gpu-check.sh [CUDA.TEST [VSR]]
#
# CUDA.TEST is the test program of sr/cuda and VSR the program, for machines without Go: `make build cuda-test-program` makes bin/vsr
# and build/cuda.test. With Go they are made here; without FFmpeg's headers doctor is that of the test program, which has no clips.
# The report has no names of users or hosts in it. Exit status: 0 all green, 1 something failed (the report says what).
# On a machine without a GPU: make cuda-emu && LD_LIBRARY_PATH=$PWD/build/emu scripts/gpu-check.sh
set -u
cd "$(dirname "$0")/.."
mkdir -p build
report=$PWD/build/gpu-report.txt
json=$PWD/build/gpu-report.json
program=${1:-}
vsr=${2:-}
failed=0
: >"$report"
rm -f "$json"

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
  ! tail -5 "$report" | grep -q 'no tests to run' || { say "== $name: there is no such test"; failed=1; }
}

if [ -z "$program" ]; then
  program=$PWD/build/cuda.test
  . scripts/cuda-env.sh
  section "build the test program" 600 go test -c -tags nvidia -o "$program" ./sr/cuda
  [ -x "$program" ] || { say "no test program: see $report"; exit 1; }
  if pkg-config --exists libavcodec libavformat libswscale 2>/dev/null; then
    vsr=$PWD/bin/vsr
    section "fit go-astiav" 120 sh -c 'go run ./tools/astiavcompat build/ffmpeg >build/ffmpeg.flags'
    GOFLAGS="$(go env GOFLAGS | sed 's/-modfile=[^ ]*//') $(cat build/ffmpeg.flags)"
    export GOFLAGS
    section "build vsr" 600 go build -tags nvidia -ldflags "-X main.version=$(git describe --tags --always --dirty 2>/dev/null || echo unknown)" \
      -o "$vsr" ./cmd/vsr
  fi
fi
export VSR_TEST_REAL_GPU=1

if command -v nvidia-smi >/dev/null; then
  section "driver" 20 nvidia-smi --query-gpu=name,driver_version,memory.total,compute_cap,clocks.max.sm --format=csv
fi
if [ -x "$vsr" ]; then
  section "doctor" 90 "$vsr" doctor --device cuda:0 --json "$json"
else
  VSR_REPORT="$json" section "doctor" 90 "$program" -test.v -test.run '^TestGPU$'
fi
section "engine suite" 90 "$program" -test.run '^TestEngineOnGPU$'
if command -v compute-sanitizer >/dev/null; then
  section "memcheck" 60 compute-sanitizer --tool memcheck --error-exitcode 9 "$program" -test.run '^TestGPUShort$'
  section "racecheck" 60 compute-sanitizer --tool racecheck --error-exitcode 9 "$program" -test.run '^TestGPUShort$'
  section "synccheck" 60 compute-sanitizer --tool synccheck --error-exitcode 9 "$program" -test.run '^TestGPUShort$'
else
  say "== compute-sanitizer is not installed: memory and race checks were left out"
fi
section "benchmarks" 60 "$program" -test.run '^$' -test.bench . -test.benchtime 2s
[ -s "$json" ] || { say "there is no $json"; failed=1; }
if grep -q 'CPU emulation' "$report"; then say "this was an emulated GPU: it shows that the check works, and nothing about a real one"; fi
[ $failed = 0 ] && say "all green" || say "something failed"
echo "report: $report and $json"
exit $failed
