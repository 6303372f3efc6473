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
	# shellcheck disable=SC2086 # the list is meant to be split
	scripts/apt.sh $missing
fi

want=$(sed -n 's/.*"playwright-core": "\([0-9.]*\)".*/\1/p' tools/live/package.json)
have=$(sed -n 's/^  "version": "\([^"]*\)".*/\1/p' tools/live/node_modules/playwright-core/package.json 2>/dev/null || true)
[ "$want" = "$have" ] || (cd tools/live && npm ci --ignore-scripts --no-audit --no-fund)
