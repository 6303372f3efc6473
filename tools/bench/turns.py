#!/usr/bin/env python3
"""Runs two commands in turns and prints the medians and their ratio.

  tools/bench/turns.py ROUNDS 'OURS' 'THEIRS'

Each command prints how many milliseconds one picture or step takes: JSON with "ms", as `vsr bench --json` does, or `go test
-bench`, or a last line that ends in a number. The one that begins changes with each round. The ratio, theirs over ours, is the
median of the rounds' ratios.
"""

import json
import re
import statistics
import subprocess
import sys


def milliseconds(command):
    text = subprocess.run(command, shell=True, check=True, stdout=subprocess.PIPE, text=True).stdout.strip()
    line = text.splitlines()[-1]
    if line.startswith("{"):
        return float(json.loads(line)["ms"])
    bench = re.search(r"([\d.]+) ns/op", text)
    return float(bench.group(1)) / 1e6 if bench else float(line.split()[-1])


def main():
    if len(sys.argv) != 4 or int(sys.argv[1]) < 1:
        sys.exit(__doc__)
    sides = ([], [])
    for turn in range(int(sys.argv[1])):
        for who in (turn % 2, 1 - turn % 2):
            sides[who].append(milliseconds(sys.argv[2 + who]))
    ratios = sorted(b / a for a, b in zip(*sides))
    print(f"ours {statistics.median(sides[0]):.2f} ms, theirs {statistics.median(sides[1]):.2f} ms, "
          f"ratio {statistics.median(ratios):.2f} ({ratios[0]:.2f} to {ratios[-1]:.2f} in {len(ratios)} rounds)")


main()
