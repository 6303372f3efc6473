"""Times the SR network of `fast` (C=32, N=8, x4, direct tail) with PyTorch: random weights, fixed kernels, one picture.

  /usr/bin/python3 tools/bench/torch_net.py [fp32|bf16] [threads] [WxH] [C N]

From float RGB to float RGB, channels last. The last word of the output is the median in milliseconds, for turns.py.
"""

import os
import statistics
import sys
import time

import torch
import torch.nn.functional as F


def main():
    args = sys.argv[1:] + [None] * 5
    dtype = {"fp32": torch.float32, "bf16": torch.bfloat16}[args[0] or "fp32"]
    torch.set_num_threads(int(args[1] or os.cpu_count()))
    width, height = map(int, (args[2] or "320x180").split("x"))
    c, n = int(args[3] or 32), int(args[4] or 8)
    torch.manual_seed(1)

    def tensor(*shape):
        return (torch.randn(*shape) * 0.05).to(dtype).contiguous(memory_format=torch.channels_last)

    def conv(i, o):
        return tensor(o, i, 3, 3), torch.zeros(o, dtype=dtype)

    head, body, tail = conv(3, c), conv(c, c), conv(c, 48)
    blocks = [(tensor(c, 1, 3, 3), *conv(c, c)) for _ in range(n)]
    x = torch.rand(1, 3, height, width).to(dtype).contiguous(memory_format=torch.channels_last)

    def net():
        first = t = F.conv2d(x - 0.4, *head, padding=1)
        for kernels, w, b in blocks:
            t = F.conv2d(F.leaky_relu(F.conv2d(t, kernels, padding=1, groups=c), 0.1), w, b, padding=1) + t
        t = F.conv2d(t, *body, padding=1) + first
        return F.pixel_shuffle(F.conv2d(t, *tail, padding=1), 4) + F.interpolate(x, scale_factor=4.0, mode="nearest")

    times = []
    with torch.no_grad():
        for i in range(9):
            began = time.perf_counter()
            net()
            times.append(1000 * (time.perf_counter() - began))
    print(f"PyTorch {torch.__version__} {args[0] or 'fp32'}, {torch.get_num_threads()} threads, {width}x{height}, ms:",
          f"{statistics.median(times[2:]):.2f}")


main()
