#!/bin/bash
# Runs the benchmarks of docs/benchmarks.md by name, or all of them, and prints one result each.
#
#   tools/bench/table.sh [NAME...]
#
# ROUNDS (default 5) and FRAMES (default 10) say how much is measured, THREADS (default 2) on how many threads. Needs make build
# and make onnxruntime; libdnnl-dev 2.x and g++ for onednn, python3-torch for torch and train, ffmpeg for run and memory.
set -euo pipefail
cd "$(dirname "$0")/../.."
rounds=${ROUNDS:-5} frames=${FRAMES:-10} threads=${THREADS:-2}
vsr=${VSR:-bin/vsr}
python=${PYTHON:-/usr/bin/python3}
small="--size 320x180 --threads $threads --frames $frames"

field() { # prints fields of a JSON object on standard input
    "$python" -c 'import json,sys; d=json.load(sys.stdin); print(", ".join(f"{k} {d[k]:.4g}" if isinstance(d[k],float) else f"{k} {d[k]}" for k in sys.argv[1:]))' "$@"
}
against() { "$vsr" bench $small --rounds "$rounds" --json "$@" | field isa precision ratio least_ratio most_ratio ours_ms theirs_ms max_difference share_within_1; }
limit() { "$vsr" bench $small --model "$1" --json | field isa precision share_of_limit share_of_peak fps peak_fp32 peak_bf16; }
clip() { # a moving picture without repeated frames, of that size and length
    local file=build/bench-$1.mp4
    [ -s "$file" ] || ffmpeg -v error -f lavfi -i "mandelbrot=size=$1:rate=24" -t "$2" -c:v libx264 -pix_fmt yuv420p -y "$file"
    echo "$file"
}
onednn() { # a type of onednn.cc, a precision of ours
    build/onednn > /dev/null 2>&1 || g++ -O2 -o build/onednn tools/bench/onednn.cc -ldnnl
    echo "$1: $(tools/bench/turns.py "$rounds" "$vsr bench $small --precision $2 --json" "OMP_NUM_THREADS=$threads build/onednn $1")"
}

one() {
    case $1 in
    onnxruntime) against --model fast --against onnxruntime ;;
    onednn-fp32) onednn fp32 auto; onednn winograd auto ;;
    onednn-bf16) onednn bf16 auto ;;
    torch) tools/bench/turns.py "$rounds" "$vsr bench $small --json" "$python tools/bench/torch_net.py fp32 $threads" ;;
    limit-fast) limit fast ;;
    limit-base) limit base ;;
    limit-m) limit m ;;
    avx2)
        tools/bench/onnxruntime_avx2.py build/onnxruntime/node_modules/onnxruntime-node/bin/napi-v*/linux/x64/libonnxruntime.so.1 build/libonnxruntime-avx2.so > /dev/null
        against --model fast --isa avx2 --against onnxruntime --onnxruntime build/libonnxruntime-avx2.so
        ;;
    run) "$vsr" bench --model fast --threads "$threads" --frames "$frames" --rounds "$rounds" --run "$(clip 320x180 10)" --json | field ratio least_ratio most_ratio wall_ms network_ms frames repeated bottleneck ;;
    train)
        go test -c -o build/train.test ./train
        tools/bench/turns.py "$rounds" "GOMAXPROCS=$threads build/train.test -test.run - -test.bench StudentStep -test.benchtime 10x" "$python tools/bench/train_step.py $threads"
        ;;
    memory) "$vsr" bench --model fast-x2 --threads "$threads" --frames 1 --rounds 1 --run "$(clip 1920x1080 1)" --json | field peak_rss_bytes width height frames ;;
    threads) "$vsr" bench $small --rounds "$rounds" --threads 2 --against threads=1 --json | field ratio least_ratio most_ratio ours_ms theirs_ms ;;
    *) echo "no benchmark $1" >&2; exit 2 ;;
    esac
}

mkdir -p build
[ $# -gt 0 ] || set -- onnxruntime onednn-fp32 onednn-bf16 torch limit-fast limit-base limit-m avx2 run train memory threads
for name in "$@"; do
    printf '%-12s ' "$name"
    one "$name" || echo "$name: failed" >&2
done
