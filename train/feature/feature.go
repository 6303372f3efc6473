// Package feature reads classification networks whose inner layers serve as a perceptual loss. The user supplies the file; none
// comes with vsr, and nothing but training needs one.
//
// In: SqueezeNet 1.1 as ONNX, or torchvision's VGG19 as PyTorch saves it or as safetensors. Out: a graph.Features.
package feature

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"

	"vsr/sr/kdsr"
	"vsr/train/graph"
)

// maxFile bounds the file: VGG19 with its classifier is 548 MiB.
const maxFile = 1 << 30

// Open reads FILE.onnx as SqueezeNet 1.1, and FILE.pth and FILE.safetensors as VGG19 (of torchvision, with or without its classifier).
func Open(path string) (*graph.Features, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("feature network: %w", err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, fmt.Errorf("feature network: %w", err)
	}
	if info.Size() > maxFile {
		return nil, fmt.Errorf("feature network: %s has %d bytes, at most %d are read", path, info.Size(), maxFile)
	}
	var net *graph.Features
	switch strings.ToLower(filepath.Ext(path)) {
	case ".onnx":
		b := make([]byte, info.Size())
		if _, err = f.ReadAt(b, 0); err == nil {
			net, err = squeezeNet(b)
		}
	case ".safetensors":
		var tensors map[string]kdsr.Tensor
		if tensors, _, err = kdsr.ReadTensors(f, info.Size()); err == nil {
			net, err = vgg19(tensors)
		}
	case ".pth", ".pt":
		var tensors map[string]kdsr.Tensor
		layers := func(name string) bool { return strings.HasPrefix(name, "features.") }
		if tensors, err = kdsr.ReadTorch(f, info.Size(), layers); err == nil {
			net, err = vgg19(tensors)
		}
	default:
		err = fmt.Errorf("want a file called .onnx (SqueezeNet 1.1), .pth or .safetensors (VGG19)")
	}
	if err != nil {
		return nil, fmt.Errorf("feature network %s: %w", path, err)
	}
	return net, nil
}

// squeezeNet takes the layers of SqueezeNet 1.1. It was trained on BGR from 0 to 255 less [104, 117, 123]. The loss compares
// what comes out of conv1 and of every second module, early layers lightly, as KDSR's VGG loss does.
func squeezeNet(model []byte) (*graph.Features, error) {
	raw, err := initializers(model)
	if err != nil {
		return nil, err
	}
	f := &graph.Features{
		Name: "SqueezeNet 1.1", Tensors: map[string]kdsr.Tensor{}, From: [3]int{2, 1, 0},
		Scale: [3]float32{255, 255, 255}, Shift: [3]float32{-104, -117, -123},
	}
	take := func(name string, shape ...int) {
		for suffix, want := range map[string][]int{"weight": shape, "bias": shape[:1]} {
			t, ok := raw[name+"_"+suffix[:1]+"_0"]
			if err == nil && (!ok || !equalShape(t.Shape, want)) {
				err = fmt.Errorf("tensor %s_%s_0 is %v, want %v: not SqueezeNet 1.1", name, suffix[:1], t.Shape, want)
			}
			f.Tensors[name+"."+suffix] = t
		}
	}
	take("conv1", 64, 3, 3, 3)
	f.Layers = []graph.FeatureLayer{{Conv: "conv1", Stride: 2, After: 0.1}, {Pool: 3}}
	in := 64
	for i, squeeze := range []int{16, 16, 32, 32, 48, 48, 64, 64} {
		name, expand := fmt.Sprintf("fire%d", i+2), squeeze*4
		take(name+"/squeeze1x1", squeeze, in, 1, 1)
		take(name+"/expand1x1", expand, squeeze, 1, 1)
		take(name+"/expand3x3", expand, squeeze, 3, 3)
		in = 2 * expand
		layer := graph.FeatureLayer{Fire: name}
		switch i + 2 {
		case 3:
			layer.After = 0.1
		case 5, 7, 9:
			layer.After = 1
		}
		f.Layers = append(f.Layers, layer)
		if i+2 == 3 || i+2 == 5 {
			f.Layers = append(f.Layers, graph.FeatureLayer{Pool: 3})
		}
	}
	if err != nil {
		return nil, err
	}
	normalise(f)
	return f, nil
}

// normalise divides the network's first weights so that its input is RGB in [0,1] less the mean: the loss then has the size of
// the VGG loss, whose input is near 1. Later layers follow, biases scaled alike, for ReLU and max pooling keep a factor.
func normalise(f *graph.Features) {
	const k = 1.0 / 64 // about one standard deviation of the input
	for name, t := range f.Tensors {
		if strings.HasSuffix(name, ".bias") {
			t.Data = append([]float32(nil), t.Data...)
			for i := range t.Data {
				t.Data[i] *= k
			}
			f.Tensors[name] = t
		}
	}
	for c := range f.Scale {
		f.Scale[c] *= k
		f.Shift[c] *= k
	}
}

// vgg19 takes the sixteen convolutions of torchvision's VGG19, features before ReLU (docs/kdsr.md 2.3).
func vgg19(tensors map[string]kdsr.Tensor) (*graph.Features, error) {
	f := &graph.Features{Name: "VGG19", Tensors: map[string]kdsr.Tensor{}, From: [3]int{0, 1, 2}}
	mean, std := [3]float64{0.485, 0.456, 0.406}, [3]float64{0.229, 0.224, 0.225}
	for c := range 3 {
		f.Scale[c], f.Shift[c] = float32(1/std[c]), float32(-mean[c]/std[c])
	}
	in, index := 3, 0
	loss := map[string]float32{"1_2": 0.1, "2_2": 0.1, "3_4": 1, "4_4": 1, "5_4": 1}
	for block, convs := range []int{2, 2, 4, 4, 4} {
		out := int(math.Min(512, float64(int(64)<<block)))
		for i := range convs {
			name := fmt.Sprintf("features.%d", index)
			for suffix, want := range map[string][]int{".weight": {out, in, 3, 3}, ".bias": {out}} {
				t, ok := tensors[name+suffix]
				if !ok || !equalShape(t.Shape, want) {
					return nil, fmt.Errorf("tensor %s%s is %v, want %v: not VGG19", name, suffix, t.Shape, want)
				}
				f.Tensors[name+suffix] = t
			}
			f.Layers = append(f.Layers, graph.FeatureLayer{
				Conv: name, Stride: 1, Pad: 1, Before: loss[fmt.Sprintf("%d_%d", block+1, i+1)],
			})
			in, index = out, index+2
		}
		if block < 4 {
			f.Layers = append(f.Layers, graph.FeatureLayer{Pool: 2})
			index++
		}
	}
	return f, nil
}

func equalShape(got, want []int) bool {
	if len(got) != len(want) {
		return false
	}
	for i := range got {
		if got[i] != want[i] {
			return false
		}
	}
	return true
}
