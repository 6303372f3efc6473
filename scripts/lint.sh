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
check go vet -vettool="$bin/containedctx" ./...
# Of tests a failed assertion is a failed test.
check forcetypeassert -test=false ./...
check unparam ./...
# Writers that keep their error until Flush (tabwriter, bufio), buffers, hashes and terminals; Close of what was only read; an engine that is
# closed after an error.
check errcheck -ignoretests -exclude tools/lint/errcheck.txt ./...
exit $bad
