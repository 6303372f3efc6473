#!/bin/sh
# Compiles the kernels to PTX with clang, no CUDA toolkit needed: vsr_sm75.ptx and vsr_sm80.ptx beside this script, or in $1.
# The PTX versions are the lowest that have the instructions in vsr_dev.h, because a driver refuses a newer one than its own:
# 6.5 (driver 440) has mma.m16n8k8 and ldmatrix, 7.0 (driver 450) mma.m16n8k16 and cp.async.
set -eu
cd "$(dirname "$0")"
out=${1:-.}
clang=${CLANG:-clang-19}
sum=$(cat vsr_dev.h tile.h block.h conv.h estimate.h color.h tail.h scene.h vsr.cu | sha256sum | cut -d' ' -f1)
for target in 75:65 80:70; do
  sm=${target%:*}
  {
    echo "// vsr kernels for sm_$sm and newer, made by generate.sh; do not edit."
    echo "// sources: sha256 $sum"
    echo "// compiler: $("$clang" --version | sed -n '1s/.*\(clang version [0-9.]*\).*/\1/p')"
    "$clang" -x cuda --cuda-device-only --cuda-gpu-arch=sm_"$sm" -nocudainc -nocudalib -nostdinc++ \
      -Xclang -target-feature -Xclang +ptx"${target#*:}" -DVSR_SM="$sm" -ffp-contract=off -Wall -Wno-unused-function -O3 -S -o - vsr.cu |
      grep -v '^//' | grep -v '^[[:space:]]*// \(begin\|end\) inline asm$'
  } >"$out/vsr_sm$sm.ptx.new"
  mv "$out/vsr_sm$sm.ptx.new" "$out/vsr_sm$sm.ptx"
done
