#!/bin/sh
# Installs what the build needs with apt, or with --check only says what is there: a C compiler and the development files of FFmpeg 5.1
# or newer (libavfilter and libavdevice are linked by the bindings). It looks before it installs, and does nothing where all is there.
set -eu
cd "$(dirname "$0")/.."

LIBS="libavcodec libavformat libavutil libavfilter libavdevice libswscale libswresample"
OLDEST=59 # libavcodec of FFmpeg 5.1

# major prints the first number of a version such as 7:5.1.9-0+deb12u1 or 61.19.101.
major() { echo "${1#*:}" | sed 's/[^0-9].*//'; }

missing=""
command -v gcc >/dev/null 2>&1 || missing="gcc libc6-dev"
command -v pkg-config >/dev/null 2>&1 || missing="$missing pkg-config"
have=""
for lib in $LIBS; do
	if pkg-config --exists "$lib" 2>/dev/null; then
		[ "$lib" != libavcodec ] || have=$(pkg-config --modversion libavcodec)
	else
		missing="$missing $lib-dev"
	fi
done
missing=${missing# }

too_old() {
	echo "vsr needs FFmpeg 5.1 or newer (libavcodec $OLDEST); $1" >&2
	exit 1
}

# Names of the same things elsewhere. Printed, because only apt is tested.
elsewhere() {
	if command -v dnf >/dev/null 2>&1; then
		echo "  sudo dnf install gcc pkgconf-pkg-config ffmpeg-devel    # ffmpeg-devel is in RPM Fusion"
	elif command -v pacman >/dev/null 2>&1; then
		echo "  sudo pacman -S --needed gcc pkgconf ffmpeg"
	elif command -v zypper >/dev/null 2>&1; then
		echo "  sudo zypper install gcc pkg-config ffmpeg-devel    # the one of Packman has x264 and x265"
	elif command -v brew >/dev/null 2>&1; then
		echo "  brew install pkgconf ffmpeg"
	else
		echo "  a C compiler, pkg-config and the development files of FFmpeg's libraries"
	fi
}

if [ "${1:-}" = --check ]; then
	echo
	if [ -n "$missing" ]; then
		echo "  missing: $missing (make deps installs them)"
	elif [ "$(major "$have")" -lt "$OLDEST" ]; then
		echo "  found libavcodec $have, too old: FFmpeg 5.1 or newer is needed"
	else
		echo "  found: gcc, FFmpeg's libraries (libavcodec $have)"
	fi
	command -v go >/dev/null 2>&1 && echo "  found: $(go version)" || echo "  missing: Go 1.26, see https://go.dev/dl"
	exit 0
fi

command -v go >/dev/null 2>&1 || { echo "Go is not installed: see https://go.dev/dl" >&2; exit 1; }
[ -z "$have" ] || [ "$(major "$have")" -ge "$OLDEST" ] || too_old "installed is libavcodec $have"

if [ -n "$missing" ]; then
	if ! command -v apt-get >/dev/null 2>&1; then
		{ echo "missing: $missing; install them with"; elsewhere; } >&2
		exit 1
	fi
	offered=$(apt-cache policy libavcodec-dev 2>/dev/null | sed -n 's/^ *Candidate: *//p')
	case "$offered" in [0-9]*) [ "$(major "$offered")" -ge 5 ] || too_old "apt offers FFmpeg $offered" ;; esac
	# shellcheck disable=SC2086 # the list is meant to be split
	scripts/apt.sh $missing
fi

# go-astiav made to fit, once for every FFmpeg and every go.mod.
mkdir -p build
now=$(for lib in $LIBS; do pkg-config --modversion "$lib"; done | tr '\n' ' '; cksum go.mod go.sum tools/astiavcompat/*.go)
if [ "$now" != "$(cat build/ffmpeg.for 2>/dev/null)" ]; then
	rm -f build/ffmpeg.for build/ffmpeg.flags
	GOFLAGS=$(go env GOFLAGS | sed 's/-modfile=[^ ]*//')
	export GOFLAGS
	flags=$(go run ./tools/astiavcompat build/ffmpeg)
	echo "$flags" >build/ffmpeg.flags
	echo "$now" >build/ffmpeg.for
fi
