// Times the convolutions of `fast` (C=32, N=8, x4, direct tail) with oneDNN 2.x: one picture through head, N blocks, body and
// tail. Pixel shuffle, the picture skip and colour are left out, and weights are packed outside of the time, so this is a
// lower limit of what a program on oneDNN would take.
//
//   g++ -O2 -o build/onednn tools/bench/onednn.cc -ldnnl
//   OMP_NUM_THREADS=2 build/onednn [fp32|winograd|bf16] [WIDTH HEIGHT] [C N]
//
// fp32 and bf16 are direct convolutions with LeakyReLU and the sum of the block fused; winograd is float32, whose 3x3
// convolutions take no fusion, so that the sum is a primitive of its own. Where oneDNN has no Winograd for a layer it is direct.
// The last word of the output is the median in milliseconds, for turns.py.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <unordered_map>
#include <vector>

#include <dnnl.hpp>

using namespace dnnl;
using tag = memory::format_tag;

struct Net {
    engine eng{engine::kind::cpu, 0};
    stream run{eng};
    memory::data_type type;
    bool winograd;
    int w, h, winograds = 0;
    std::vector<primitive> steps;
    std::vector<std::unordered_map<int, memory>> args;

    // A map of n channels.
    memory map(int n) {
        tag t = !winograd ? tag::nhwc : n == 3 ? tag::nchw : tag::nChw16c;
        memory m({{1, n, h, w}, type, t}, eng);
        std::memset(m.get_data_handle(), 0, m.get_desc().get_size());
        return m;
    }

    // dst = act(conv3x3(src)), or dst += conv3x3(src).
    void conv(const memory &src, const memory &dst, int in, int out, bool depthwise, bool act, bool sum) {
        memory::dims shape = depthwise ? memory::dims{in, 1, 1, 3, 3} : memory::dims{out, in, 3, 3};
        memory::desc weights(shape, type, tag::any), bias({out}, memory::data_type::f32, tag::x);
        primitive_attr attr;
        post_ops post;
        if (sum) post.append_sum(1);
        if (act) post.append_eltwise(1, algorithm::eltwise_relu, 0.1f, 0);
        attr.set_post_ops(post);
        auto describe = [&](algorithm a) {
            convolution_forward::desc d(prop_kind::forward_inference, a, src.get_desc(), weights, bias, dst.get_desc(), {1, 1}, {1, 1}, {1, 1});
            return convolution_forward::primitive_desc(d, attr, eng);
        };
        convolution_forward::primitive_desc pd;
        if (winograd && !depthwise && !act && !sum) {
            try {
                pd = describe(algorithm::convolution_winograd);
                winograds++;
            } catch (const error &) {
                pd = describe(algorithm::convolution_direct);
            }
        } else {
            pd = describe(algorithm::convolution_direct);
        }
        if (std::strstr(pd.impl_info_str(), "ref")) {
            std::fprintf(stderr, "oneDNN has only a reference %d->%d here, whose time says nothing\n", in, out);
            std::exit(1);
        }
        memory plain({shape, memory::data_type::f32, depthwise ? tag::goihw : tag::oihw}, eng), packed(pd.weights_desc(), eng), b(bias, eng);
        auto *p = static_cast<float *>(plain.get_data_handle());
        size_t count = plain.get_desc().get_size() / sizeof(float);
        for (size_t i = 0; i < count; i++) p[i] = (rand() % 2001 - 1000) * 5e-5f;
        std::memset(b.get_data_handle(), 0, bias.get_size());
        reorder(plain, packed).execute(run, plain, packed);
        steps.push_back(convolution_forward(pd));
        args.push_back({{DNNL_ARG_SRC, src}, {DNNL_ARG_WEIGHTS, packed}, {DNNL_ARG_BIAS, b}, {DNNL_ARG_DST, dst}});
    }

    // dst += src.
    void add(const memory &dst, const memory &src) {
        binary::desc d(algorithm::binary_add, dst.get_desc(), src.get_desc(), dst.get_desc());
        steps.push_back(binary(binary::primitive_desc(d, eng)));
        args.push_back({{DNNL_ARG_SRC_0, dst}, {DNNL_ARG_SRC_1, src}, {DNNL_ARG_DST, dst}});
    }

    // x += conv3x3(t), with u as scratch where oneDNN cannot fuse it.
    void residual(const memory &t, const memory &u, const memory &x, int c) {
        conv(t, winograd ? u : x, c, c, false, false, !winograd);
        if (winograd) add(x, u);
    }

    void execute() {
        for (size_t i = 0; i < steps.size(); i++) steps[i].execute(run, args[i]);
        run.wait();
    }
};

int main(int argc, char **argv) {
    const char *mode = argc > 1 ? argv[1] : "fp32";
    Net n;
    n.type = std::strcmp(mode, "bf16") ? memory::data_type::f32 : memory::data_type::bf16;
    n.winograd = !std::strcmp(mode, "winograd");
    n.w = argc > 3 ? std::atoi(argv[2]) : 320;
    n.h = argc > 3 ? std::atoi(argv[3]) : 180;
    int c = argc > 5 ? std::atoi(argv[4]) : 32, blocks = argc > 5 ? std::atoi(argv[5]) : 8;
    if ((std::strcmp(mode, "fp32") && std::strcmp(mode, "bf16") && !n.winograd) || n.w < 1 || n.h < 1 || c < 16 || blocks < 0) {
        std::fprintf(stderr, "usage: onednn [fp32|winograd|bf16] [WIDTH HEIGHT] [C N]\n");
        return 2;
    }
    memory rgb = n.map(3), x = n.map(c), t = n.map(c), u = n.map(c), out = n.map(48);
    n.conv(rgb, x, 3, c, false, false, false);
    for (int i = 0; i < blocks; i++) {
        n.conv(x, t, c, c, true, true, false);
        n.residual(t, u, x, c);
    }
    n.conv(x, t, c, c, false, false, false); // body
    n.add(t, x);
    n.conv(t, out, c, 48, false, false, false);
    std::vector<double> times;
    for (int i = 0; i < 12; i++) {
        auto began = std::chrono::steady_clock::now();
        n.execute();
        times.push_back(std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - began).count());
    }
    std::sort(times.begin() + 2, times.end());
    const dnnl_version_t *v = dnnl_version();
    std::printf("oneDNN %d.%d.%d %s, %dx%d, C=%d N=%d, %d layers by Winograd, ms: %.2f\n", v->major, v->minor, v->patch, mode, n.w, n.h, c,
                blocks, n.winograds, times[2 + (times.size() - 2) / 2]);
}
