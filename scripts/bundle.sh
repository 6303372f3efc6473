#!/bin/sh
# Makes build/release/vsr-VERSION-linux-ARCH.tar.xz: the program, every library that it needs but glibc and drivers, licences, manual,
# completion and an installer. It runs on any Linux with a glibc as new as that of the machine that makes it, so make it on the oldest Debian
# that is to be served. FFmpeg is built from Debian's source package with what vsr uses; the other libraries are Debian's.
#
#   scripts/bundle.sh          without the CUDA engine: the archive that may be passed on (NOTICE says why)
#   CUDA=1 scripts/bundle.sh   with it, named vsr-VERSION-linux-ARCH-cuda.tar.xz
#   ARCH=arm64 scripts/bundle.sh   for another processor, with Debian's cross compiler and libraries; qemu-user runs what has to be run
#
# VERSION defaults to that of the Makefile. It needs apt, and root or sudo for what is missing.
set -eu
cd "$(dirname "$0")/.."

top=$PWD
work=$top/build/bundle
version=${VERSION:-$(cat VERSION)-dev.$(git describe --always --dirty --exclude '*')}
native=$(dpkg --print-architecture)
arch=${ARCH:-$native}
name=vsr-$version-linux-$arch${CUDA:+-cuda}
mkdir -p "$work" build/release

need="nasm dpkg-dev patchelf xz-utils libffmpeg-nvenc-dev"
for p in libx264-dev libx265-dev libsvtav1enc-dev libdav1d-dev libvpx-dev libopus-dev libmp3lame-dev libwebp-dev libzimg-dev libsrt-openssl-dev libssl-dev zlib1g-dev libbz2-dev liblzma-dev; do
	need="$need $p:$arch"
done
if [ "$arch" != "$native" ]; then
	need="$need crossbuild-essential-$arch qemu-user-static"
	dpkg --print-foreign-architectures | grep -qx "$arch" || { echo "bundle: first: dpkg --add-architecture $arch && apt-get update" >&2; exit 1; }
fi
missing=""
for p in $need; do
	[ "$(dpkg-query -W -f '${Status}' "$p" 2>/dev/null)" = "install ok installed" ] || missing="$missing $p"
done
# shellcheck disable=SC2086 # the list is meant to be split
[ -z "$missing" ] || scripts/apt.sh $missing

# What differs for another processor: the compiler, where pkg-config looks, and who runs its programs.
ffmpeg=$work/ffmpeg cross="" run="" tool=""
if [ "$arch" != "$native" ]; then
	triple=$(dpkg-architecture -a"$arch" -qDEB_HOST_GNU_TYPE)
	cpu=${triple%%-*}
	ffmpeg=$work/ffmpeg.$arch tool=$triple- run="qemu-$cpu-static -L /"
	cross="--enable-cross-compile --cross-prefix=$triple- --arch=$cpu --target-os=linux --pkg-config=pkg-config"
	export PKG_CONFIG_LIBDIR="/usr/lib/$(dpkg-architecture -a"$arch" -qDEB_HOST_MULTIARCH)/pkgconfig:/usr/share/pkgconfig"
fi
# libraries lists what the program would load, and from where.
libraries() {
	if [ -n "$run" ]; then
		$run -E LD_LIBRARY_PATH="${1:-}" "$(ls /usr/"$triple"/lib/ld-linux-*.so.1 /lib/ld-linux-"$cpu".so.1 2>/dev/null | tail -1)" --list "$out/bin/vsr"
	else
		LD_LIBRARY_PATH="${1:-}" ldd "$out/bin/vsr"
	fi
}

# fetch_source unpacks Debian's source package of FFmpeg, from the mirrors of Debian that apt already knows.
fetch_source() {
	rm -rf "$work"/ffmpeg-*/ "$work"/ffmpeg_*
	mkdir -p "$work/lists/partial"
	apt-get indextargets --format '$(ORIGIN) deb-src $(REPO_URI) $(RELEASE) $(COMPONENT)' 'Created-By: Packages' | sed -n 's/^Debian //p' | sort -u >"$work/source.list"
	(
		cd "$work"
		set -- -q -o "Dir::Etc::sourcelist=$work/source.list" -o Dir::Etc::sourceparts=/dev/null -o "Dir::State::lists=$work/lists"
		apt-get "$@" update >fetch.log 2>&1 && apt-get "$@" source ffmpeg >>fetch.log 2>&1
	) || { tail -3 "$work/fetch.log" >&2; exit 1; }
}

# A release takes the newest source, which may mend what an older one lets in. What is built already counts for that source and these options.
if [ -n "${VERSION:-}" ] || ! ls "$work"/ffmpeg-*/configure >/dev/null 2>&1; then
	fetch_source
