"""Writes train/testdata/step.safetensors: gradients and losses of training steps, computed by PyTorch in float64.

Run from the repository root: /usr/bin/python3 tools/golden/train.py
The network is written here a second time, from the paper and the published layer list, so that the Go code is compared with
something it shares no line with. Parameters and pictures come from a formula (values) that the Go test repeats.
"""

import json
import struct

import numpy as np
import torch
import torch.nn.functional as F

MEAN = torch.tensor([0.4488, 0.4371, 0.4040], dtype=torch.float64).view(1, 3, 1, 1)
TEMPERATURE = 0.15


def values(name, count):
    """count numbers in [0,1), a hash of the name and the index."""
    h = np.uint64(2166136261)
    for b in name.encode():
        h = (h ^ np.uint64(b)) * np.uint64(16777619) & np.uint64(0xFFFFFFFF)
    x = (h + np.arange(count, dtype=np.uint64) * np.uint64(2654435761)) & np.uint64(0xFFFFFFFF)
    for _ in range(2):
        x ^= x >> np.uint64(16)
        x = x * np.uint64(0x45D9F3B) & np.uint64(0xFFFFFFFF)
    x ^= x >> np.uint64(16)
    return x.astype(np.float64) / 2**32


class Params:
    """Makes each parameter the first time it is used: uniform within 1/sqrt(fan in), rounded to float32."""

    def __init__(self):
        self.t = {}

    def get(self, name, shape, fan_in):
        if name not in self.t:
            v = (values(name, int(np.prod(shape))) * 2 - 1) / np.sqrt(fan_in)
            v = v.astype(np.float32).astype(np.float64).reshape(shape)
            self.t[name] = torch.tensor(v, requires_grad=True)
        return self.t[name]

    def conv(self, x, name, out, stride=1):
        cin = x.shape[1]
        w = self.get(name + ".weight", (out, cin, 3, 3), 9 * cin)
        b = self.get(name + ".bias", (out,), 9 * cin)
        return F.conv2d(x, w, b, stride=stride, padding=1)

    def linear(self, x, name, out, bias=True):
        cin = x.shape[1]
        w = self.get(name + ".weight", (out, cin), cin)
        b = self.get(name + ".bias", (out,), cin) if bias else None
        return F.linear(x, w, b)


def lrelu(x):
    return F.leaky_relu(x, 0.1)


def estimator(p, cfg, x, root):
    c, r = cfg["C"], cfg["R"]
    t = lrelu(p.conv(x, f"{root}.E.0", c, cfg["stem"]))
    for j in range(2, 2 + r):
        n = f"{root}.E.{j}.body"
        t = t + p.conv(lrelu(p.conv(t, n + ".0", c)), n + ".2", c)
    for i, out in ((r + 2, 2 * c), (r + 4, 2 * c), (r + 6, 4 * c)):
        t = lrelu(p.conv(t, f"{root}.E.{i}", out))
    v = t.mean((2, 3))
    v = lrelu(p.linear(v, f"{root}.mlp.0", 4 * c))
    dp = lrelu(p.linear(v, f"{root}.mlp.2", 4 * c))
    return dp, lrelu(p.linear(dp, f"{root}.compress.0", c))


def network(p, cfg, x, d):
    c, s = cfg["C"], cfg["scale"]
    f0 = p.conv(x - MEAN, "G.head.0", c)
    t = f0
    for i in range(cfg["N"]):
        n = f"G.body.0.body.{i}"
        k = p.linear(lrelu(p.linear(d, n + ".da_conv1.kernel.0", c, False)), n + ".da_conv1.kernel.2", 9 * c, False)
        b, _, h, w = t.shape
        dw = F.conv2d(t.reshape(1, b * c, h, w), k.reshape(b * c, 1, 3, 3), padding=1, groups=b * c).reshape(b, c, h, w)
        t = t + p.conv(lrelu(dw), n + ".conv1", c)
    t = p.conv(t, "G.body.1", c) + f0
    if cfg["official"]:
        for i in range(2):
            t = F.pixel_shuffle(p.conv(t, f"G.tail.0.{2 * i}", 4 * c), 2)
        return p.conv(t, "G.tail.1", 3) + MEAN
    y = F.pixel_shuffle(p.conv(t, "G.tail.0", 3 * s * s), s)
    return y + F.interpolate(x, scale_factor=s, mode="nearest")


def teacher_input(x, hr, s):
    return torch.cat([x, F.pixel_unshuffle(hr, s)], 1)


