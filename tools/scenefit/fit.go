package main

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"runtime"
	"slices"
	"sync"

	"vsr/scene"
)

// example is a frame that a model has judged.
type example struct {
	Features []float32
	Cut      bool
	Fold     int
	Group    int     // of examples that are one answer: a transition, or a stretch of frames without one
	Weight   float64 // how many examples it stands for
}

const folds = 4

// stretch is how many frames without a cut are one group: in a row of wrong frames only the first begins a scene.
const stretch = 4

// Of frames without a cut in which little changes, one in easyKept is kept and stands for all.
const easyKept = 8

// collect leads a detector over the clips, as they are and with grain, and returns what each model was asked.
func collect(clips []*clip) map[string][]example {
	parts := make([]map[string][]example, 2*len(clips))
	var wait sync.WaitGroup
	free := make(chan bool, runtime.GOMAXPROCS(0))
	for i := range parts {
		c, noise := clips[i/2], 0.0
		if i%2 == 1 {
			noise = grain[i/2%len(grain)]
		}
		free <- true
		wait.Go(func() {
			parts[i] = c.collect(i, noise)
			<-free
		})
	}
	wait.Wait()
	all := map[string][]example{}
	for _, p := range parts {
		for name, list := range p {
			all[name] = append(all[name], list...)
		}
	}
	return all
}

// grain has the noise, in levels of a cell, of the second passes over the clips.
var grain = [...]float64{1, 2, 4, 6, 3}

// collect is for one clip with some noise, the nth pass.
func (c *clip) collect(nth int, noise float64) map[string][]example {
	all := map[string][]example{}
	c.detectIn(scene.Options{Decide: func(j scene.Judgement) bool {
		frame := int(j.Frame)
		e, near := c.at(frame)
		gradual := e.Last > e.First
		begins := near && frame == e.Last && !gradual || gradual && frame == e.Last+1
		x := example{Features: slices.Clone(j.Features), Cut: near, Fold: int(c.Seed/2) % folds, Group: nth<<16 | frame/stretch, Weight: 1}
		switch {
		case c.Kind == kindDrawn && j.Model == scene.ModelSoft:
			return begins
		case near && gradual && (j.Model == scene.ModelHard || 2*frame < e.First+e.Last):
			return begins // neither a cut nor none
		case near && !gradual && j.Model == scene.ModelSoft:
			return begins
		case near:
			x.Group = nth<<16 | 1<<15 | e.First
		case j.Model == scene.ModelHard && j.Features[0] < 0.2 && j.Features[3] < 0.1:
			if x.Weight = easyKept; frame%easyKept != 0 {
				return begins
			}
		}
		all[j.Model] = append(all[j.Model], x)
		return begins
	}}, noise)
	return all
}

// net is scene's model while it is fitted: inputs are brought to a deviation of 1.
type net struct {
	mean, scale []float64
	hidden      [][]float64 // rows of a bias and the weights
	out         []float64
}

// setting is what is chosen on the folds.
type setting struct {
	hidden int
	decay  float64
}

var settings = []setting{{6, 1e-3}, {12, 1e-3}, {12, 3e-4}}

// sameF1 is how far F1 may lie apart by chance: within it the loss decides.
const sameF1 = 0.01

// fit chooses a setting and a bias on the folds, and fits to all examples.
func fit(list []example, seed uint64) (best *net, summary string, err error) {
	cuts := 0
	for _, x := range list {
		if x.Cut {
			cuts++
		}
	}
	if cuts < 20 || len(list) < 2*cuts {
		return nil, "", fmt.Errorf("%d examples of cuts among %d: too few", cuts, len(list))
	}
	type result struct {
		setting
		f1, bias, loss float64
	}
	var all []result
	top := -1.0
	for _, s := range settings {
		scores := make([]float64, len(list))
		for fold := range folds {
			var train []example
			for _, x := range list {
				if x.Fold != fold {
					train = append(train, x)
				}
			}
			n := train1(train, s, seed)
			for i, x := range list {
				if x.Fold == fold {
					scores[i] = n.logit(x.Features, nil)
				}
			}
		}
		r := result{setting: s}
		r.f1, r.bias, r.loss = bestBias(list, scores)
		if math.IsNaN(r.loss) {
			return nil, "", errors.New("the fit gives no numbers")
		}
		all, top = append(all, r), max(top, r.f1)
	}
	all = slices.DeleteFunc(all, func(r result) bool { return r.f1 < top-sameF1 })
	which := slices.MinFunc(all, func(a, b result) int { return cmp.Compare(a.loss, b.loss) })
	best = train1(list, which.setting, seed)
	best.out[0] -= which.bias
	return best, fmt.Sprintf("%d examples, %d of cuts; %d hidden units, decay %g; F1 %.3f on folds it has not seen", len(list), cuts, which.hidden, which.decay, which.f1), nil
}

