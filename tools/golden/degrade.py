"""Reference vectors for train/degrade and internal/quality, from numpy and PyTorch in float64.

Run by hand:  /usr/bin/python3 tools/golden/degrade.py
Writes train/degrade/testdata/vectors.json (index) and vectors.bin (little-endian float32 and bytes), and prints the constants of
internal/quality/reference_test.go. Nothing here shares code or method with the Go side: filters are two-dimensional PyTorch
convolutions, resizing is PyTorch's interpolate or a plain loop, the DCT is an einsum over the textbook basis.
"""
import json
import math
import os

import numpy as np
import torch
import torch.nn.functional as F

OUT = os.path.join(os.path.dirname(__file__), "..", "..", "train", "degrade", "testdata")
index, blob = {}, bytearray()


def put(name, a, **extra):
    """Stores an array; bytes stay bytes, everything else becomes float32."""
    a = np.ascontiguousarray(a)
    kind = "u8" if a.dtype == np.uint8 else "f32"
    data = a.tobytes() if kind == "u8" else a.astype("<f4").tobytes()
    index[name] = dict(kind=kind, shape=list(a.shape), offset=len(blob), **extra)
    blob.extend(data)


def picture(w, h, seed):
    """Smooth shapes with texture and edges, 8 bit."""
    rng = np.random.RandomState(seed)
    y, x = np.mgrid[0:h, 0:w].astype(np.float64)
    img = np.zeros((h, w, 3))
    for c in range(3):
        img[..., c] = 0.5 + 0.3 * np.sin(x / (4 + c) + seed) * np.cos(y / (5 - c)) + 0.08 * rng.randn(h, w)
    img[h // 3 : h // 2, w // 4 : w // 2] = (0.9, 0.2, 0.1)
    return np.round(np.clip(img, 0, 1) * 255).astype(np.uint8)


def nchw(a):
    return torch.from_numpy(np.asarray(a, np.float64)).permute(2, 0, 1)[None]


def hwc(t):
    return t[0].permute(1, 2, 0).numpy()


# Kernels ------------------------------------------------------------------------------------------------------------------------
def quadratic(n, s1, s2, theta):
    u = np.array([[math.cos(theta), -math.sin(theta)], [math.sin(theta), math.cos(theta)]])
    inv = np.linalg.inv(u @ np.diag([s1**2, s2**2]) @ u.T)
    q = np.zeros((n, n))
    for i in range(n):
        for j in range(n):
            v = np.array([j - n // 2, i - n // 2], float)
            q[i, j] = v @ inv @ v
    return q


def norm(k):
    return k / k.sum()


def gauss(n, s1, s2, theta):
    return norm(np.exp(-0.5 * quadratic(n, s1, s2, theta)))


def generalized(n, s1, s2, theta, beta):
    return norm(np.exp(-0.5 * quadratic(n, s1, s2, theta) ** beta))


def plateau(n, s1, s2, theta, beta):
    return norm(1 / (1 + quadratic(n, s1, s2, theta) ** beta))


def j1(x):
    """Bessel's integral by the midpoint rule, exact to rounding. PyTorch 1.13's bessel_j1 is off by 7e-8 near 6."""
    t = (np.arange(2000) + 0.5) * math.pi / 2000
    return np.cos(t - x[..., None] * np.sin(t)).mean(-1)


def sinc(n, wc):
    y, x = np.mgrid[0:n, 0:n].astype(np.float64)
    r = np.hypot(y - n // 2, x - n // 2)
    r[n // 2, n // 2] = 1
    k = wc * j1(wc * r) / (2 * math.pi * r)
    k[n // 2, n // 2] = wc * wc / (4 * math.pi)
    return norm(k)


# Operators ----------------------------------------------------------------------------------------------------------------------
def blur(img, k):
    p = k.shape[0] // 2
    t = F.pad(nchw(img), (p, p, p, p), mode="reflect")
    w = torch.from_numpy(k)[None, None].repeat(3, 1, 1, 1)
    return hwc(F.conv2d(t, w, groups=3))


def keys(x):
    x = abs(x)
    if x <= 1:
        return 1.5 * x**3 - 2.5 * x**2 + 1
    return -0.5 * x**3 + 2.5 * x**2 - 4 * x + 2 if x < 2 else 0.0


def down_matrix(n, s):
    """The general formula of the specification, with 1-based positions."""
    f = 1 / s
    m = np.zeros((n // s, n))
    for x in range(1, n // s + 1):
        u = x / f + 0.5 * (1 - 1 / f)
        left = math.floor(u - 4 * s / 2)
        idx = range(left, left + 4 * s + 2)
        w = np.array([keys((u - i) * f) for i in idx])
        w /= w.sum()
        for i, v in zip(idx, w):
            m[x - 1, min(max(i - 1, 0), n - 1)] += v
    return m


def down(img, s):
    return np.einsum("yh,hwc,xw->yxc", down_matrix(img.shape[0], s), img, down_matrix(img.shape[1], s))


def quantise(a):
    return np.round(np.clip(a, 0, 1) * 255) / 255


MODES = ["area", "bilinear", "bicubic"]


def interpolate(img, mode, size=None, factor=None):
    kw = {} if mode == 0 else dict(align_corners=False)
    return hwc(F.interpolate(nchw(img), size=size, scale_factor=factor, mode=MODES[mode], **kw))


LUMA = np.array(
    [16, 11, 10, 16, 24, 40, 51, 61, 12, 12, 14, 19, 26, 58, 60, 55, 14, 13, 16, 24, 40, 57, 69, 56, 14, 17, 22, 29, 51, 87, 80, 62,
     18, 22, 37, 56, 68, 109, 103, 77, 24, 35, 55, 64, 81, 104, 113, 92, 49, 64, 78, 87, 103, 121, 120, 101,
     72, 92, 95, 98, 112, 100, 103, 99], float).reshape(8, 8).T
CHROMA = np.full((8, 8), 99.0)
CHROMA[:4, :4] = np.array([[17, 18, 24, 47], [18, 21, 26, 66], [24, 26, 56, 99], [47, 66, 99, 99]])


def jpeg_plane(p, table, f):
    h, w = p.shape
    b = (p - 128).reshape(h // 8, 8, w // 8, 8)
    x = np.arange(8)
    cos = np.cos((2 * x[:, None] + 1) * x[None, :] * math.pi / 16)  # [sample, frequency]
    a = np.where(x == 0, 1 / math.sqrt(2), 1.0)
    scale = 0.25 * np.outer(a, a)
    d = scale[None, :, None, :] * np.einsum("aybx,yu,xv->aubv", b, cos, cos)
    t = (table * f)[None, :, None, :]
    d = np.round(d / t) * t
    out = np.einsum("aubv,yu,xv->aybx", d * scale[None, :, None, :], cos, cos)
    return out.reshape(h, w) + 128


def jpeg(img, q):
    h, w, _ = img.shape
    f = 50 / q if q < 50 else 2 - q / 50
    p = np.pad(img, ((0, -h % 16), (0, -w % 16), (0, 0))) * 255
    m = np.array([[0.299, 0.587, 0.114], [-0.168736, -0.331264, 0.5], [0.5, -0.418688, -0.081312]])
    ycc = p @ m.T + np.array([0, 128, 128])
    planes = []
    for c in range(3):
        plane = ycc[..., c]
        if c:
            hh, ww = plane.shape
            plane = plane.reshape(hh // 2, 2, ww // 2, 2).mean((1, 3))
        plane = jpeg_plane(plane, CHROMA if c else LUMA, f)
        planes.append(plane if c == 0 else plane.repeat(2, 0).repeat(2, 1))
    y, cb, cr = planes[0], planes[1] - 128, planes[2] - 128
    out = np.stack([y + 1.402 * cr, y - 0.344136 * cb - 0.714136 * cr, y + 1.772 * cb], -1)
    return np.clip(out, 0, 255)[:h, :w] / 255


class Numbers:
    """The stand-in for random numbers that the Go test repeats."""

    def __init__(self):
        self.k = 0

    def normal(self, shape):
        n = int(np.prod(shape))
        v = 1.5 * np.sin(12.9898 * np.arange(self.k, self.k + n))
        self.k += n
        return v.reshape(shape)

    def poisson(self, mean):
        return np.maximum(np.floor(mean + np.sqrt(mean) * self.normal(mean.shape) + 0.5), 0)


def gaussian_noise(img, sigma, gray, num):
    h, w, _ = img.shape
    return img + sigma * (num.normal((h, w))[..., None] if gray else num.normal((h, w, 3)))


def poisson_noise(img, scale, gray, num):
    base = img @ np.array([0.2989, 0.587, 0.114]) if gray else img
    i = np.clip(np.round(base * 255), 0, 255) / 255
    v = 2.0 ** math.ceil(math.log2(len(np.unique(i))))
    n = (num.poisson(i * v) / v - i) * scale
    return img + (n[..., None] if gray else n)


def second(img, p):
    num = Numbers()
    h, w, _ = img.shape
    a = p["first"]
    out = blur(img, np.array(make(a["kernel"])))
    out = interpolate(out, a["mode"], factor=a["factor"])
    out = np.clip((poisson_noise if a["poisson"] else gaussian_noise)(out, a["level"], a["gray"], num), 0, 1)
    out = jpeg(out, a["quality"])
    b = p["second"]
    if b["kernel"]:
        out = blur(out, np.array(make(b["kernel"])))
    out = interpolate(out, b["mode"], size=(int(h / 4 * b["factor"]), int(w / 4 * b["factor"])))
    out = np.clip((poisson_noise if b["poisson"] else gaussian_noise)(out, b["level"], b["gray"], num), 0, 1)
    if not p["jpeg_last"]:
        out = jpeg(out, b["quality"])
    out = interpolate(out, p["last"], size=(h // 4, w // 4))
    if p["last_kernel"]:
        out = blur(out, np.array(make(p["last_kernel"])))
    if p["jpeg_last"]:
        out = jpeg(np.clip(out, 0, 1), b["quality"])
    return quantise(out)


def pad(k, n=21):
    e = (n - k.shape[0]) // 2
    return np.pad(k, e)


FUNCS = dict(gauss=gauss, generalized=generalized, plateau=plateau, sinc=sinc)


def make(spec):
    return FUNCS[spec[0]](*spec[1:])


def kernels():
    for i, spec in enumerate([
        ("gauss", 21, 2.6, 2.6, 0.0), ("gauss", 21, 3.5, 1.5, math.pi / 6), ("gauss", 21, 4.0, 0.2, 2.0), ("gauss", 7, 1.3, 0.4, -2.5),
        ("generalized", 13, 1.1, 2.0, 0.7, 0.6), ("generalized", 9, 2.0, 2.0, 0.0, 3.1),
        ("plateau", 15, 1.7, 0.8, -1.0, 1.0), ("plateau", 21, 2.2, 2.2, 0.0, 1.8),
        ("sinc", 7, 1.2), ("sinc", 21, 0.7), ("sinc", 13, 3.0),
    ]):
        put(f"kernel/{i}", make(spec), spec=list(spec))


def operators():
    small = picture(26, 22, 3)
    img = small / 255
    put("small", small)
    put("blur/iso", blur(img, gauss(21, 2.6, 2.6, 0)), spec=["gauss", 21, 2.6, 2.6, 0])
    put("blur/aniso", blur(img, gauss(21, 3.5, 1.5, math.pi / 6)), spec=["gauss", 21, 3.5, 1.5, math.pi / 6])
    put("blur/sinc", blur(img, sinc(13, 1.1)), spec=["sinc", 13, 1.1])
    for s in (2, 3, 4):
        crop = img[: 22 // s * s, : 26 // s * s]
        put(f"down/{s}", down(crop, s))
        put(f"classic/{s}", quantise(down(blur(crop, gauss(21, 1.8, 0.9, 1.0)), s)))
    for mode in range(3):
        for size in ((13, 31), (40, 8)):
            put(f"resize/{mode}/{size[1]}x{size[0]}", interpolate(img, mode, size=size), mode=mode)
        for f in (0.37, 1.43):
            put(f"factor/{mode}/{f}", interpolate(img, mode, factor=f), mode=mode, factor=f)
    for q in (30.5, 62.25, 95.0):
        put(f"jpeg/{q}", jpeg(img, q), quality=q)
    for gray in (False, True):
        put(f"gaussian/{int(gray)}", gaussian_noise(img, 0.07, gray, Numbers()), gray=gray)
        put(f"poisson/{int(gray)}", poisson_noise(img, 1.7, gray, Numbers()), gray=gray)


def yuv():
    """8-bit limited-range 4:2:0 with left-sited chroma, and back with linear interpolation."""
    rgb = picture(26, 22, 3) / 255
    for name, kr, kb in (("601", 0.299, 0.114), ("709", 0.2126, 0.0722)):
        r, g, b = np.moveaxis(rgb, -1, 0)
        y = kr * r + (1 - kr - kb) * g + kb * b
        planes = [np.clip(np.round(16 + 219 * y), 0, 255)]
        for c in ((b - y) / (2 * (1 - kb)), (r - y) / (2 * (1 - kr))):
            p = np.pad(c, ((0, 0), (1, 1)), mode="edge")
            h = (p[:, :-2] + 2 * p[:, 1:-1] + p[:, 2:])[:, ::2] / 4
            planes.append(np.clip(np.round(128 + 224 * (h[::2] + h[1::2]) / 2), 0, 255))
        for i, p in enumerate(planes):
            put(f"yuv/{name}/{'yuv'[i]}", p.astype(np.uint8))

        def up(p):
            p = np.pad((p - 128) / 224, 1, mode="edge")
            p = p[:, 1:]
            out = np.zeros(rgb.shape[:2])
            for j in range(out.shape[0]):
                pos = (j - 0.5) / 2 + 1
                a = int(math.floor(pos))
                row = p[a] * (1 - (pos - a)) + p[a + 1] * (pos - a)
                for i in range(out.shape[1]):
                    a2 = i // 2
                    out[j, i] = row[a2] if i % 2 == 0 else (row[a2] + row[a2 + 1]) / 2
            return out

        l, cb, cr = (planes[0] - 16) / 219, up(planes[1]), up(planes[2])
        r2, b2 = l + 2 * (1 - kr) * cr, l + 2 * (1 - kb) * cb
        put(f"yuv/{name}/rgb", np.clip(np.stack([r2, (l - kr * r2 - kb * b2) / (1 - kr - kb), b2], -1), 0, 1))


def enlarging():
    img = picture(12, 10, 4) / 255
    put("tiny", picture(12, 10, 4))
    put("enlarge/3", hwc(F.interpolate(nchw(img), scale_factor=3, mode="bicubic", align_corners=False)))


def processes():
    big = picture(96, 80, 5)
    put("big", big)
    cases = [
        dict(first=dict(kernel=["plateau", 13, 1.7, 0.8, -1.0, 1.4], factor=0.61, mode=0, poisson=False, gray=True, level=0.05, quality=51.3),
             second=dict(kernel=["gauss", 9, 1.1, 0.6, 0.5], factor=0.8, mode=2, poisson=True, gray=False, level=1.1, quality=44.0),
             last=1, last_kernel=["sinc", 11, 1.9], jpeg_last=True),
        dict(first=dict(kernel=["sinc", 15, 1.3], factor=1.27, mode=1, poisson=True, gray=True, level=2.2, quality=83.0),
             second=dict(kernel=None, factor=1.0, mode=0, poisson=False, gray=False, level=0.03, quality=66.0),
             last=2, last_kernel=None, jpeg_last=False),
        dict(first=dict(kernel=["generalized", 19, 2.5, 1.2, 2.0, 0.7], factor=0.3, mode=2, poisson=False, gray=False, level=0.02, quality=90.0),
             second=dict(kernel=["gauss", 15, 0.5, 0.5, 0.0], factor=1.13, mode=1, poisson=True, gray=True, level=0.4, quality=38.0),
             last=0, last_kernel=["sinc", 7, 2.6], jpeg_last=False),
    ]
    for i, p in enumerate(cases):
        put(f"second/{i}", np.round(second(big / 255, p) * 255).astype(np.uint8), params=p)


def quality():
    def pattern(w, h, seed):
        i = np.arange(w * h * 3)
        x, y, c = i // 3 % w, i // 3 // w, i % 3
        return ((x * 7 + y * 13 + c * 31 + (x * y * seed) % 29 * 3) % 256).reshape(h, w, 3).astype(np.float64)

    a, b = (pattern(40, 33, s)[4:-4, 4:-4] for s in (1, 2))
    coef = np.array([65.738, 129.057, 25.064])
    d = ((a - b) / 255) @ coef / 256
    x, y = (v @ coef / 255 + 16 for v in (a, b))
    g = np.exp(-((np.arange(11) - 5.0) ** 2) / 4.5)
    win = torch.from_numpy(norm(np.outer(g, g)))[None, None]

    def f(v):
        return F.conv2d(torch.from_numpy(v)[None, None], win)[0, 0].numpy()

    c1, c2 = 6.5025, 58.5225
    mx, my = f(x), f(y)
    sx, sy, sxy = f(x * x) - mx * mx, f(y * y) - my * my, f(x * y) - mx * my
    ssim = ((2 * mx * my + c1) * (2 * sxy + c2) / ((mx**2 + my**2 + c1) * (sx + sy + c2))).mean()
    print("package quality\n\n// Printed by tools/golden/degrade.py.\nconst (")
    print(f"\treferencePSNRY = {-10 * math.log10((d**2).mean())!r}")
    print(f"\treferencePSNR  = {-10 * math.log10((((a - b) / 255) ** 2).mean())!r}")
    print(f"\treferenceSSIMY = {float(ssim)!r}\n)")


kernels()
operators()
yuv()
enlarging()
processes()
quality()
os.makedirs(OUT, exist_ok=True)
with open(os.path.join(OUT, "vectors.json"), "w") as f:
    f.write("{\n" + ",\n".join(f"{json.dumps(k)}: {json.dumps(v)}" for k, v in index.items()) + "\n}\n")
with open(os.path.join(OUT, "vectors.bin"), "wb") as f:
    f.write(blob)
