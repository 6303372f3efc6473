#!/bin/sh
# `make demo`: upscales IN, or a short clip of our own making, or a shrunken part of HR, into the folder OUT. With the last two
# the original is known, so the result is scored.
set -eu

mkdir -p "$OUT"
if [ -n "$IN" ]; then
	base=$(basename "$IN")
	bin/vsr run "$IN" -o "$OUT/${base%.*}_x4.mkv" -y --report "$OUT/report.json"
	echo "done: $OUT/${base%.*}_x4.mkv, report in $OUT/report.json"
	exit 0
fi
if [ -n "${HR:-}" ]; then
	echo "shrinking four seconds of $HR by four and compressing them"
	"${GO:-go}" run ./tools/democlip make "$OUT" "$HR" "${START:-0}"
else
	echo "making a test clip (IN=clip.mp4 names one of yours, HR=clip.mp4 a sharp one to shrink and score)"
	"${GO:-go}" run ./tools/democlip make "$OUT"
fi
bin/vsr run "$OUT/lr.mp4" -o "$OUT/lr_x4.mp4" -y --report "$OUT/report.json"
"${GO:-go}" run ./tools/democlip score "$OUT/hr.mkv" "$OUT/lr.mp4" "$OUT/lr_x4.mp4"
echo "done: $OUT/lr_x4.mp4, report in $OUT/report.json"