fi
src=$(dirname "$(ls "$work"/ffmpeg-*/configure)")
source_name=$(basename "$(ls "$work"/ffmpeg_*.dsc)" .dsc)
# All decoders, demuxers and muxers; of encoders and filters what vsr asks for, and what draws pictures and sound for lavfi: inputs.
encoders="libx264,libx264rgb,libx265,libsvtav1,libvpx_vp8,libvpx_vp9,prores_ks,h264_nvenc,hevc_nvenc,ffv1,mpeg2video,mpeg4,rawvideo,wrapped_avframe"
encoders="$encoders,png,apng,gif,mjpeg,tiff,libwebp,libwebp_anim,aac,ac3,alac,flac,libopus,libmp3lame,pcm_*"
filters="scale,format,aformat,aresample,null,anull,split,asplit,hflip,vflip,transpose,bwdif,fieldmatch,idet,zscale,palettegen,paletteuse"
filters="$filters,testsrc,testsrc2,rgbtestsrc,yuvtestsrc,smptebars,smptehdbars,color,nullsrc,mandelbrot,life,gradients,sine,anullsrc,aevalsrc"
filters="$filters,crop,pad,overlay,drawbox,noise,gblur,boxblur,hue,eq,fps,setpts,asetpts,setsar,settb,trim,atrim,concat,realtime,arealtime,volume"
options="$cross --prefix=$ffmpeg --enable-gpl --enable-version3 --enable-shared --disable-static --disable-doc --disable-programs --disable-debug \
	--disable-autodetect --disable-postproc --enable-zlib --enable-bzlib --enable-lzma --enable-openssl --enable-libx264 --enable-libx265 --enable-libsvtav1 \
	--enable-libdav1d --enable-libvpx --enable-libopus --enable-libmp3lame --enable-libwebp --enable-libzimg --enable-libsrt --enable-ffnvcodec --enable-nvenc --enable-nvdec --enable-cuvid \
	--enable-v4l2-m2m --enable-indev=v4l2 --disable-encoders --enable-encoder=$encoders --disable-filters --enable-filter=$filters"
if [ "$(cat "$ffmpeg/built" 2>/dev/null)" != "$source_name $options" ]; then
	rm -rf "$ffmpeg"
	echo "building FFmpeg in $src (about ten minutes of CPU time; log: $work/ffmpeg.log)"
	(
		mkdir -p "$ffmpeg/objects"
		cd "$ffmpeg/objects"
		# shellcheck disable=SC2086
		"$src/configure" $options
		make -j"${JOBS:-$(nproc)}"
		make install
	) >"$work/ffmpeg.log" 2>&1 || { tail -5 "$work/ffmpeg.log" >&2; exit 1; }
	echo "$source_name $options" >"$ffmpeg/built"
fi

out=$work/$name
rm -rf "$out"
mkdir -p "$out/bin" "$out/lib" "$out/licenses"

