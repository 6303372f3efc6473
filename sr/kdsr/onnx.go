package kdsr

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"slices"
)

// ExportONNX writes the SR network of one scene as an ONNX model (opset 13): input "x" [1,3,H,W] in [0,1], output "y"
// [1,3,sH,sW], not clamped, H and W free. The degradation vector is fixed, so the depthwise kernels are constants: the
// model is the static network that engines run within a scene, with the official tail uncollapsed.
func (w *Weights) ExportONNX(to io.Writer, d []float32) error {
	if err := w.Check(); err != nil {
		return err
	}
	if len(d) != w.Config.C {
		return fmt.Errorf("kdsr: onnx: degradation vector of %d values, want %d", len(d), w.Config.C)
	}
	ref := &Reference{Weights: w}
	kernels := Modulate(ref, w.Config, NewArray32(d, 1, len(d)))
	if ref.Err() != nil {
		return ref.Err()
	}
	g := &onnxGraph{w: w, size: 1}
	names := make([]string, len(kernels))
	for i, k := range kernels {
		names[i] = g.constant(Tensor{[]int{w.Config.C, 1, 3, 3}, k.Float32()})
	}
	y := Upscale(g, w.Config, "x", names)
	if g.err != nil {
		return fmt.Errorf("kdsr: onnx: %w", g.err)
	}
	g.node("Identity", []string{y}, "y")
	if _, err := to.Write(g.model()); err != nil {
		return fmt.Errorf("kdsr: onnx: %w", err)
	}
	return nil
}

// onnxGraph is the interpreter that writes nodes; a value is its name.
type onnxGraph struct {
	w      *Weights
	nodes  proto
	consts proto
	size   int // number of the next value
	err    error
}

var _ Builder[string] = (*onnxGraph)(nil)

// Err implements Builder.
func (g *onnxGraph) Err() error { return g.err }

// node adds a node with one output; an empty out makes a new name.
func (g *onnxGraph) node(op string, in []string, out string, attributes ...proto) string {
	if out == "" {
		out = fmt.Sprintf("v%d", g.size)
		g.size++
	}
	var n proto
	for _, name := range in {
		n.text(1, name)
	}
	n.text(2, out)
	n.text(4, op)
	for _, a := range attributes {
		n.message(5, a)
	}
	g.nodes.message(1, n)
	return out
}

func (g *onnxGraph) constant(t Tensor) string {
	name := fmt.Sprintf("c%d", g.size)
	g.size++
	return g.tensor(name, t)
}

// tensor adds an initializer.
func (g *onnxGraph) tensor(name string, t Tensor) string {
	var m proto
	for _, d := range t.Shape {
		m.number(1, uint64(d))
	}
	m.number(2, 1) // float
	m.text(8, name)
	raw := make([]byte, 0, 4*len(t.Data))
	for _, v := range t.Data {
		raw = binary.LittleEndian.AppendUint32(raw, math.Float32bits(v))
	}
	m.bytes(9, raw)
	g.consts.message(5, m)
	return name
}

func (g *onnxGraph) parameter(name string) string {
	t, ok := g.w.Tensors[name]
	if !ok {
		g.err = errors.Join(g.err, fmt.Errorf("no tensor %s", name))
		return name
	}
	return g.tensor(name, t)
}

func (g *onnxGraph) lrelu(x string) string {
	return g.node("LeakyRelu", []string{x}, "", floatAttribute("alpha", Slope))
}

// Conv implements Builder.
func (g *onnxGraph) Conv(x, name string, _, stride int, lrelu bool) string {
	y := g.node("Conv", []string{x, g.parameter(name + ".weight"), g.parameter(name + ".bias")}, "",
		intsAttribute("kernel_shape", 3, 3), intsAttribute("pads", 1, 1, 1, 1), intsAttribute("strides", stride, stride))
	if lrelu {
		y = g.lrelu(y)
	}
	return y
}

// Block implements Builder.
func (g *onnxGraph) Block(x, kernels, name string) string {
	t := g.node("Conv", []string{x, kernels}, "", intAttribute("group", g.w.Config.C),
		intsAttribute("kernel_shape", 3, 3), intsAttribute("pads", 1, 1, 1, 1))
	return g.Add(g.Conv(g.lrelu(t), name, g.w.Config.C, 1, false), x)
}

// Add implements Builder.
func (g *onnxGraph) Add(x, y string) string { return g.node("Add", []string{x, y}, "") }

// Shift implements Builder.
func (g *onnxGraph) Shift(x string, sign float32) string {
	t := Tensor{[]int{1, 3, 1, 1}, []float32{sign * Mean[0], sign * Mean[1], sign * Mean[2]}}
	return g.Add(x, g.constant(t))
}

