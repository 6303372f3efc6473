#!/bin/sh
# Installs what the build needs with apt, or with --check only says what is there.
# A C compiler and FFmpeg 5.1's development files are all; libavfilter and libavdevice are linked by the bindings.
set -eu

LIBS="libavcodec libavformat libavutil libavfilter libavdevice libswscale libswresample libpostproc"
missing=""
command -v gcc >/dev/null 2>&1 || missing="$missing gcc libc6-dev"
if command -v pkg-config >/dev/null 2>&1; then
	for lib in $LIBS; do
		pkg-config --exists "$lib" || missing="$missing $lib-dev"
	done
else
	missing="$missing pkg-config"
	for lib in $LIBS; do missing="$missing $lib-dev"; done
fi

if [ "${1:-}" = --check ]; then
	echo
	if [ -z "$missing" ]; then
		echo "  found: gcc, FFmpeg's libraries (libavcodec $(pkg-config --modversion libavcodec))"
	else
		echo "  missing:$missing (make deps installs them)"
	fi
	command -v go >/dev/null 2>&1 && echo "  found: $(go version)" || echo "  missing: Go 1.26, see https://go.dev/dl"
	exit 0
fi

command -v go >/dev/null 2>&1 || { echo "Go is not installed: see https://go.dev/dl" >&2; exit 1; }
[ -z "$missing" ] && exit 0

# shellcheck disable=SC2086 # the list is meant to be split
"$(dirname "$0")/apt.sh" $missing

pkg-config --exists 'libavcodec >= 59 libavcodec < 60' ||
	echo "warning: vsr is built for FFmpeg 5.1 (libavcodec 59); this is libavcodec $(pkg-config --modversion libavcodec)" >&2
