#!/bin/sh
# Tries an archive of `make bundle` on this system, which needs no FFmpeg: unpacks and installs it below a temporary folder, looks for libraries
# that are missing or not its own, upscales a clip with every CPU encoder of pictures and of sound, asks the page of vsr live, and removes it again.
#
#   scripts/bundle-check.sh build/release/vsr-0.2.0-linux-amd64.tar.xz
set -eu
archive=$(readlink -f "${1:?which archive}")
corpus=$(cd "$(dirname "$0")/../testdata/corpus" && pwd)
dir=$(mktemp -d)
live=""
leave() {
	[ -z "$live" ] || kill "$live" 2>/dev/null || true
	rm -rf "$dir"
}
trap leave EXIT INT TERM
fail() {
	echo "bundle-check: $1" >&2
	exit 1
}

command -v xz >/dev/null 2>&1 || fail "tar needs xz (apt-get install xz-utils)"
tar -C "$dir" -xf "$archive"
"$dir"/vsr-*/install.sh --prefix "$dir/prefix" >/dev/null
vsr=$dir/prefix/bin/vsr
"$vsr" version
if command -v ldd >/dev/null 2>&1; then
	! ldd "$(readlink -f "$vsr")" | grep "not found" || fail "libraries are missing"
	strange=$(ldd "$(readlink -f "$vsr")" | awk '$2 == "=>" { print $3 }' | grep -v "^$dir/" | grep -vE '/(ld-linux.*|lib(c|m|dl|rt|pthread|resolv|util)\.so\.[0-9]+)$' || true)
	[ -z "$strange" ] || fail "these come from the system: $strange"
fi
"$vsr" doctor | tail -1

cd "$dir"
for try in "mp4 x264" "mkv x265" "mkv svtav1" "webm vp9" "webm vp8" "mov prores" "mkv ffv1"; do
	container=${try% *} codec=${try#* }
	"$vsr" run "$corpus/street_180p_h264_aac.mp4" -o "$codec.$container" --codec "$codec" --model nano-x2 --duration 0.3 --progress none >"$codec.log" 2>&1 ||
		{ cat "$codec.log" >&2; fail "$codec does not work"; }
	echo "$codec in $container: $(wc -c <"$codec.$container") bytes"
done
for n in 1 2 3; do cp "$corpus/car.png" "car_$n.png"; done
for codec in x264rgb png; do
	"$vsr" run car_%d.png -o "$codec.mkv" --codec "$codec" --model nano-x2 --frame-rate 25 --progress none >"$codec.log" 2>&1 || { cat "$codec.log" >&2; fail "$codec does not work"; }
	echo "$codec in mkv, of images: $(wc -c <"$codec.mkv") bytes"
done
for try in "mp4 aac" "mkv opus" "mp4 ac3" "mp4 mp3" "mov alac" "mkv flac" "mov pcm"; do
	container=${try% *} audio=${try#* }
	"$vsr" run "$corpus/street_180p_h264_aac.mp4" -o "$audio.$container" --audio "$audio" --model nano-x2 --duration 0.3 --progress none >"$audio.log" 2>&1 ||
		{ cat "$audio.log" >&2; fail "$audio does not work"; }
	echo "$audio in $container: $(wc -c <"$audio.$container") bytes"
done
"$vsr" run "$corpus/car.png" car_x4.png --progress none >/dev/null 2>&1 || fail "an image cannot be upscaled"

if command -v curl >/dev/null 2>&1; then
	"$vsr" live --listen 127.0.0.1:18080 --source "$corpus/street_180p_h264_aac.mp4" --loop >live.log 2>&1 &
	live=$!
	n=0
	until curl -fsS -o page.html http://127.0.0.1:18080/ 2>/dev/null; do
		n=$((n + 1))
		[ "$n" -lt 60 ] || { cat live.log >&2; fail "vsr live does not answer"; }
		sleep 1
	done
	kill "$live" && wait "$live" || true
	live=""
	echo "vsr live: its page has $(wc -c <page.html) bytes"
else
	echo "vsr live: not asked, curl is not here"
fi

"$dir/prefix/lib/vsr/install.sh" --uninstall --prefix "$dir/prefix" >/dev/null
[ ! -e "$dir/prefix" ] || fail "uninstall leaves $(find "$dir/prefix")"
echo "bundle-check: passed"