// train1 fits by Adam over shuffled batches.
func train1(list []example, s setting, seed uint64) *net {
	r := rand.New(rand.NewPCG(seed, 15))
	n := newNet(list, s.hidden, r)
	var weight [2]float64
	all := 0.0
	for _, x := range list {
		weight[class(x.Cut)] += x.Weight
		all += x.Weight
	}
	for i, count := range weight { // the square root of what would make both classes weigh the same
		weight[i] = math.Sqrt(all / (2 * max(count, 1)))
	}
	params := append(slices.Clone(n.hidden), n.out)
	grad, first, second := shaped(params), shaped(params), shaped(params)
	const batch, epochs, rate = 64, 30, 0.01
	steps := epochs * (len(list) / batch)
	act := make([]float64, s.hidden)
	for step := range steps {
		for _, g := range grad {
			clear(g)
		}
		for range batch {
			x := &list[r.IntN(len(list))]
			p := 1 / (1 + math.Exp(-n.logit(x.Features, act)))
			d := (p - float64(class(x.Cut))) * weight[class(x.Cut)] * x.Weight / batch
			n.backward(x.Features, act, d, grad)
		}
		lr := rate * 0.5 * (1 + math.Cos(math.Pi*float64(step)/float64(steps)))
		t := float64(step + 1)
		for i, p := range params {
			for k := range p {
				g := grad[i][k]
				if k > 0 {
					g += s.decay * p[k]
				}
				first[i][k] += 0.1 * (g - first[i][k])
				second[i][k] += 0.001 * (g*g - second[i][k])
				p[k] -= lr * first[i][k] / (1 - math.Pow(0.9, t)) / (math.Sqrt(second[i][k]/(1-math.Pow(0.999, t))) + 1e-8)
			}
		}
	}
	return n
}

func class(cut bool) int {
	if cut {
		return 1
	}
	return 0
}

func shaped(like [][]float64) [][]float64 {
	out := make([][]float64, len(like))
	for i, l := range like {
		out[i] = make([]float64, len(l))
	}
	return out
}

func newNet(list []example, hidden int, r *rand.Rand) *net {
	inputs := len(list[0].Features)
	n := &net{mean: make([]float64, inputs), scale: make([]float64, inputs), out: make([]float64, 1+hidden)}
	for k := range inputs {
		var sum, squares float64
		for _, x := range list {
			v := float64(x.Features[k])
			sum, squares = sum+v, squares+v*v
		}
		n.mean[k] = sum / float64(len(list))
		n.scale[k] = 1 / math.Sqrt(max(squares/float64(len(list))-n.mean[k]*n.mean[k], 1e-6))
	}
	for range hidden {
		row := make([]float64, 1+inputs)
		for k := range row {
			row[k] = 0.5 * r.NormFloat64() / math.Sqrt(float64(inputs))
		}
		n.hidden = append(n.hidden, row)
	}
	for k := range n.out {
		n.out[k] = 0.5 * r.NormFloat64()
	}
	return n
}

// logit is the logarithm of the odds; act, when not nil, takes what the hidden units give.
func (n *net) logit(f []float32, act []float64) float64 {
	sum := n.out[0]
	for i, row := range n.hidden {
		h := row[0]
		for k, w := range row[1:] {
			h += w * (float64(f[k]) - n.mean[k]) * n.scale[k]
		}
		h = math.Tanh(h)
		if act != nil {
			act[i] = h
		}
		sum += n.out[1+i] * h
	}
	return sum
}

// backward adds the gradient for one example, whose loss has the derivative d by the logit.
func (n *net) backward(f []float32, act []float64, d float64, grad [][]float64) {
	out := grad[len(grad)-1]
	out[0] += d
	for i, h := range act {
		out[1+i] += d * h
		g := d * n.out[1+i] * (1 - h*h)
		grad[i][0] += g
		for k := range n.mean {
			grad[i][1+k] += g * (float64(f[k]) - n.mean[k]) * n.scale[k]
		}
	}
}

// bestBias returns the best F1 of groups over all thresholds of the logit, the middle of the thresholds that reach it, and the mean loss.
func bestBias(list []example, scores []float64) (f1, bias, loss float64) {
	type answer struct {
		score float64
		cut   bool
	}
	groups := map[int]answer{}
	cuts := 0
	for i, x := range list {
		y := float64(class(x.Cut))
		loss += x.Weight * (max(scores[i], 0) - scores[i]*y + math.Log1p(math.Exp(-math.Abs(scores[i]))))
		if a, ok := groups[x.Group]; !ok || scores[i] > a.score {
			if !ok && x.Cut {
				cuts++
			}
			groups[x.Group] = answer{scores[i], x.Cut}
		}
	}
	answers := make([]answer, 0, len(groups))
	for _, a := range groups {
		answers = append(answers, a)
	}
	slices.SortFunc(answers, func(a, b answer) int {
		switch {
		case a.score > b.score:
			return -1
		case a.score < b.score:
			return 1
		}
		return class(b.cut) - class(a.cut)
	})
	hits, lo, hi := 0, 0.0, 0.0
	for i, a := range answers {
		hits += class(a.cut)
		f := 2 * float64(hits) / float64(i+1+cuts)
		next := a.score - 1
		if i+1 < len(answers) {
			next = answers[i+1].score
		}
		switch {
		case f > f1:
			f1, hi, lo = f, a.score, next
		case f == f1:
			lo = next
		}
	}
	return f1, (lo + hi) / 2, loss / float64(len(list))
}

// print writes the network as a variable of package scene, with the scales of the inputs within the weights.
func (n *net) print(w io.Writer, name string) {
	fmt.Fprintf(w, "var %s = model{\n\thidden: [][]float32{\n", name)
	for _, row := range n.hidden {
		bias := row[0]
		for k, x := range row[1:] {
			bias -= x * n.mean[k] * n.scale[k]
		}
		fmt.Fprintf(w, "\t\t{%.5g", bias)
		for k, x := range row[1:] {
			fmt.Fprintf(w, ", %.5g", x*n.scale[k])
		}
		fmt.Fprintf(w, "},\n")
	}
	fmt.Fprintf(w, "\t},\n\tout: []float32{")
	for i, x := range n.out {
		if i > 0 {
			fmt.Fprint(w, ", ")
		}
		fmt.Fprintf(w, "%.5g", x)
	}
	fmt.Fprintf(w, "},\n}\n")
}
