package graph

import (
	"errors"
	"fmt"

	g "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"vsr/internal/conv"
	"vsr/sr/kdsr"
)

// Graph collects nodes until Compile. It is used by one goroutine.
type Graph struct {
	g      *g.ExprGraph
	ws     *conv.Workers
	params []*Param
	wants  map[*g.Node]bool // nodes whose gradient somebody wants: trainable parameters and all that depends on them
	serial int
	err    error
}

// Param is one trainable tensor: its value is the slice of the weights it came from, so a solver changes those in place.
type Param struct {
	Name string
	Data []float32
	node *g.Node
	grad g.Value
}

var _ g.ValueGrad = (*Param)(nil)

// Value is the parameter's tensor.
func (p *Param) Value() g.Value { return p.node.Value() }

// Grad is the gradient of the last Run.
func (p *Param) Grad() (g.Value, error) {
	if p.grad == nil {
		return nil, fmt.Errorf("%s: no gradient before the first run", p.Name)
	}
	return p.grad, nil
}

// New starts an empty graph whose operators share ws, which the caller closes after the Program.
func New(ws *conv.Workers) *Graph {
	return &Graph{g: g.NewGraph(), ws: ws, wants: map[*g.Node]bool{}}
}

// Err returns the first error.
func (b *Graph) Err() error { return b.err }

// Input adds a tensor that every Run sets anew, without gradient: [B,H,W,C] or [B,C].
func (b *Graph) Input(name string, shape ...int) *g.Node {
	return g.NewTensor(b.g, tensor.Float32, len(shape), g.WithShape(shape...), g.WithName(name))
}

// Variable adds a tensor with a gradient; its values are t's, live.
func (b *Graph) Variable(t kdsr.Tensor, name string) *g.Node {
	return b.variable(name, t.Shape, t.Data, true)
}

// variable adds a tensor with a value; with train it becomes a Param.
func (b *Graph) variable(name string, shape []int, data []float32, train bool) *g.Node {
	t := tensor.New(tensor.WithShape(shape...), tensor.WithBacking(data))
	n := g.NewTensor(b.g, tensor.Float32, len(shape), g.WithShape(shape...), g.WithName(name), g.WithValue(t))
	if train {
		b.wants[n] = true
		b.params = append(b.params, &Param{Name: name, Data: data, node: n})
	}
	return n
}

func (b *Graph) fail(err error) *g.Node {
	if b.err == nil {
		b.err = err
	}
	return nil
}

// def is what apply needs to make an op.
type def struct {
	name  string
	shape []int // of the result, empty for a scalar
	diff  []bool
	run   func(in []g.Value) (g.Value, error)
	grads func(in g.Nodes, out, grad *g.Node) (g.Nodes, error)
}

// apply adds one op. Its result wants a gradient as soon as one differentiable input does. Inputs that want none lose
// their entry in diff, so no gradient is computed for them.
func (b *Graph) apply(d def, in ...*g.Node) *g.Node {
	if b.err != nil {
		return nil
	}
	b.serial++
	o := &op{name: d.name, serial: b.serial, shape: tensor.Shape(d.shape), diff: make([]bool, len(in)), run: d.run, grads: d.grads}
	if len(d.shape) == 0 {
		o.shape = tensor.ScalarShape()
	}
	any := false
	for i, n := range in {
		o.dims = append(o.dims, n.Dims())
		o.diff[i] = i < len(d.diff) && d.diff[i] && b.wants[n]
		any = any || o.diff[i]
	}
	n, err := g.ApplyOp(o, in...)
	if err != nil {
		return b.fail(fmt.Errorf("%s: %w", d.name, err))
	}
	if any {
		b.wants[n] = true
	}
	return n
}

