# The environment of `go build -tags nvidia`: our own cuda.h is found, and a change of it reaches Go's build cache when the number
# goes up. The path is not among the flags, because each path would then have everything compiled anew.
VSR_CUDA_H := 2
CUDA_ENV := C_INCLUDE_PATH="$(CURDIR)/sr/cuda/include" CGO_CFLAGS="-O2 -g -DVSR_CUDA_H=$(VSR_CUDA_H)"

# A fake libcuda.so.1 that runs kernels on the CPU: build/emu/source (their C++ text) and build/emu/ptx (the committed PTX).
.PHONY: cuda-emu cuda-ptx cuda-test
cuda-emu:
	$(MAKE) -C internal/fakecuda/src BUILD=$(CURDIR)/build/emu

# Compiles the kernels to PTX with clang-19. The result is committed.
cuda-ptx:
	sr/cuda/kernels/generate.sh

# Assembles the PTX with NVIDIA's ptxas, fetched as a wheel with pip: errors, spills, registers, tensor instructions.
.PHONY: cuda-ptxas
cuda-ptxas:
	tools/cuda/assemble.sh

# Every kernel under the sanitizers; make test takes one of each template.
.PHONY: cuda-sanitize
cuda-sanitize:
	VSR_ALL_KERNELS=1 go test -count=1 -v -run TestSanitizers ./internal/fakecuda

cuda-test:
	$(CUDA_ENV) go test -tags nvidia ./sr/cuda/...

# The test program for scripts/gpu-check.sh on a machine that has a GPU but no Go.
.PHONY: cuda-test-program
cuda-test-program:
	$(CUDA_ENV) go test -c -tags nvidia -o build/cuda.test ./sr/cuda
