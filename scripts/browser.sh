#!/bin/sh
# Installs what the browser test of `vsr live` needs, where it is missing: Chromium, Node.js and npm with apt, and
# playwright-core, at the version of tools/live/package-lock.json, with npm. No script of a package is run.
set -eu
cd "$(dirname "$0")/.."

missing=""
command -v chromium >/dev/null 2>&1 || missing="$missing chromium"
command -v node >/dev/null 2>&1 || missing="$missing nodejs"
command -v npm >/dev/null 2>&1 || missing="$missing npm"
if [ -n "$missing" ]; then
	if ! command -v apt-get >/dev/null 2>&1; then
		echo "missing:$missing; there is no apt-get here, please install them by hand" >&2
		exit 1
	fi
	run=""
	if [ "$(id -u)" != 0 ]; then
		command -v sudo >/dev/null 2>&1 || { echo "missing:$missing; install them as root, or install sudo" >&2; exit 1; }
		run="sudo"
	fi
	echo "installing:$missing"
	export DEBIAN_FRONTEND=noninteractive
	# shellcheck disable=SC2086 # the list is meant to be split
	$run apt-get update -q && $run apt-get install -y -q --no-install-recommends $missing
fi

want=$(sed -n 's/.*"playwright-core": "\([0-9.]*\)".*/\1/p' tools/live/package.json)
have=$(sed -n 's/^  "version": "\([^"]*\)".*/\1/p' tools/live/node_modules/playwright-core/package.json 2>/dev/null || true)
[ "$want" = "$have" ] || (cd tools/live && npm ci --ignore-scripts --no-audit --no-fund)