def batch(cfg, step):
    b, p, s = cfg["batch"], cfg["patch"], cfg["scale"]

    def picture(name, side):
        v = values(f"{name}.{step}", b * side * side * 3).astype(np.float32).astype(np.float64)
        return torch.tensor(v.reshape(b, side, side, 3)).permute(0, 3, 1, 2)  # stored NHWC

    return picture("lr", p), picture("hr", p * s), picture("other", p)


def loss_of(p, teacher, cfg, step):
    x, hr, other = batch(cfg, step)
    if teacher is None:
        _, d = estimator(p, cfg, teacher_input(x, hr, cfg["scale"]), "E")
        l1 = F.l1_loss(network(p, cfg, x, d), hr)
        return l1, [l1]
    with torch.no_grad():
        want, _ = estimator(teacher, cfg, teacher_input(x, hr, cfg["scale"]), "E")
    got, d = estimator(p, cfg, other, "E_st")
    l1 = F.l1_loss(network(p, cfg, x, d), hr)
    kd = F.kl_div(F.log_softmax(got / TEMPERATURE, 1), F.softmax(want / TEMPERATURE, 1), reduction="batchmean")
    return l1 + kd, [l1, kd]


def case(name, cfg, out):
    student = name.startswith("student")
    teacher = Params() if student else None
    p = Params()
    total, _ = loss_of(p, teacher, cfg, 0)
    total.backward()
    for n, t in p.t.items():
        out[f"{name}/grad/{n}"] = t.grad.numpy()
        t.grad = None
    opt = torch.optim.Adam(list(p.t.values()), lr=1e-3, betas=(0.9, 0.99))
    losses = []
    for step in range(10):
        opt.zero_grad()
        total, parts = loss_of(p, teacher, cfg, step)
        total.backward()
        opt.step()
        losses.append([float(total)] + [float(v) for v in parts])
    out[f"{name}/losses"] = np.array(losses)


CRITIC = [(3, 4, 3, 1), (4, 8, 4, 2), (8, 16, 4, 2), (16, 32, 4, 2), (32, 16, 3, 1), (16, 8, 3, 1), (8, 4, 3, 1),
          (4, 4, 3, 1), (4, 4, 3, 1), (4, 1, 3, 1)]  # width 4: in, out, kernel, stride


class Discriminator:
    """U-Net discriminator with spectral normalisation; the power iteration is done by hand, u and v count as constants."""

    def __init__(self):
        self.p, self.u = Params(), {}

    def weight(self, i, iterate):
        cin, out, k, _ = CRITIC[i]
        w = self.p.get(f"conv{i}.weight", (out, cin, k, k), cin * k * k)
        if i in (0, 9):
            return w, self.p.get(f"conv{i}.bias", (out,), cin * k * k)
        flat = w.reshape(out, -1)
        with torch.no_grad():
            if i not in self.u:
                self.u[i] = (F.normalize(torch.tensor(values(f"u{i}", out) * 2 - 1), dim=0), None)
            if iterate:
                v = F.normalize(flat.t() @ self.u[i][0], dim=0)
                self.u[i] = (F.normalize(flat @ v, dim=0), v)
        u, v = self.u[i]
        return w / (u @ flat @ v), None

    def __call__(self, x, iterate):
        def layer(i, x):
            w, b = self.weight(i, iterate)
            y = F.conv2d(x, w, b, stride=CRITIC[i][3], padding=1)
            return y if i == 9 else F.leaky_relu(y, 0.2)

        down = [layer(0, x)]
        for i in (1, 2, 3):
            down.append(layer(i, down[-1]))
        t = down[3]
        for i in (4, 5, 6):
            up = F.interpolate(t, scale_factor=2, mode="bilinear", align_corners=False)
            t = layer(i, up) + down[6 - i]
        return layer(9, layer(8, layer(7, t)))


def features(p, x):
    """A toy with every layer that the feature networks have."""

    def conv(x, name, out, k, stride=1, pad=0):
        cin = x.shape[1]
        return F.conv2d(x, p.get(name + ".weight", (out, cin, k, k), cin * k * k), p.get(name + ".bias", (out,), cin * k * k),
                        stride=stride, padding=pad)

    a = conv(x.flip(1) * 2 - 0.5, "conv1", 4, 3, 2)
    t = F.max_pool2d(F.relu(a), 3, 2)
    s = F.relu(conv(t, "fire/squeeze1x1", 2, 1))
    f = torch.cat([F.relu(conv(s, "fire/expand1x1", 3, 1)), F.relu(conv(s, "fire/expand3x3", 3, 3, 1, 1))], 1)
    return [(0.5, a), (2.0, f)]


