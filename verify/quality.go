package verify

import (
	"math"

	"vsr/internal/quality"
	"vsr/media"
)

// frames accumulates the frame measures over frame pairs.
type frameMeter struct {
	FrameQuality
	first                   media.Format // of the source
	sumDB, sumPSNR, sumSSIM float64
	refs                    int
	refSize                 [2]int // of the first reference frame
	judging                 Judge
	judged                  []int      // the frames that the judge has seen
	judgeErr                error      // its first
	meanA, meanB            [3]float64 // sums of plane means, in 8-bit levels
	clipA, clipB            float64
	prevA, prevB            []float64 // luma of the frame before, at the source's size, 8-bit levels
	w, h                    int
	flickA, flickB          float64
	static                  float64
}

func newFrameMeter() *frameMeter { return &frameMeter{FrameQuality: FrameQuality{WorstDB: 100}} }

// add takes a source frame and its output.
func (p *frameMeter) add(a, b *media.Frame) Numbers {
	la, lb := luma(a), reduce(b, a.Width, a.Height)
	// The output keeps the first frame's description of colours: what changes in mid-stream is looked at through it.
	if p.Frames == 0 {
		p.first = a.Format
	}
	as := recolourTo(p.first, a.Format)
	if as != nil {
		as.luma(la, a)
	}
	db := psnr(la, lb)
	one := Numbers{Frame: p.Frames, PTS: a.PTS, Consistency: db}
	p.Frames++
	p.sumDB += db
	p.WorstDB = min(p.WorstDB, db)
	mean := [3]float64{0, 128, 128}
	for plane := range min(3, a.Planes(), b.Planes()) {
		mean[plane] = planeMean(a, plane)
		p.meanB[plane] += planeMean(b, plane)
	}
	if as != nil {
		mean = as.apply(mean)
	}
	for plane := range min(3, a.Planes(), b.Planes()) {
		p.meanA[plane] += mean[plane]
	}
	p.clipA += clipped(a)
	p.clipB += clipped(b)
	if p.w == a.Width && p.h == a.Height {
		one.SourceChange, one.Change = p.flicker(la, lb)
	}
	p.prevA, p.prevB, p.w, p.h = la, lb, a.Width, a.Height
	return one
}

// flicker compares, where the source hardly changes, how much each of the two changes. It returns the mean change of each.
func (p *frameMeter) flicker(a, b []float64) (allA, allB float64) {
	const still = 3 // 8-bit levels
	for i := range a {
		da, db := math.Abs(a[i]-p.prevA[i]), math.Abs(b[i]-p.prevB[i])
		allA += da
		allB += db
		if da < still {
			p.flickA += da
			p.flickB += db
			p.static++
		}
	}
	return allA / float64(len(a)), allB / float64(len(a))
}

// reference compares an output frame with the true frame of the same size. A nil reference is a video that ended early.
func (p *frameMeter) reference(ref, out *media.Frame, one *Numbers) {
	if ref == nil {
		return
	}
	if p.refSize == [2]int{} {
		p.refSize = [2]int{ref.Width, ref.Height}
	}
	if ref.Width != out.Width || ref.Height != out.Height {
		return
	}
	if p.judging != nil && p.judgeErr == nil {
		if p.judgeErr = p.judging.Add(out, ref); p.judgeErr == nil {
			p.judged = append(p.judged, one.Frame)
		}
	}
	x, y := luma(ref), luma(out)
	s, err := quality.SSIM(x, y, out.Width, out.Height)
	if err != nil {
		return // smaller than the window of SSIM
	}
	one.PSNR, one.SSIM = psnr(x, y), s
	p.refs++
	p.sumPSNR += one.PSNR
	p.sumSSIM += s
}

// judge finishes the averages and adds the checks. The bounds are wide: they catch a wrong matrix, a shifted frame or a
// broken network, not a matter of taste.
func (p *frameMeter) judge(r *Report) {
	n := float64(max(p.Frames, 1))
	p.ConsistencyDB = p.sumDB / n
	for i := range p.meanA {
		p.ColorDrift = max(p.ColorDrift, math.Abs(p.meanA[i]-p.meanB[i])/n)
	}
	p.Clipped = max(p.clipB-p.clipA, 0) / n
	if p.static > 0 {
		p.SourceFlicker, p.Flicker = p.flickA/p.static, p.flickB/p.static
	}
	if p.refs > 0 {
		p.PSNR, p.SSIM = p.sumPSNR/float64(p.refs), p.sumSSIM/float64(p.refs)
	}
	r.must("same frame", p.ConsistencyDB > 18, "reduced to the source's size: %.2f dB, worst frame %.2f dB", p.ConsistencyDB, p.WorstDB)
	r.must("colour drift", p.ColorDrift < 3, "%.2f levels of 255", p.ColorDrift)
	r.add(false, "flicker", p.Flicker <= p.SourceFlicker*1.5+0.5, "%.3f levels, source %.3f", p.Flicker, p.SourceFlicker)
	r.add(false, "clipping", p.Clipped < 0.02, "%.3f %% more samples at the limits than in the source", 100*p.Clipped)
}