export PKG_CONFIG_PATH="$ffmpeg/lib/pkgconfig"
GOFLAGS=$(go env GOFLAGS | sed 's/-modfile=[^ ]*//')
export GOFLAGS
GOFLAGS="$GOFLAGS $(CC="${tool}gcc" CXX="${tool}g++" go run ./tools/astiavcompat "build/bundle/go.$arch")"
# Twelve fonts of 4 MB come with what draws the plots of training, which are written in one of them. Here the others are that one too, which packs
# to nothing.
fonts=$work/fonts
rm -rf "$fonts"
cp -R "$(go list -m -f '{{.Dir}}' codeberg.org/go-fonts/liberation)" "$fonts"
chmod -R u+w "$fonts"
for f in "$fonts"/*/*.ttf; do
	cmp -s "$f" "$fonts/liberationserifregular/LiberationSerif-Regular.ttf" || cp "$fonts/liberationserifregular/LiberationSerif-Regular.ttf" "$f"
done
case "$GOFLAGS" in
*-modfile=*) mod=${GOFLAGS##*-modfile=} mod=${mod%% *} ;;
*)
	mod=$work/go.mod
	cp go.mod go.sum "$work/"
	GOFLAGS="$GOFLAGS -modfile=$mod"
	;;
esac
go mod edit -replace "codeberg.org/go-fonts/liberation=$fonts" "$mod"

if [ -n "${CUDA:-}" ]; then
	. scripts/cuda-env.sh
	tags=nvidia
fi
GOARCH=$arch CGO_ENABLED=1 CC="${tool}gcc" CXX="${tool}g++" go build ${tags:+-tags $tags} -trimpath -ldflags "-s -w -X main.version=$version" -o "$out/bin/vsr" ./cmd/vsr
# Before patchelf: after it, Go does not know its own program any more.
go version -m "$out/bin/vsr" | awk '$1 == "dep" { print $2, $3 }' >"$out/licenses/GO-MODULES"
[ -s "$out/licenses/GO-MODULES" ] || { echo "the program does not say which Go modules it has" >&2; exit 1; }

# The libraries, without glibc's. Strip comes before patchelf: after it, it breaks the program.
libraries "$ffmpeg/lib" | awk '$2 == "=>" && $3 ~ "^/" { print $3 }' | grep -vE '/(ld-linux.*|lib(c|m|dl|rt|pthread|resolv|util)\.so\.[0-9]+)$' | while read -r lib; do
	cp -L "$lib" "$out/lib/"
done
chmod u+w "$out"/lib/*
"${tool}strip" --strip-unneeded "$out"/lib/*
for lib in "$out"/lib/*; do patchelf --force-rpath --set-rpath '$ORIGIN' "$lib"; done
patchelf --force-rpath --set-rpath '$ORIGIN/../lib' "$out/bin/vsr"

# Licences and sources of what is inside.
cp LICENSE NOTICE "$out/licenses/"
cp /usr/share/common-licenses/GPL-3 "$out/licenses/GPL-3"
{
	echo "The archive as a whole is under the GNU General Public License, version 3 or later: FFmpeg is built with x264 and x265."
	echo "The exact sources of every library are Debian's source packages below: apt-get source NAME=VERSION, or from Debian's snapshot archive."
	echo "Whoever passes this archive on gives the sources along, or offers them in writing, as sections 6a to 6d of that licence say."
	echo
	echo "ffmpeg ${source_name#ffmpeg_} (configured as lib/ffmpeg.configuration says)"
} >"$out/licenses/SOURCES"
sed -n 's/^#define FFMPEG_CONFIGURATION "\(.*\)"$/\1/p' "$ffmpeg/objects/config.h" | sed "s|$work|/build|g" >"$out/lib/ffmpeg.configuration"
cp "$src/debian/copyright" "$out/licenses/ffmpeg"
rm -f "$work/packages"
for lib in "$out"/lib/*.so*; do
	[ -e "$ffmpeg/lib/$(basename "$lib")" ] && continue
	# Cross compilers have packages with libraries of the same names.
	package=$(dpkg -S "*/$(basename "$lib")" 2>/dev/null | sed -n "s/:$arch: .*//p" | head -1)
	[ -n "$package" ] || { echo "no package has $(basename "$lib")" >&2; exit 1; }
	cp -L "/usr/share/doc/$package/copyright" "$out/licenses/$package"
	dpkg-query -W -f '${source:Package} ${source:Version}\n' "$package:$arch" >>"$work/packages"
done
sort -u "$work/packages" >>"$out/licenses/SOURCES"
go list -m -f '{{if .Dir}}{{.Path}} {{.Dir}}{{end}}' all | while read -r module dir; do
	grep -q "^$module " "$out/licenses/GO-MODULES" || continue
	for f in "$dir"/LICEN[CS]E* "$dir"/COPYING*; do
		[ ! -f "$f" ] || cp "$f" "$out/licenses/$(echo "$module" | tr / _).$(basename "$f")"
	done
done
while read -r module version; do
	ls "$out/licenses/$(echo "$module" | tr / _)".* >/dev/null 2>&1 || echo "note: $module $version has no licence file" >&2
done <"$out/licenses/GO-MODULES"

vsr="$run $out/bin/vsr"
$vsr man "$out/share/man/man1"
mkdir -p "$out/share/bash-completion/completions" "$out/share/zsh/site-functions" "$out/share/fish/vendor_completions.d"
$vsr completion bash >"$out/share/bash-completion/completions/vsr"
$vsr completion zsh >"$out/share/zsh/site-functions/_vsr"
$vsr completion fish >"$out/share/fish/vendor_completions.d/vsr.fish"
cp scripts/install.sh README.md "$out/"

if libraries | grep -E "not found|$ffmpeg"; then
	echo "the program would look for libraries outside of the bundle" >&2
	exit 1
fi
# Machine code packs better with its jumps made absolute, which xz undoes by itself.
case $arch in amd64) jumps=--x86 ;; arm64) jumps=--arm64 ;; *) jumps="" ;; esac
tar -C "$work" --sort=name --owner=0 --group=0 --numeric-owner -cf - "$name" | xz -T1 $jumps --lzma2=preset=6,dict=64MiB >"build/release/$name.tar.xz"
echo "build/release/$name.tar.xz: $(du -h "build/release/$name.tar.xz" | cut -f1), unpacked $(du -sh "$out" | cut -f1), $(ls "$out"/lib/*.so* | wc -l) libraries"
