#!/bin/sh
# Packs an unpacked bundle as build/release/vsr_VERSION_ARCH.deb: everything under /usr/lib/vsr, links in /usr/bin and /usr/share.
#
#   scripts/deb.sh build/bundle/vsr-0.2.0-linux-amd64 0.2.0
set -eu
cd "$(dirname "$0")/.."

bundle=${1:?which bundle}
version=${2:?which version}
arch=${bundle##*-linux-}
arch=${arch%-cuda}
root=build/bundle/deb
rm -rf "$root"
mkdir -p "$root/DEBIAN" "$root/usr/lib/vsr" "$root/usr/bin" "$root/usr/share/doc/vsr" build/release
cp -R "$bundle/bin" "$bundle/lib" "$bundle/licenses" "$root/usr/lib/vsr/"
cp -R "$bundle/share/." "$root/usr/share/"
gzip -9n "$root"/usr/share/man/man1/*.1
ln -s ../lib/vsr/bin/vsr "$root/usr/bin/vsr"
cp NOTICE "$root/usr/share/doc/vsr/copyright"
cat >"$root/DEBIAN/control" <<END
Package: vsr
Version: $(echo "$version" | tr - '~')
Architecture: $arch
Section: video
Priority: optional
Maintainer: The vsr developers <vsr@localhost>
Depends: libc6 (>= $(ldd --version | sed -n '1s/.* //p'))
Installed-Size: $(du -sk "$root/usr" | cut -f1)
Description: upscale video with a blind super-resolution network
 vsr estimates for each scene how the material was degraded, adapts its
 network to that, upscales every frame and keeps all other streams.
 FFmpeg's libraries are in the package.
END
dpkg-deb --root-owner-group -Zxz --build "$root" "build/release/vsr_${version}_$arch.deb"
