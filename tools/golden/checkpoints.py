"""Writes small PyTorch checkpoints in the forms that `vsr model import` reads, and the values they hold.

Run by hand: python3 tools/golden/checkpoints.py (needs PyTorch); the results are committed under sr/kdsr/testdata.
"""
import json
import os
from collections import OrderedDict

import torch

from model import Student, Teacher
from safetensors import save

OUT = os.path.join(os.path.dirname(__file__), "../../sr/kdsr/testdata")


def weights(path, net, role="student"):
    save(os.path.join(OUT, path), net.state_dict(), {"config": json.dumps(net.config), "role": role})


def prefixed(state, prefix):
    return OrderedDict((prefix + k, v) for k, v in state.items())


def main():
    torch.manual_seed(1)
    net, other = Student(2, 2, 1, 4), Student(2, 2, 1, 4)
    state = net.state_dict()
    write = lambda name, obj, **kw: torch.save(obj, os.path.join(OUT, name), **kw)
    weights("student.safetensors", net)
    write("classic.pt", state)
    write("gan.pth", {"params": other.state_dict(), "params_ema": state})
    write("stream.pt", prefixed(state, "module."), _use_new_zipfile_serialization=False)
    # Doubles, views into one storage, permuted strides, and parameters instead of plain tensors.
    odd = OrderedDict((k, v.double()) for k, v in state.items())
    odd["G.head.0.weight"] = state["G.head.0.weight"].contiguous(memory_format=torch.channels_last)
    both = torch.cat([state["G.body.1.bias"], state["E_st.E.0.bias"]])
    odd["G.body.1.bias"], odd["E_st.E.0.bias"] = both[:2], both[2:]
    odd["G.tail.1.bias"] = torch.nn.Parameter(state["G.tail.1.bias"])
    write("odd.pt", {"state_dict": odd, "epoch": 7, "lr": 1e-4, "notes": ["a", None, True]})
    write("half.pt", OrderedDict((k, v if "_mean" in k else v.half()) for k, v in state.items()))
    teacher = Teacher(2, 1, 1, 2)
    weights("teacher.safetensors", teacher, "teacher")
    write("teacher.pt", teacher.state_dict())


if __name__ == "__main__":
    main()
