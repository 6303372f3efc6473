"""Times one training step of the student with PyTorch: `fast` x4, batch 8 of 64x64, float32, all cores but no more than given.

Run from the repository root, beside go test -run - -bench StudentStep ./train:
  /usr/bin/python3 tools/bench/train_step.py [threads]
"""

import os
import sys
import time

import torch
import torch.nn.functional as F

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "golden"))
import train as ref  # noqa: E402  the same network as the golden vectors


def main():
    torch.set_num_threads(int(sys.argv[1]) if len(sys.argv) > 1 else os.cpu_count())
    torch.set_default_dtype(torch.float32)
    cfg = dict(C=32, N=8, R=2, scale=4, stem=2, official=False, batch=8, patch=64)
    ref.MEAN = ref.MEAN.float()
    x, hr, other = (t.float().contiguous() for t in ref.batch(cfg, 0))
    student, teacher = ref.Params(), ref.Params()

    def single(p):
        make = p.get

        def get(name, shape, fan_in):
            if name not in p.t:
                p.t[name] = make(name, shape, fan_in).detach().float().requires_grad_()
            return p.t[name]

        p.get = get

    single(student)
    single(teacher)

    def loss():
        with torch.no_grad():
            want, _ = ref.estimator(teacher, cfg, ref.teacher_input(x, hr, 4), "E")
        got, d = ref.estimator(student, cfg, other, "E_st")
        l1 = F.l1_loss(ref.network(student, cfg, x, d), hr)
        t = ref.TEMPERATURE
        return l1 + F.kl_div(F.log_softmax(got / t, 1), F.softmax(want / t, 1), reduction="batchmean")

    loss()
    opt = torch.optim.Adam(list(student.t.values()), lr=1e-4, betas=(0.9, 0.99))
    times = []
    for _ in range(12):
        began = time.perf_counter()
        opt.zero_grad()
        loss().backward()
        opt.step()
        times.append(time.perf_counter() - began)
    best = sorted(times[2:])[len(times[2:]) // 2]
    print(f"{8 / best:.1f} samples/s, median ms a step: {best * 1e3:.1f}")


if __name__ == "__main__":
    main()
