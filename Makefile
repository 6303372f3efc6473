# vsr: everything a developer or a first-time user runs. The first target prints this list.
# On Debian 12, 13 or newer with make, git and Go, `make demo` and `make test` install what they need with apt.

GO      ?= go
IN      ?=
HR      ?=
START   ?=
OUT     ?= out
# Also linted when the network is there; `make lint` says so when it is not.
STATICCHECK := honnef.co/go/tools/cmd/staticcheck@2025.1.1
FUZZTIME ?= 15s
ONNXRUNTIME := 1.30.0
# The release of which this is a part, and the commit; scripts/release.sh builds with the release alone.
RELEASE := $(shell cat VERSION)
VERSION := $(RELEASE)-dev.$(shell git describe --always --dirty --exclude '*' 2>/dev/null || echo unknown)

# Where the installed FFmpeg is not the one that go-astiav was written for, scripts/deps.sh makes build/ffmpeg.mod and writes the flag
# that makes Go use it; see tools/astiavcompat.
GOFLAGS_OF_USER := $(shell $(GO) env GOFLAGS 2>/dev/null)
export GOFLAGS = $(strip $(GOFLAGS_OF_USER) $(shell cat build/ffmpeg.flags 2>/dev/null))

.DEFAULT_GOAL := help
include sr/cuda/build.mk
.PHONY: test-fleet temporal-server storage-server linters arm64 race-short help deps build demo test race lint fuzz bench onnxruntime live-browser bundle release clean

help: ## print this list
	@awk -F':.*## ' '/^[a-z][a-z-]*:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))
	@scripts/deps.sh --check

deps: ## install what the build needs with apt, if it is missing
	@scripts/deps.sh

build: deps ## build bin/vsr, with the CPU and the CUDA engine (needs no toolkit and no GPU)
	$(CUDA_ENV) $(GO) build -tags nvidia -ldflags "-X main.version=$(VERSION)" -o bin/vsr ./cmd/vsr

demo: build ## reduce a real clip, upscale it, score it and draw before and after; IN=clip.mp4 upscales yours, HR=sharp.mp4 [START=9] scores yours
	@GO="$(GO)" IN="$(IN)" HR="$(HR)" START="$(START)" OUT="$(OUT)" scripts/demo.sh

test: deps ## vet and all tests, those of the CUDA engine on its emulator
	$(CUDA_ENV) $(GO) vet ./...
	$(CUDA_ENV) $(GO) test -timeout 60m -tags nvidia ./...

race: deps ## all tests under the race detector
	$(CUDA_ENV) $(GO) test -timeout 120m -race ./...

lint: deps ## gofmt, vet, import table, staticcheck
	@test -z "$$(gofmt -l $$(git ls-files '*.go'))" || { echo "gofmt these:"; gofmt -l $$(git ls-files '*.go'); exit 1; }
	$(GO) vet ./...
	$(GO) test -count=1 ./internal/lint
	@scripts/staticcheck.sh $(STATICCHECK)

linters: deps ## staticcheck, errcheck, unparam, containedctx, forcetypeassert and misspell, at the versions of tools/lint/go.mod
	@scripts/lint.sh

arm64: ## build for 64-bit ARM what needs no FFmpeg; the NEON code with gcc-aarch64-linux-gnu
	@scripts/arm64.sh

race-short: ## the packages with goroutines of their own, under the race detector
	$(GO) test -race -short ./pipeline ./internal/device ./internal/cli

bench: build ## benchmarks of all packages (short)
	$(GO) test -run '^$$' -bench . -benchtime 0.3s ./...

onnxruntime: ## fetch ONNX Runtime for tools/bench/against (npm, no scripts are run)
	npm install --ignore-scripts --no-audit --no-fund --no-save --prefix build/onnxruntime onnxruntime-node@$(ONNXRUNTIME)

storage-server: ## the S3 server that the tests of upscale/fleet/storage start; without it they skip
	GOFLAGS="$(GOFLAGS_OF_USER)" $(GO) build -C test/s3 -o ../../build/test-fleet/versitygw github.com/versity/versitygw/cmd/versitygw

temporal-server: ## the Temporal server of test-fleet: nine minutes of processor time the first time
	GOFLAGS="$(GOFLAGS_OF_USER)" $(GO) build -C test/fleet -o ../../build/test-fleet/temporal ./temporal

test-fleet: deps storage-server temporal-server ## vsr fleet on a real Temporal server with workers, server and disk that fail, and on a real S3 server
	$(GO) build -ldflags "-X main.version=$(VERSION)" -o build/test-fleet/vsr ./cmd/vsr
	VSR_TEST_S3=required $(GO) test -count=1 ./upscale/fleet/...
	GOFLAGS="$(GOFLAGS_OF_USER)" $(GO) test -C test/fleet -count=1 -v -timeout 60m ./...

fuzz: deps ## every fuzz target for FUZZTIME each
	@scripts/fuzz.sh $(FUZZTIME)

live-browser: deps ## the page of vsr live in a real Chromium and a real Firefox (installs them, node, playwright-core and ws)
	@scripts/browser.sh
	VSR_TEST_BROWSER=required $(CUDA_ENV) $(GO) test -tags nvidia -count=1 -v -run TestLiveIn ./cmd/vsr

bundle: deps ## one archive for any Linux: the program, the libraries that it needs, licences
	scripts/bundle.sh

release: deps ## bundles, .deb, checksums and a list of parts (SBOM) of the version in VERSION, in build/release
	scripts/release.sh

clean: ## remove what the targets made
	rm -rf bin build out

