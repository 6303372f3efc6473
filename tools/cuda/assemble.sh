#!/bin/sh
# Assembles the committed PTX with NVIDIA's ptxas and compares registers and shared memory with ptxas.golden.
#
#   tools/cuda/assemble.sh [-u]     -u writes the golden file
#
# ptxas and nvdisasm come from $PTXAS and $NVDISASM, the PATH, or NVIDIA's wheels (nvidia-cuda-nvcc-cu12 12.9.86, about 40 MB, and
# nvidia-cuda-nvdisasm 13.5.37), which pip puts under build/ptxas. They are proprietary: used here and never shipped. An error, a
# spilled register, local memory or the lack of tensor instructions in the machine code fails.
set -eu
cd "$(dirname "$0")/../.."
golden=tools/cuda/ptxas.golden

# tool NAME FILE PACKAGE: where a program is, after fetching its wheel if need be.
tool() {
  if found=$(command -v "$1"); then
    echo "$found"
    return
  fi
  if [ ! -f "build/ptxas/$2" ]; then
    mkdir -p build/ptxas
    python3 -m pip download -q --no-deps -d build/ptxas "$3" >&2
    (cd build/ptxas && python3 -m zipfile -e ./*.whl . && rm -f ./*.whl)
    chmod +x "build/ptxas/$2"
  fi
  echo "build/ptxas/$2"
}
ptxas=${PTXAS:-$(tool ptxas nvidia/cuda_nvcc/bin/ptxas nvidia-cuda-nvcc-cu12==12.9.86)}
nvdisasm=${NVDISASM:-$(tool nvdisasm nvidia/cu13/bin/nvdisasm nvidia-cuda-nvdisasm==13.5.37)}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
{
  echo "# $("$ptxas" --version | grep -o 'V[0-9][0-9.]*'), made by assemble.sh -u: architecture, kernel, registers, barriers"
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
echo "$("$ptxas" --version | grep -o 'V[0-9][0-9.]*') accepts both modules for sm_75, 80, 86, 89, 90, 100 and 120 without a spill;"
echo "the machine code ($("$nvdisasm" --version | grep -o 'V[0-9][0-9.]*')) has tensor instructions and no local memory"