// against says what the comparison with the reference gave.
func (p *frameMeter) against(r *Report, o Options) {
	if p.refs > 0 {
		r.add(false, "against the reference", p.refs == p.Frames, "PSNR %.2f dB, SSIM %.4f over %d of %d frames", p.PSNR, p.SSIM, p.refs, p.Frames)
	} else {
		r.add(false, "against the reference", false, "not measured: no frame of it, %dx%d, has the size of the output's, or they are too small", p.refSize[0], p.refSize[1])
	}
	why := o.NoJudge
	if o.Judge != nil {
		scores, err := o.Judge.Scores()
		switch {
		case p.judgeErr != nil:
			why = p.judgeErr.Error()
		case err != nil:
			why = err.Error()
		case len(scores) == 0:
			why = "no frame of the output's size"
		default:
			p.vmaf(r, scores)
			return
		}
	}
	r.add(false, "VMAF", false, "not measured: %s", why)
}

// vmaf puts the judge's numbers in their places.
func (p *frameMeter) vmaf(r *Report, scores []float64) {
	r.VMAF = make([]float64, p.Frames)
	sum := 0.0
	p.WorstVMAF = math.Inf(1)
	for i, v := range scores {
		r.VMAF[p.judged[i]] = v
		sum += v
		p.WorstVMAF = min(p.WorstVMAF, v)
	}
	p.VMAF = sum / float64(len(scores))
	r.add(false, "VMAF", len(scores) == p.Frames, "%.2f, lowest %.2f, over %d of %d frames", p.VMAF, p.WorstVMAF, len(scores), p.Frames)
}

// sample reads one sample as an 8-bit level with fraction.
func sample(row []byte, x, depth int) float64 {
	if depth == 8 {
		return float64(row[x])
	}
	return float64(int(row[2*x])|int(row[2*x+1])<<8) / float64(int(1)<<(depth-8))
}

// luma returns the first plane in 8-bit levels, row by row.
func luma(f *media.Frame) []float64 {
	out := make([]float64, 0, f.Width*f.Height)
	for y := range f.Height {
		row := f.Row(0, y)
		for x := range f.Width {
			out = append(out, sample(row, x, f.Depth))
		}
	}
	return out
}

// reduce returns the luma of f at w x h by averaging the area of each target pixel.
func reduce(f *media.Frame, w, h int) []float64 {
	full := luma(f)
	if f.Width == w && f.Height == h {
		return full
	}
	tmp := areaRows(full, f.Width, f.Height, w)
	turned := transpose(tmp, w, f.Height)
	return transpose(areaRows(turned, f.Height, w, h), h, w)
}

// areaRows resizes each of n rows of length from to length to by exact area.
func areaRows(in []float64, from, n, to int) []float64 {
	out := make([]float64, n*to)
	ratio := float64(from) / float64(to)
	for y := range n {
		row := in[y*from : (y+1)*from]
		for x := range to {
			lo, hi := float64(x)*ratio, float64(x+1)*ratio
			sum := 0.0
			for i := int(lo); i < from && float64(i) < hi; i++ {
				sum += row[i] * (min(hi, float64(i+1)) - max(lo, float64(i)))
			}
			out[y*to+x] = sum / (hi - lo)
		}
	}
	return out
}

func transpose(in []float64, w, h int) []float64 {
	out := make([]float64, len(in))
	for y := range h {
		for x := range w {
			out[x*h+y] = in[y*w+x]
		}
	}
	return out
}

// psnr counts more than 100 dB as 100.
func psnr(a, b []float64) float64 { return min(100, quality.PlanePSNR(a, b)) }

func planeMean(f *media.Frame, plane int) float64 {
	w, h := f.PlaneSize(plane)
	sum := 0.0
	for y := range h {
		row := f.Row(plane, y)
		for x := range w {
			sum += sample(row, x, f.Depth)
		}
	}
	return sum / float64(w*h)
}

// clipped is the share of luma samples at or beyond the limits of the range.
func clipped(f *media.Frame) float64 {
	lo, hi := 16.0, 235.0
	if f.Color.Range == media.RangeFull {
		lo, hi = 0, 255
	}
	n := 0
	for y := range f.Height {
		row := f.Row(0, y)
		for x := range f.Width {
			if v := sample(row, x, f.Depth); v <= lo || v >= hi {
				n++
			}
		}
	}
	return float64(n) / float64(f.Width*f.Height)
}
