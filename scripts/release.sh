#!/bin/sh
# Makes what a release consists of, in build/release: the bundle and, from it, a .deb, the list of parts (CycloneDX) and the checksums.
# VERSION says which release it is. The working tree must be clean. It is made for this machine's processor, or for those of ARCHES:
#
#   ARCHES="amd64 arm64" scripts/release.sh
set -eu
cd "$(dirname "$0")/.."

[ -z "$(git status --porcelain)" ] || { echo "release: commit first" >&2; exit 1; }
VERSION=$(cat VERSION)
export VERSION
grep -q "^## $VERSION" CHANGELOG.md || { echo "release: CHANGELOG.md has no section $VERSION" >&2; exit 1; }
rm -rf build/release
for arch in ${ARCHES:-$(dpkg --print-architecture)}; do
	ARCH=$arch scripts/bundle.sh
	name=vsr-$VERSION-linux-$arch
	scripts/deb.sh "build/bundle/$name" "$VERSION"
	go run ./tools/sbom "build/bundle/$name" "$VERSION" >"build/release/$name.cdx.json"
done
(cd build/release && sha256sum vsr* >SHA256SUMS && cat SHA256SUMS)
