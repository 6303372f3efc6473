"""KDSR in PyTorch, written from the paper and the names of the published checkpoints.

The oracle of the Go code: it shares nothing with it. State dict names are those of the published files.
"""
import torch
import torch.nn as nn
import torch.nn.functional as F

MEAN = torch.tensor([0.4488, 0.4371, 0.4040]).view(1, 3, 1, 1)


def lrelu(x):
    return F.leaky_relu(x, 0.1)


class MeanShift(nn.Conv2d):
    """The frozen 1x1 convolution that adds sign times the mean colour."""

    def __init__(self, sign):
        super().__init__(3, 3, 1)
        self.weight.data = torch.eye(3).view(3, 3, 1, 1)
        self.bias.data = sign * MEAN.view(3).clone()
        for p in self.parameters():
            p.requires_grad = False


class DynamicConv(nn.Module):
    """IDR-DDC: a depthwise 3x3 convolution whose taps come from the degradation vector."""

    def __init__(self, c):
        super().__init__()
        self.kernel = nn.Sequential(nn.Linear(c, c, bias=False), nn.LeakyReLU(0.1), nn.Linear(c, 9 * c, bias=False))

    def forward(self, x, d):
        b, c, h, w = x.shape
        taps = self.kernel(d).view(b * c, 1, 3, 3)
        return F.conv2d(x.reshape(1, b * c, h, w), taps, padding=1, groups=b * c).view(b, c, h, w)


class Block(nn.Module):
    """IDR-DCRB."""

    def __init__(self, c):
        super().__init__()
        self.da_conv1 = DynamicConv(c)
        self.conv1 = nn.Conv2d(c, c, 3, padding=1)

    def forward(self, x, d):
        return self.conv1(lrelu(self.da_conv1(x, d))) + x


class Body(nn.Module):
    def __init__(self, c, n):
        super().__init__()
        self.body = nn.ModuleList([Block(c) for _ in range(n)])

    def forward(self, x, d):
        for block in self.body:
            x = block(x, d)
        return x


class Generator(nn.Module):
    """G: tail is official or direct, skip is none or nearest."""

    def __init__(self, c, n, scale, tail, skip):
        super().__init__()
        self.scale, self.skip = scale, skip
        if skip == "none":
            self.sub_mean, self.add_mean = MeanShift(-1), MeanShift(+1)
        self.head = nn.Sequential(nn.Conv2d(3, c, 3, padding=1))
        self.body = nn.ModuleList([Body(c, n), nn.Conv2d(c, c, 3, padding=1)])
        if tail == "direct":
            self.tail = nn.ModuleList([nn.Conv2d(c, 3 * scale * scale, 3, padding=1)])
        else:
            up = []
            for r in {2: [2], 3: [3], 4: [2, 2]}[scale]:
                up += [nn.Conv2d(c, r * r * c, 3, padding=1), nn.PixelShuffle(r)]
            self.tail = nn.Sequential(nn.Sequential(*up), nn.Conv2d(c, 3, 3, padding=1))

    def enlarge(self, t):
        if isinstance(self.tail, nn.ModuleList):
            return F.pixel_shuffle(self.tail[0](t), self.scale)
        return self.tail(t)

    def forward(self, x, d):
        t = f0 = self.head(self.sub_mean(x) if self.skip == "none" else x - MEAN)
        t = self.body[1](self.body[0](t, d)) + f0
        y = self.enlarge(t)
        if self.skip == "none":
            return self.add_mean(y)
        return y + F.interpolate(x, scale_factor=self.scale, mode="nearest")


class ResBlock(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.body = nn.Sequential(nn.Conv2d(c, c, 3, padding=1), nn.LeakyReLU(0.1), nn.Conv2d(c, c, 3, padding=1))

    def forward(self, x):
        return self.body(x) + x


class Estimator(nn.Module):
    """KD-IDE; cin is 3 for the student, 3 + 3*s*s for the teacher."""

    def __init__(self, cin, c, r, stem):
        super().__init__()
        conv = lambda i, o, stride=1: [nn.Conv2d(i, o, 3, stride=stride, padding=1), nn.LeakyReLU(0.1)]
        self.E = nn.Sequential(
            *conv(cin, c, stem), *[ResBlock(c) for _ in range(r)],
            *conv(c, 2 * c), *conv(2 * c, 2 * c), *conv(2 * c, 4 * c), nn.AdaptiveAvgPool2d(1))
        self.mlp = nn.Sequential(nn.Linear(4 * c, 4 * c), nn.LeakyReLU(0.1), nn.Linear(4 * c, 4 * c), nn.LeakyReLU(0.1))
        self.compress = nn.Sequential(nn.Linear(4 * c, c), nn.LeakyReLU(0.1))

    def forward(self, x):
        prime = self.mlp(self.E(x).flatten(1))
        return prime, self.compress(prime)


class Student(nn.Module):
    def __init__(self, c, n, r, scale, tail="official", skip="none", stem=1):
        super().__init__()
        self.config = dict(c=c, n=n, r=r, scale=scale, tail=tail, skip=skip, stem=stem)
        self.G = Generator(c, n, scale, tail, skip)
        self.E_st = Estimator(3, c, r, stem)

    def forward(self, x):
        prime, d = self.E_st(x)
        return self.G(x, d), prime, d


class Teacher(nn.Module):
    def __init__(self, c, n, r, scale, tail="official", skip="none", stem=1):
        super().__init__()
        self.config = dict(c=c, n=n, r=r, scale=scale, tail=tail, skip=skip, stem=stem)
        self.G = Generator(c, n, scale, tail, skip)
        self.E = Estimator(3 + 3 * scale * scale, c, r, stem)

    def forward(self, x, hr):
        scale = self.config["scale"]
        prime, d = self.E(torch.cat([x, F.pixel_unshuffle(hr, scale)], 1))
        return self.G(x, d), prime, d
