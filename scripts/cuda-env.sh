# Sourced from the repository's root: the environment of `go build -tags nvidia`, the same as CUDA_ENV of sr/cuda/build.mk.
export C_INCLUDE_PATH="$PWD/sr/cuda/include" CGO_CFLAGS="-O2 -g -DVSR_CUDA_H=$(sed -n 's/^VSR_CUDA_H := //p' sr/cuda/build.mk)"
