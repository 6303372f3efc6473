#!/bin/sh
# Runs the linters that tools/lint/go.mod pins, one after the other, and fails if one finds anything. Only some checks of unparam and
# errcheck are left out, each with its reason here.
set -eu
bin=$(pwd)/build/lint
mkdir -p "$bin"
go -C tools/lint build -o "$bin/" tool
bad=0
check() {
	echo "== $1"
	"$@" || bad=1
}
PATH="$bin:$PATH"
# shellcheck disable=SC2046 # names of files here have no spaces
check misspell -error $(git ls-files '*.go' '*.md' '*.yaml' '*.c' '*.h' '*.cu' '*.sh')
check staticcheck ./... # unused is its U1000
# A context in a struct needs its reason beside it, after nolint:containedctx.
contained() {
	go vet -vettool="$bin/containedctx" ./... 2>&1 | grep -o '[^ "]*\.go:[0-9]*:[0-9]*' | sort -u | while IFS=: read -r file line _; do
		sed -n "${line}p" "$file" | grep -q nolint:containedctx || echo "$file:$line: a context in a struct"
	done | grep . && return 1 || return 0
}
check contained
# Of tests a failed assertion is a failed test.
check forcetypeassert -test=false ./...
check unparam ./...
# Left out: Close of what was only read or has failed already (files that are written are closed by atomicfile, which looks); removing what is
# temporary; writers that keep their error until Flush, buffers, hashes and terminals; answers to a client that may have gone; packets, which may be lost.
check errcheck -ignoretests -ignore "^(Close|Destroy|RemoveAll|Remove|Abort)$" -exclude tools/lint/errcheck.txt ./...
exit $bad
