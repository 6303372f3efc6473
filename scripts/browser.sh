#!/bin/sh
# Installs what the browser tests of `vsr live` need, where it is missing: Chromium, Firefox, Node.js and npm with apt, and
# playwright-core and ws, at the versions of tools/live/package-lock.json, with npm. No script of a package is run.
set -eu
cd "$(dirname "$0")/.."

missing=""
command -v chromium >/dev/null 2>&1 || missing="$missing chromium"
command -v firefox-esr >/dev/null 2>&1 || command -v firefox >/dev/null 2>&1 || missing="$missing firefox-esr"
command -v node >/dev/null 2>&1 || missing="$missing nodejs"
command -v npm >/dev/null 2>&1 || missing="$missing npm"
if [ -n "$missing" ]; then
	# shellcheck disable=SC2086 # the list is meant to be split
	scripts/apt.sh $missing
fi

for package in playwright-core ws; do
	want=$(sed -n "s/.*\"$package\": \"\([0-9.]*\)\".*/\1/p" tools/live/package.json)
	have=$(sed -n 's/^  "version": "\([^"]*\)".*/\1/p' "tools/live/node_modules/$package/package.json" 2>/dev/null || true)
	[ "$want" = "$have" ] || { (cd tools/live && npm ci --ignore-scripts --no-audit --no-fund); break; }
done
