#!/bin/sh
# Makes what a release consists of, in build/release: the bundle and, from it, a .deb, the list of parts (CycloneDX) and the checksums.
# VERSION says which release it is. The working tree must be clean.
set -eu
cd "$(dirname "$0")/.."

[ -z "$(git status --porcelain)" ] || { echo "release: commit first" >&2; exit 1; }
VERSION=$(cat VERSION)
export VERSION
grep -q "^## $VERSION" CHANGELOG.md || { echo "release: CHANGELOG.md has no section $VERSION" >&2; exit 1; }
rm -rf build/release
scripts/bundle.sh
arch=$(dpkg --print-architecture)
name=vsr-$VERSION-linux-$arch
bundle=build/bundle/$name
scripts/deb.sh "$bundle" "$VERSION"
go run ./tools/sbom "$bundle" "$VERSION" >"build/release/$name.cdx.json"
(cd build/release && sha256sum vsr* >SHA256SUMS && cat SHA256SUMS)