// stash turns the buffers that one backward op fills into nodes: the op's own result is the first one, the others are
// ops that run after it. nil buffers give nil nodes.
func (b *Graph) stash(name string, run func(in []g.Value), bufs []*tensor.Dense, in ...*g.Node) (g.Nodes, error) {
	out := make(g.Nodes, len(bufs))
	var first *g.Node
	for i, t := range bufs {
		switch {
		case t == nil:
			continue
		case first == nil:
			first = b.apply(def{name: name, shape: t.Shape(), run: func(in []g.Value) (g.Value, error) {
				run(in)
				return t, nil
			}}, in...)
			out[i] = first
		default:
			out[i] = b.apply(def{name: name + "-pick", shape: t.Shape(), run: func([]g.Value) (g.Value, error) {
				return t, nil
			}}, first)
		}
	}
	if first == nil && b.err == nil {
		b.fail(fmt.Errorf("%s: no gradient wanted", name))
	}
	return out, b.err
}

// Program is a compiled graph.
type Program struct {
	Params []*Param
	g      *Graph
	vm     g.VM
}

// Output is a node whose value is kept after Run.
type Output struct {
	node *g.Node
	v    g.Value
}

// Floats is the value after the last Run; the slice is overwritten by the next.
func (o *Output) Floats() []float32 { return floats(o.v) }

// Compile differentiates loss (a scalar, or nil for a forward program) and makes the machine. outputs are kept after each Run.
// The graph must not be extended afterwards.
func (b *Graph) Compile(loss *g.Node, outputs ...*g.Node) (*Program, []*Output, error) {
	if b.err != nil {
		return nil, nil, b.err
	}
	p := &Program{g: b}
	if loss != nil && len(b.params) > 0 {
		wrt := make(g.Nodes, len(b.params))
		for i, q := range b.params {
			wrt[i] = q.node
		}
		grads, err := g.Grad(loss, wrt...)
		if err = errors.Join(err, b.err); err != nil {
			return nil, nil, fmt.Errorf("gradient: %w", err)
		}
		for i, q := range b.params {
			g.Read(grads[i], &q.grad)
		}
		p.Params = b.params
	}
	kept := make([]*Output, len(outputs))
	for i, n := range outputs {
		kept[i] = &Output{node: n}
		g.Read(n, &kept[i].v)
	}
	p.vm = g.NewTapeMachine(b.g)
	return p, kept, nil
}

// Feed sets an input. data must stay unchanged until Run returns.
func (p *Program) Feed(n *g.Node, data []float32) error {
	if n.Shape().TotalSize() != len(data) {
		return fmt.Errorf("input %s: %d values, want %v", n.Name(), len(data), n.Shape())
	}
	return g.Let(n, tensor.New(tensor.WithShape(n.Shape()...), tensor.WithBacking(data)))
}

// Run computes outputs and gradients.
func (p *Program) Run() error {
	defer p.vm.Reset()
	return p.vm.RunAll()
}

// Close frees the machine.
func (p *Program) Close() error { return p.vm.Close() }

// Net is one network's parameters on a graph: the kdsr.Builder.
type Net struct {
	*Graph
	prefix  string
	weights *kdsr.Weights
	train   func(name string) bool
	nodes   map[string]*g.Node
	links   map[*g.Node]link // the blocks whose output no other block reads yet
}

var _ kdsr.Builder[*g.Node] = (*Net)(nil)

// Net adds a network. prefix keeps the names of two networks apart; train says which parameters get gradients, nil none.
func (b *Graph) Net(prefix string, w *kdsr.Weights, train func(name string) bool) *Net {
	return &Net{Graph: b, prefix: prefix, weights: w, train: train, nodes: map[string]*g.Node{}, links: map[*g.Node]link{}}
}

// param fetches a tensor by name, once.
func (n *Net) param(name string, shape ...int) *g.Node {
	if have, ok := n.nodes[name]; ok {
		return have
	}
	t, ok := n.weights.Tensors[name]
	if !ok {
		return n.fail(fmt.Errorf("no tensor %s%s", n.prefix, name))
	}
	if !tensor.Shape(shape).Eq(tensor.Shape(t.Shape)) {
		return n.fail(fmt.Errorf("tensor %s%s is %v, want %v", n.prefix, name, t.Shape, shape))
	}
	node := n.variable(n.prefix+name, t.Shape, t.Data, n.train != nil && n.train(name))
	n.nodes[name] = node
	return node
}
