#!/bin/sh
# Installs Debian packages, as root or through sudo; says what to do where that is not possible.
#
#   scripts/apt.sh PACKAGE...
set -eu

if ! command -v apt-get >/dev/null 2>&1; then
	echo "missing: $*; there is no apt-get here, please install them by hand" >&2
	exit 1
fi
run=""
if [ "$(id -u)" != 0 ]; then
	command -v sudo >/dev/null 2>&1 || { echo "missing: $*; install them as root, or install sudo" >&2; exit 1; }
	run="sudo"
fi
echo "installing: $*"
export DEBIAN_FRONTEND=noninteractive
$run apt-get update -q && $run apt-get install -y -q --no-install-recommends "$@"
