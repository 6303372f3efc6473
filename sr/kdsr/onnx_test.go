package kdsr

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"testing"
)

// fields splits a protocol-buffers message into its fields; numbers come as their varint bytes.
func fields(t *testing.T, m []byte) map[int][][]byte {
	t.Helper()
	out := map[int][][]byte{}
	for len(m) > 0 {
		tag, n := binary.Uvarint(m)
		m = m[n:]
		size := 4
		switch tag & 7 {
		case 0:
			_, size = binary.Uvarint(m)
		case 2:
			v, n := binary.Uvarint(m)
			m, size = m[n:], int(v)
		case 5:
		default:
			t.Fatalf("wire type %d", tag&7)
		}
		out[int(tag>>3)] = append(out[int(tag>>3)], m[:size])
		m = m[size:]
	}
	return out
}

func uvarint(b []byte) int { v, _ := binary.Uvarint(b); return int(v) }

func float(b []byte) float32 { return math.Float32frombits(binary.LittleEndian.Uint32(b)) }

// onnxNode is one decoded node.
type onnxNode struct {
	op   string
	in   []string
	out  string
	ints map[string][]int
	f    float32
	text map[string]string
}

// runONNX is the smallest ONNX runtime: it evaluates the graph on x by the operator definitions of opset 13.
func runONNX(t *testing.T, file []byte, x *Array) *Array {
	t.Helper()
	graph := fields(t, fields(t, file)[7][0])
	values := map[string]*Array{"x": x}
	for _, m := range graph[5] {
		f := fields(t, m)
		var shape []int
		for _, d := range f[1] {
			shape = append(shape, uvarint(d))
		}
		a := NewArray(shape...)
		for i := range a.Data {
			a.Data[i] = float64(float(f[9][0][4*i:]))
		}
		values[string(f[8][0])] = a
	}
	for _, m := range graph[1] {
		n := decodeNode(t, m)
		values[n.out] = n.run(t, values)
	}
	return values["y"]
}

func decodeNode(t *testing.T, m []byte) onnxNode {
	f := fields(t, m)
	n := onnxNode{op: string(f[4][0]), out: string(f[2][0]), ints: map[string][]int{}, text: map[string]string{}}
	for _, name := range f[1] {
		n.in = append(n.in, string(name))
	}
	for _, m := range f[5] {
		a := fields(t, m)
		name := string(a[1][0])
		switch uvarint(a[20][0]) {
		case 1:
			n.f = float(a[2][0])
		case 2:
			n.ints[name] = []int{uvarint(a[3][0])}
		case 3:
			n.text[name] = string(a[4][0])
		case 7:
			for _, v := range a[8] {
				n.ints[name] = append(n.ints[name], uvarint(v))
			}
		}
	}
	return n
}

func (n onnxNode) run(t *testing.T, values map[string]*Array) *Array {
	x := values[n.in[0]]
	if x == nil {
		t.Fatalf("%s of %q, which nothing makes", n.op, n.in[0])
	}
	switch n.op {
	case "Identity":
		return x
	case "LeakyRelu":
		y := NewArray(x.Shape...)
		for i, v := range x.Data {
			y.Data[i] = v
			if v < 0 {
				y.Data[i] = v * float64(n.f)
			}
		}
		return y
	case "Add":
		return addONNX(x, values[n.in[1]])
	case "Conv":
		return n.conv(x, values)
	case "DepthToSpace":
		r := n.ints["blocksize"][0]
		if n.text["mode"] != "CRD" {
			t.Fatal("mode", n.text["mode"])
		}
		return (&Reference{}).Shuffle(x, r)
	case "Resize":
		s := values[n.in[2]]
		if n.in[1] != "" || fmt.Sprint(n.text) != "map[coordinate_transformation_mode:asymmetric mode:nearest nearest_mode:floor]" {
			t.Fatal(n)
		}
		return (&Reference{}).Enlarge(x, int(s.Data[3]))
	}
	t.Fatal("operator", n.op)
	return nil
}

// addONNX adds with broadcasting of [1,C,1,1].
func addONNX(x, y *Array) *Array {
	z := NewArray(x.Shape...)
	for i, v := range x.Data {
		j := i
		if len(y.Data) != len(x.Data) {
			j = i / (x.Shape[2] * x.Shape[3]) % x.Shape[1]
		}
		z.Data[i] = v + y.Data[j]
	}
	return z
}

func (n onnxNode) conv(x *Array, values map[string]*Array) *Array {
	w := values[n.in[1]]
	group := 1
	if g := n.ints["group"]; g != nil {
		group = g[0]
	}
	out, in := w.Shape[0], w.Shape[1]
	h, wide := x.Shape[2], x.Shape[3]
	y := NewArray(1, out, h, wide)
	for i := range y.Data {
		o, py, px := i/(h*wide), i/wide%h, i%wide
		if len(n.in) > 2 {
			y.Data[i] = values[n.in[2]].Data[o]
		}
		for c := range in {
			from := x.plane(0, o/(out/group)*in+c)
			for k := range 9 {
				sy, sx := py+k/3-1, px+k%3-1
				if sy >= 0 && sy < h && sx >= 0 && sx < wide {
					y.Data[i] += w.Data[(o*in+c)*9+k] * from[sy*wide+sx]
				}
			}
		}
	}
	return y
}

// TestExportONNX runs the exported graph and compares with the network itself.
func TestExportONNX(t *testing.T) {
	for _, c := range []Config{
		{C: 3, N: 2, R: 0, Scale: 4, Tail: TailOfficial, Skip: SkipNone, Stem: 1},
		{C: 4, N: 1, R: 0, Scale: 3, Tail: TailDirect, Skip: SkipNearest, Stem: 2},
		{C: 2, N: 0, R: 0, Scale: 2, Tail: TailOfficial, Skip: SkipNearest, Stem: 1},
	} {
		w, err := RandomWeights(c, 5)
		if err != nil {
			t.Fatal(err)
		}
		d := randomArray(1, 1, c.C)
		for i := range d.Data {
			d.Data[i] = 3 * float64(float32(d.Data[i]))
		}
		var buf bytes.Buffer
		if err := w.ExportONNX(&buf, d.Float32()); err != nil {
			t.Fatal(err)
		}
		x := randomArray(2, 1, 3, 5, 4)
		ref := &Reference{Weights: w}
		want := Upscale(ref, c, x, Modulate(ref, c, d))
		got := runONNX(t, buf.Bytes(), x)
		if fmt.Sprint(got.Shape) != fmt.Sprint(want.Shape) {
			t.Fatalf("%+v: shape %v, want %v", c, got.Shape, want.Shape)
		}
		for i, v := range want.Data { // the kernels are rounded to float32
			if math.Abs(got.Data[i]-v) > 1e-5 {
				t.Fatalf("%+v: value %d is %g, want %g", c, i, got.Data[i], v)
			}
		}
	}
}

func TestExportONNXRefuses(t *testing.T) {
	w := tiny(t)
	if err := w.ExportONNX(new(bytes.Buffer), make([]float32, 3)); err == nil {
		t.Error("a vector of another length is accepted")
	}
	delete(w.Tensors, "G.body.1.bias")
	if err := w.ExportONNX(new(bytes.Buffer), make([]float32, 4)); err == nil {
		t.Error("a network with a hole is accepted")
	}
}
