#!/bin/sh
# Builds for 64-bit ARM what can be built without FFmpeg for it: the packages in pure Go, and those with C code, NEON among it, if a cross
# compiler is there (Debian: gcc-aarch64-linux-gnu).
set -eu
export GOOS=linux GOARCH=arm64
CGO_ENABLED=0 go build ./media ./scene ./pipeline ./sr/kdsr ./models ./live/webrtc ./internal/atomicfile ./internal/cli/... ./internal/device \
	./internal/fault ./internal/quality ./internal/synth
if ! command -v aarch64-linux-gnu-gcc >/dev/null; then
	echo "the NEON code is not built: no aarch64-linux-gnu-gcc"
	exit "${VSR_ARM64_REQUIRED:-0}"
fi
CGO_ENABLED=1 CC=aarch64-linux-gnu-gcc go build ./internal/conv/... ./internal/rows ./sr