def gan_case(name, cfg, out):
    p, teacher, discriminator, toy = Params(), Params(), Discriminator(), Params()
    x, hr, other = batch(cfg, 0)
    with torch.no_grad():
        want, _ = estimator(teacher, cfg, teacher_input(x, hr, cfg["scale"]), "E")
    got, d = estimator(p, cfg, other, "E_st")
    y = network(p, cfg, x, d)
    l1 = F.l1_loss(y, hr)
    kd = F.kl_div(F.log_softmax(got / TEMPERATURE, 1), F.softmax(want / TEMPERATURE, 1), reduction="batchmean")
    logits = discriminator(y, True)
    gan = F.binary_cross_entropy_with_logits(logits, torch.ones_like(logits))
    percep = sum(w * F.l1_loss(a, b.detach()) for (w, a), (_, b) in zip(features(toy, y), features(toy, hr)))
    total = l1 + kd + 0.1 * gan + percep
    total.backward()
    for n, t in p.t.items():
        out[f"{name}/grad/{n}"] = t.grad.numpy()
    for t in discriminator.p.t.values():
        t.grad = None
    real = discriminator(hr, True)
    fake = discriminator(y.detach(), False)
    yes = F.binary_cross_entropy_with_logits(real, torch.ones_like(real))
    no = F.binary_cross_entropy_with_logits(fake, torch.zeros_like(fake))
    (yes + no).backward()
    for n, t in discriminator.p.t.items():
        out[f"{name}-discriminator/grad/discriminator.{n}"] = t.grad.numpy()
    out[f"{name}/losses"] = np.array([float(v) for v in (total, l1, kd, gan, percep, yes + no)])


def squeezenet(path, out):
    """The perceptual loss of two pictures with the user's SqueezeNet 1.1, if its file is there."""
    import onnx
    from onnx import numpy_helper

    w = {t.name: torch.tensor(numpy_helper.to_array(t).astype(np.float64)) for t in onnx.load(path).graph.initializer}

    def conv(x, name, stride=1, pad=0):
        return F.relu(F.conv2d(x, w[name + "_w_0"], w[name + "_b_0"], stride=stride, padding=pad))

    def run(x):
        x = x.flip(1) * 255 - torch.tensor([104.0, 117.0, 123.0], dtype=torch.float64).view(1, 3, 1, 1)
        t = conv(x, "conv1", 2)
        kept = [(0.1, t)]
        t = F.max_pool2d(t, 3, 2)
        for i in range(2, 10):
            s = conv(t, f"fire{i}/squeeze1x1")
            t = torch.cat([conv(s, f"fire{i}/expand1x1"), conv(s, f"fire{i}/expand3x3", 1, 1)], 1)
            if i in (3, 5, 7, 9):
                kept.append((0.1 if i == 3 else 1.0, t))
            if i in (3, 5):
                t = F.max_pool2d(t, 3, 2)
        return kept

    cfg = dict(batch=2, patch=24, scale=2)
    _, hr, _ = batch(cfg, 0)
    other = hr.flip(3).clone().requires_grad_(True)
    loss = sum(k * F.l1_loss(a, b) for (k, a), (_, b) in zip(run(other), run(hr))) / 64
    loss.backward()
    out["squeezenet/loss"] = np.array([float(loss)])
    out["squeezenet/grad"] = other.grad.permute(0, 2, 3, 1).numpy()


def save(path, tensors):
    header, data = {}, b""
    for n, v in tensors.items():
        raw = np.ascontiguousarray(v, dtype="<f4").tobytes()
        header[n] = {"dtype": "F32", "shape": list(v.shape), "data_offsets": [len(data), len(data) + len(raw)]}
        data += raw
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as f:
        f.write(struct.pack("<Q", len(text)) + text + data)


if __name__ == "__main__":
    torch.set_num_threads(1)
    direct = dict(C=16, N=2, R=1, scale=2, stem=2, official=False, batch=2, patch=8)
    official = dict(C=8, N=2, R=1, scale=4, stem=1, official=True, batch=2, patch=6)
    tensors = {}
    case("teacher", direct, tensors)
    case("student", direct, tensors)
    case("student-official", official, tensors)
    gan_case("gan", dict(C=8, N=1, R=1, scale=2, stem=2, official=False, batch=2, patch=12), tensors)
    squeezenet("../shared/data/perceptual/squeezenet1.1_fp16.onnx", tensors)
    save("train/testdata/step.safetensors", tensors)
