#!/bin/sh
# `make demo`: upscales IN into the folder OUT. Without IN it takes HR, a sharp clip (default: the one in docs/demo), reduces four seconds
# of it by four and compresses them: the original is known, so the result is scored and drawn beside it.
set -eu

mkdir -p "$OUT"
if [ -n "$IN" ]; then
	base=$(basename "$IN")
	bin/vsr run "$IN" -o "$OUT/${base%.*}_large.mkv" -y --report "$OUT/report.json"
	echo "done: $OUT/${base%.*}_large.mkv, report in $OUT/report.json"
	exit 0
fi
HR=${HR:-docs/demo/table.mp4}
echo "reducing four seconds of $HR by four and compressing them (IN=clip.mp4 upscales a clip of yours, HR=clip.mp4 takes another sharp one)"
"${GO:-go}" run ./tools/democlip make "$OUT" "$HR" "${START:-0}"
bin/vsr run "$OUT/lr.mp4" -o "$OUT/lr_x4.mp4" -y --report "$OUT/report.json"
"${GO:-go}" run ./tools/democlip score "$OUT/hr.mkv" "$OUT/lr.mp4" "$OUT/lr_x4.mp4" "$OUT/before-after.png"
echo "done: $OUT/lr_x4.mp4, report in $OUT/report.json, before and after in $OUT/before-after.png"
