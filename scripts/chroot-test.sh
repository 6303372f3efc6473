#!/bin/sh
# Runs `make demo` and `make test` as a newcomer would, in a fresh Debian that holds make, git and Go only, and prints one line:
#
#   sudo scripts/chroot-test.sh bookworm|trixie|testing [TARGET...]
#
# TARGETs are make's, demo and test without any. It needs debootstrap and root. The chroot is made under VSR_CHROOTS (/var/tmp/vsr-chroots) and
# kept, with Go's caches, for the next time. The repository's last commit is tested.
set -eu
cd "$(dirname "$0")/.."

suite=${1:?which Debian: bookworm, trixie or testing}
[ "$(id -u)" = 0 ] || { echo "chroot-test: needs root" >&2; exit 1; }
command -v debootstrap >/dev/null 2>&1 || { echo "chroot-test: needs debootstrap (apt-get install debootstrap)" >&2; exit 1; }
# In a mount namespace of its own, so that nothing stays mounted in the chroot, however this ends.
[ -n "${VSR_MOUNTS:-}" ] || exec unshare --mount --propagation private env VSR_MOUNTS=own "$PWD/scripts/chroot-test.sh" "$@"

shift
[ $# -gt 0 ] || set -- demo test
goroot=$(go env GOROOT)
root=${VSR_CHROOTS:-/var/tmp/vsr-chroots}/$suite
log=$root.log
mkdir -p "$(dirname "$root")"

into() { # into KIND SOURCE TARGET
	mkdir -p "$root$3"
	mount $1 "$2" "$root$3"
}

if [ ! -e "$root/etc/vsr-ready" ]; then
	echo "making $root; the log is $log" >&2
	debootstrap --variant=minbase --include=make,git,ca-certificates "$suite" "$root" ${DEBIAN_MIRROR:+"$DEBIAN_MIRROR"} >"$log" 2>&1 || { tail -5 "$log" >&2; exit 1; }
	# A mirror that is copied now and then may hold a release file of testing that has run out.
	echo 'Acquire::Check-Valid-Until "false";' >"$root/etc/apt/apt.conf.d/99vsr"
	touch "$root/etc/vsr-ready"
fi
# What this machine's network needs: its name servers, and the authorities that it trusts, as that of a proxy.
cp /etc/resolv.conf "$root/etc/resolv.conf"
cp /etc/ssl/certs/ca-certificates.crt "$root/etc/ssl/certs/ca-certificates.crt"
into "-t proc" proc /proc
into "-t sysfs" sysfs /sys
into --bind /dev /dev
into --rbind /dev/pts /dev/pts
into --bind "$goroot" /usr/local/go
rm -rf "$root/srv/vsr"
git clone -q --no-hardlinks . "$root/srv/vsr"
commit=$(git -C "$root/srv/vsr" rev-parse --short HEAD)

start=$(date +%s)
result=passed
for target in "$@"; do
	chroot "$root" /usr/bin/env -i HOME=/root USER=root LANG=C.UTF-8 PATH=/usr/local/go/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
		GOTOOLCHAIN=local sh -c "cd /srv/vsr && make $target" >>"$log" 2>&1 || { result="FAILED at make $target"; break; }
done
ffmpeg=$(chroot "$root" dpkg-query -W -f '${Version}' libavcodec-dev 2>/dev/null || echo none)
echo "$suite, FFmpeg $ffmpeg: make $* $result in $((($(date +%s) - start + 59) / 60)) min; $commit, log $log"
[ "$result" = passed ]
