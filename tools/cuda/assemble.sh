#!/bin/sh
# Assembles the committed PTX with NVIDIA's ptxas and compares registers and shared memory with ptxas.golden.
#
#   tools/cuda/assemble.sh [-u]     -u writes the golden file
#
# ptxas comes from $PTXAS, the PATH, or NVIDIA's compiler wheel (nvidia-cuda-nvcc-cu12 12.9.86, about 40 MB), which pip puts under
# build/ptxas. It is proprietary: it is used here and never shipped. An error or a spilled register fails.
set -eu
cd "$(dirname "$0")/../.."
golden=tools/cuda/ptxas.golden
ptxas=${PTXAS:-$(command -v ptxas || true)}
if [ -z "$ptxas" ]; then
  ptxas=build/ptxas/nvidia/cuda_nvcc/bin/ptxas
  if [ ! -f "$ptxas" ]; then
    mkdir -p build/ptxas
    python3 -m pip download -q --no-deps -d build/ptxas nvidia-cuda-nvcc-cu12==12.9.86
    (cd build/ptxas && python3 -m zipfile -e ./*.whl . && rm -f ./*.whl)
    chmod +x "$ptxas"
  fi
fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
{
  echo "# $("$ptxas" --version | grep -o 'V[0-9.]*'), made by assemble.sh -u: architecture, kernel, registers, barriers"
  for sm in 75 80 86 89 90 100 120; do
    file=sr/cuda/kernels/vsr_sm80.ptx
    [ $sm = 75 ] && file=sr/cuda/kernels/vsr_sm75.ptx
    "$ptxas" -v -arch=sm_$sm "$file" -o "$work/sm_$sm.cubin" 2>"$work/log" || { cat "$work/log" >&2; exit 1; }
    if grep -E '[1-9][0-9]* bytes (stack frame|spill)' "$work/log" >&2; then
      echo "sm_$sm: registers are spilled" >&2
      exit 1
    fi
    awk -v sm=$sm -F"'" '/Compiling entry/ { name = $2 }
      /Used [0-9]+ registers/ { match($0, /Used [0-9]+ registers(, used [0-9]+ barriers)?/)
        split(substr($0, RSTART, RLENGTH), w, " "); printf "sm_%s %s %s %s\n", sm, name, w[2], w[5] == "" ? 0 : w[5] }' \
      "$work/log" | sort
  done
} >"$work/table"
if [ "${1:-}" = -u ]; then
  cp "$work/table" $golden
elif ! diff -u $golden "$work/table"; then
  echo "registers differ from $golden: look at them, then run assemble.sh -u" >&2
  exit 1
fi
# Tensor instructions, and no local memory, in the machine code, where there is a disassembler (nvidia-cuda-nvdisasm has one).
if nvdisasm=${NVDISASM:-$(command -v nvdisasm)}; then
  for sm in 75 80 86 89 90 100 120; do
    "$nvdisasm" "$work/sm_$sm.cubin" >"$work/sass" 2>"$work/log" || { cat "$work/log" >&2; exit 1; }
    for want in HMMA LDSM; do
      grep -q $want "$work/sass" || { echo "sm_$sm: no $want in the machine code" >&2; exit 1; }
    done
    if grep -E '\b(LDL|STL)\b' "$work/sass" >&2; then
      echo "sm_$sm: local memory in the machine code" >&2
      exit 1
    fi
  done
  echo "machine code: tensor instructions present, no local memory"
else
  echo "no nvdisasm: the machine code was not looked at"
fi
echo "ptxas accepts both modules for sm_75, 80, 86, 89, 90, 100 and 120 without a spill"
