"""Dumps the forward pass of small KDSR networks, layer by layer: weights, input, every activation, output.

Run by hand: python3 tools/golden/forward.py (needs PyTorch); the results are committed under sr/kdsr/testdata.

One safetensors file a network. Beside the weights it holds
  in/x      the picture [2,3,H,W], in/hr the teacher's original [2,3,sH,sW]
  act/NAME  what the operator NAME of the Go network returned, after its activation
  out/prime, out/d, out/kernels.I, out/y
A training script can use record() on its own networks in the same way and add grad/NAME.
"""
import json
import os

import torch
import torch.nn as nn

from model import Block, DynamicConv, ResBlock, Student, Teacher
from safetensors import save

OUT = os.path.join(os.path.dirname(__file__), "../../sr/kdsr/testdata")


def record(net, act):
    """Registers hooks that put each layer's output into act, under the name of the Go operator.

    A convolution or linear layer that is followed by a LeakyReLU is one operator there, and so are whole blocks.
    """
    inside = set()
    for name, m in net.named_modules():
        if isinstance(m, (Block, ResBlock)):
            inside.update(id(k) for k in m.modules() if k is not m)
    for name, m in net.named_modules():
        if isinstance(m, DynamicConv):
            continue
        if isinstance(m, ResBlock):
            m.register_forward_hook(keep(act, name + ".body"))
        elif isinstance(m, Block):
            m.register_forward_hook(keep(act, name + ".conv1"))
        elif isinstance(m, nn.AdaptiveAvgPool2d):
            m.register_forward_hook(keep(act, "pool"))
        elif isinstance(m, nn.Sequential):
            layers = list(m.named_children())
            for (n, layer), (_, after) in zip(layers, layers[1:] + [("", None)]):
                if isinstance(layer, (nn.Conv2d, nn.Linear)) and (id(layer) not in inside or name.endswith("kernel")):
                    followed = after if isinstance(after, nn.LeakyReLU) else layer
                    followed.register_forward_hook(keep(act, f"{name}.{n}"))
        elif isinstance(m, nn.ModuleList):
            for n, layer in m.named_children():
                if isinstance(layer, nn.Conv2d):
                    layer.register_forward_hook(keep(act, f"{name}.{n}"))


def keep(act, name):
    def hook(_, __, out):
        act[name] = out.detach().clone().flatten(1) if name == "pool" else out.detach().clone()
    return hook


def dump(path, net, h, w):
    torch.manual_seed(h * 100 + w)
    net.eval()
    scale = net.config["scale"]
    x, hr = torch.rand(2, 3, h, w), torch.rand(2, 3, scale * h, scale * w)
    tensors, act = dict(net.state_dict()), {}
    record(net, act)
    with torch.no_grad():
        teacher = isinstance(net, Teacher)
        y, prime, d = net(x, hr) if teacher else net(x)
    tensors["in/x"] = x
    if teacher:
        tensors["in/hr"] = hr
    tensors.update({"act/" + k: v for k, v in act.items()})
    tensors.update({"out/prime": prime, "out/d": d, "out/y": y})
    for i, block in enumerate(net.G.body[0].body):
        tensors[f"out/kernels.{i}"] = block.da_conv1.kernel(d)
    meta = {"config": json.dumps(net.config), "role": "teacher" if teacher else "student"}
    save(os.path.join(OUT, path), tensors, meta)


def main():
    ours = dict(tail="direct", skip="nearest", stem=2)
    for path, kind, args, kw, size in [
        ("classic_x4", Student, (8, 3, 2, 4), {}, (5, 7)),
        ("classic_x2", Student, (8, 2, 1, 2), {}, (6, 3)),
        ("classic_x3", Student, (4, 1, 1, 3), {}, (3, 4)),
        ("gan_x4", Student, (6, 2, 1, 4), {}, (4, 6)),
        ("fast_x4", Student, (8, 2, 2, 4), ours, (5, 7)),
        ("fast_x2", Student, (8, 2, 1, 2), ours, (6, 5)),
        ("fast_x3", Student, (4, 1, 1, 3), ours, (1, 1)),
        ("teacher_x4", Teacher, (4, 2, 1, 4), {}, (4, 3)),
        ("teacher_x2", Teacher, (4, 1, 1, 2), ours, (3, 5)),
    ]:
        torch.manual_seed(7)
        dump("golden_" + path + ".safetensors", kind(*args, **kw), *size)


if __name__ == "__main__":
    main()