// Shuffle implements Builder. CRD is the order of PixelShuffle.
func (g *onnxGraph) Shuffle(x string, r int) string {
	return g.node("DepthToSpace", []string{x}, "", intAttribute("blocksize", r), textAttribute("mode", "CRD"))
}

// Enlarge implements Builder. With asymmetric coordinates and floor every pixel is repeated r times.
func (g *onnxGraph) Enlarge(x string, r int) string {
	scales := g.constant(Tensor{[]int{4}, []float32{1, 1, float32(r), float32(r)}})
	return g.node("Resize", []string{x, "", scales}, "", textAttribute("mode", "nearest"),
		textAttribute("coordinate_transformation_mode", "asymmetric"), textAttribute("nearest_mode", "floor"))
}

func (g *onnxGraph) unsupported(op string) string {
	g.err = errors.Join(g.err, fmt.Errorf("%s is not part of the SR network", op))
	return ""
}

// ResBlock implements Builder; only the estimator has them.
func (g *onnxGraph) ResBlock(string, string) string { return g.unsupported("a residual block") }

// Pool implements Builder; only the estimator pools.
func (g *onnxGraph) Pool(string) string { return g.unsupported("pooling") }

// Linear implements Builder; only the estimator and the kernel generators have them.
func (g *onnxGraph) Linear(string, string, int, bool, bool) string {
	return g.unsupported("a linear layer")
}

// Bound implements Builder.
func (g *onnxGraph) Bound(string) string { return g.unsupported("bounding of kernels") }

// Unshuffle implements Builder; only the teacher's estimator does it.
func (g *onnxGraph) Unshuffle(string, int) string { return g.unsupported("unshuffling") }

// Concat implements Builder; only the teacher's estimator does it.
func (g *onnxGraph) Concat(string, string) string { return g.unsupported("concatenation") }

// model wraps the nodes up: ModelProto of onnx.proto3, version 8 of the format.
func (g *onnxGraph) model() []byte {
	graph := g.nodes
	graph.text(2, "kdsr")
	graph = append(graph, g.consts...)
	graph.message(11, image("x", "height", "width"))
	graph.message(12, image("y", "height_out", "width_out"))
	var opset, m proto
	opset.number(2, 13)
	m.number(1, 8)
	m.text(2, "vsr")
	m.message(7, graph)
	m.message(8, opset)
	meta := maps.Clone(g.w.Meta)
	if meta == nil {
		meta = map[string]string{}
	}
	meta["hash"] = g.w.Hash()
	meta["config"] = fmt.Sprintf("%+v", g.w.Config)
	for _, k := range slices.Sorted(maps.Keys(meta)) {
		var entry proto
		entry.text(1, k)
		entry.text(2, meta[k])
		m.message(14, entry)
	}
	return m
}

// image is the ValueInfoProto of a float image with sides that have names.
func image(name, height, width string) proto {
	var shape, tensor, kind, info proto
	for _, dim := range []any{1, 3, height, width} {
		var d proto
		switch v := dim.(type) {
		case int:
			d.number(1, uint64(v))
		case string:
			d.text(2, v)
		}
		shape.message(1, d)
	}
	tensor.number(1, 1)
	tensor.message(2, shape)
	kind.message(1, tensor)
	info.text(1, name)
	info.message(2, kind)
	return info
}

// Attributes, by AttributeProto.AttributeType.
func attribute(name string, kind uint64) proto {
	var a proto
	a.text(1, name)
	a.number(20, kind)
	return a
}

func floatAttribute(name string, v float32) proto {
	a := attribute(name, 1)
	a = append(a, 2<<3|5)
	return binary.LittleEndian.AppendUint32(a, math.Float32bits(v))
}

func intAttribute(name string, v int) proto {
	a := attribute(name, 2)
	a.number(3, uint64(v))
	return a
}

func textAttribute(name, v string) proto {
	a := attribute(name, 3)
	a.text(4, v)
	return a
}

func intsAttribute(name string, values ...int) proto {
	a := attribute(name, 7)
	for _, v := range values {
		a.number(8, uint64(v))
	}
	return a
}

// proto is a protocol-buffers message under construction: fields are appended as they come.
type proto []byte

func (p *proto) number(field, v uint64) {
	*p = binary.AppendUvarint(binary.AppendUvarint(*p, field<<3), v)
}

func (p *proto) bytes(field uint64, b []byte) {
	*p = binary.AppendUvarint(binary.AppendUvarint(*p, field<<3|2), uint64(len(b)))
	*p = append(*p, b...)
}

func (p *proto) text(field uint64, s string) { p.bytes(field, []byte(s)) }

func (p *proto) message(field uint64, m proto) { p.bytes(field, m) }
