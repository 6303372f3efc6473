#!/bin/sh
# Sizes of vsr's output at each --quality, relative to high: scripts/quality.sh CLIP [SECONDS]. Needs bin/vsr (make build).
set -eu
clip=$1
seconds=${2:-3}
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
for codec in x264 x265 svtav1 vp9; do
	for quality in high low medium archive; do
		bin/vsr run "$clip" "$dir/$codec-$quality.mkv" --model nano-x2 --duration "$seconds" --codec $codec --quality $quality --progress none
		size=$(wc -c <"$dir/$codec-$quality.mkv")
		[ $quality = high ] && high=$size
		echo "$codec $quality $size bytes, $((size * 100 / high)) % of high"
	done
done
