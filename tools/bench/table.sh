#!/bin/bash
# Runs the benchmarks of docs/benchmarks.md by name, or all of them, and prints one result each.
#
#   tools/bench/table.sh [NAME...]
#
# ROUNDS (default 5) and FRAMES (default 10) say how much is measured, THREADS (default 2) on how many threads; LIMIT (default 100)
# is the seconds after which a row is given up, so that all of them end within ten minutes on two cores. Needs make build and
# make onnxruntime; libdnnl-dev 2.x and g++ for onednn, python3-torch for torch and train, ffmpeg for run and memory. A row whose
# tools are missing or that fails says so; the others still run, and the exit code is 1. VSR, ONNXRUNTIME and PYTHON name the programs.
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 1
rounds=${ROUNDS:-5} frames=${FRAMES:-10} threads=${THREADS:-2} limit=${LIMIT:-100}
export vsr=${VSR:-bin/vsr} python=${PYTHON:-/usr/bin/python3}
export rounds frames threads small="--size 320x180 --threads $threads --frames $frames"
names="onnxruntime onednn-fp32 onednn-bf16 torch limit-fast limit-base limit-m avx2 run train memory threads"

field() { # prints fields of a JSON object on standard input
    "$python" -c 'import json,sys; d=json.load(sys.stdin); print(", ".join(f"{k} {d[k]:.4g}" if isinstance(d[k],float) else f"{k} {d[k]}" for k in sys.argv[1:]))' "$@"
}
against() { build/against $small --rounds "$rounds" --json "$@" | field isa precision ratio least_ratio most_ratio ours_ms theirs_ms max_difference share_within_1; }
limit() { # a shape, how many frames
    "$vsr" bench --size 320x180 --threads "$threads" --frames "$2" --model "$1" --json |
        field isa precision share_of_limit cpu_share_of_limit limit_ms ms best_ms fps peak_fp32 peak_bf16
}
clip() { # a moving picture without repeated frames, of that size and length in seconds
    local file=build/bench-$1-$2.mp4
    [ -s "$file" ] || ffmpeg -v error -f lavfi -i "mandelbrot=size=$1:rate=24" -t "$2" -c:v libx264 -pix_fmt yuv420p -y "$file" || return 1
    echo "$file"
}
library() { # the ONNX Runtime that make onnxruntime has fetched
    ls "${ONNXRUNTIME:-build/onnxruntime}"/node_modules/onnxruntime-node/bin/napi-v*/linux/x64/libonnxruntime.so.1 2> /dev/null | tail -1
}
onednn() { # a type of onednn.cc
    if ! [ build/onednn -nt tools/bench/onednn.cc ]; then g++ -O2 -o build/onednn tools/bench/onednn.cc -ldnnl || return 1; fi
    printf '%s: ' "$1"
    tools/bench/turns.py "$rounds" "$vsr bench $small --json" "OMP_NUM_THREADS=$threads build/onednn $1"
}

one() {
    case $1 in
    onnxruntime) against --model fast --against onnxruntime ;;
    onednn-fp32) onednn fp32 && onednn winograd ;;
    onednn-bf16) onednn bf16 ;;
    torch) tools/bench/turns.py "$rounds" "$vsr bench $small --json" "$python tools/bench/torch_net.py fp32 $threads" ;;
    limit-fast) limit fast 100 ;;
    limit-base) limit base 20 ;;
    limit-m) limit m 10 ;;
    avx2)
        tools/bench/onnxruntime_avx2.py "$(library)" build/libonnxruntime-avx2.so > /dev/null &&
            against --model fast --isa avx2 --against onnxruntime --onnxruntime build/libonnxruntime-avx2.so
        ;;
    run)
        file=$(clip 320x180 10) &&
            "$vsr" bench --model fast --threads "$threads" --frames 30 --rounds "$rounds" --run "$file" --json |
            field ratio least_ratio most_ratio floor wall_ms network_ms encode_ms frames repeated bottleneck
        ;;
    train)
        tools/bench/turns.py "$rounds" "GOMAXPROCS=$threads build/train.test -test.run - -test.bench StudentStep -test.benchtime 10x" "$python tools/bench/train_step.py $threads"
        ;;
    memory)
        file=$(clip 1920x1080 1) &&
            "$vsr" bench --model fast-x2 --threads "$threads" --frames 1 --rounds 1 --run "$file" --json | field peak_rss_bytes width height frames ratio floor
        ;;
    threads) build/against $small --rounds "$rounds" --threads 2 --against threads=1 --json | field ratio least_ratio most_ratio ours_ms theirs_ms ;;
    *) echo "no benchmark $1; there are: $names" >&2; return 2 ;;
    esac
}

mkdir -p build
export names
export -f field against limit clip library onednn one
[ $# -gt 0 ] || set -- $names
failed=0
for name in "$@"; do
    printf '%-12s ' "$name"
    case $name in # outside of the time: it compiles the kernels
    train) go test -c -o build/train.test ./train ;;
    onnxruntime | avx2 | threads) go build -o build/against ./tools/bench/against ;;
    esac
    timeout "$limit" bash -o pipefail -c 'one "$1"' one "$name"
    case $? in
    0) ;;
    124) echo "not finished within $limit s"; failed=1 ;;
    *) echo "failed"; failed=1 ;;
    esac
done
exit $failed
