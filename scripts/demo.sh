#!/bin/sh
# `make demo`: upscales IN, or a short clip of our own making, into the folder OUT. With our clip the original is known,
# so the result can be scored.
set -eu

mkdir -p "$OUT"
if [ -n "$IN" ]; then
	base=$(basename "$IN")
	bin/vsr run "$IN" -o "$OUT/${base%.*}_x4.mkv" -y --report "$OUT/report.json"
	echo "done: $OUT/${base%.*}_x4.mkv, report in $OUT/report.json"
	exit 0
fi
echo "making a test clip (IN=clip.mp4 names one of yours)"
"${GO:-go}" run ./tools/democlip make "$OUT"
bin/vsr run "$OUT/lr.mp4" -o "$OUT/lr_x4.mp4" -y --report "$OUT/report.json"
"${GO:-go}" run ./tools/democlip score "$OUT/hr.mkv" "$OUT/lr.mp4" "$OUT/lr_x4.mp4"
echo "done: $OUT/lr_x4.mp4, report in $OUT/report.json"
