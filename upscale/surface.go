package upscale

import (
	"context"

	"vsr/decode"
	"vsr/encode"
	"vsr/media"
	"vsr/scene"
	"vsr/sr/cuda"
	"vsr/sr/engines"
)

// residency is what a job needs to keep frames in a GPU's memory. The zero value keeps them in the host's.
type residency struct {
	memory  *cuda.Memory       // nil without a GPU
	engine  cuda.SurfaceEngine // computes what scene detection reads
	sums    [3 * scene.Cells]uint32
	written int64 // output frames that were left there
}

// offerGPU lets decoded frames stay on the GPU that was named, if one worker has it to itself.
func (j *Job) offerGPU() {
	devices := j.opts.devices()
	kind, index, _ := engines.ParseDevice(devices[0])
	if len(devices) > 1 || kind != "cuda" {
		j.opts.Decode.GPU, j.opts.Encode.GPU = nil, nil
		return
	}
	j.gpu.memory = cuda.NewMemory(index)
	given := j.opts.Decode.GPU
	j.opts.Decode.GPU = &decode.GPU{Memory: j.gpu.memory, Device: index, Upload: given != nil && given.Upload}
}

// settleResidency decides, once the engine is there, which frames stay on the GPU.
func (j *Job) settleResidency(ctx context.Context, e *engines.Engine, f media.Format) (err error) {
	if j.gpu.memory == nil {
		return nil
	}
	o := &j.opts // what it says of GPUs is only how a test stands for NVDEC and NVENC
	var able bool
	if j.gpu.engine, able = e.Engine.(cuda.SurfaceEngine); !able { // the bicubic fallback: begin again, without the GPU
		o.Decode.GPU, o.Encode.GPU = nil, nil
		j.source.Close()
		if j.source, err = decode.Open(ctx, j.input, o.Decode); err != nil {
			j.source = nil
			return inputError(err)
		}
		return nil
	}
	if o.SR.Height > 0 || o.SR.Stretch > 0 {
		o.Encode.GPU = nil
		return nil
	}
	given := o.Encode.GPU
	o.Encode.GPU = &encode.GPU{Device: j.gpu.memory.Device(), Download: given != nil && given.Download}
	if o.Encode.TakesGPU(f.Scaled(e.Scale())) {
		o.SR.GPU = j.gpu.memory
	} else {
		o.Encode.GPU = nil
	}
	return nil
}

// markScene numbers the scene of a frame, in the memory where it lies.
func (j *Job) markScene(ctx context.Context, f *media.Frame) error {
	if f.Surface == nil {
		j.scenes.Mark(f)
		return nil
	}
	sums := j.gpu.sums[:scene.Planes(f.Format)*scene.Cells]
	if err := j.gpu.engine.SceneSums(ctx, sums, cuda.SurfaceOf(f)); err != nil {
		return &media.GPUError{Err: err}
	}
	j.scenes.MarkSums(f.Format, sums)
	f.Scene, f.Like = j.scenes.Scene(), j.scenes.Like()
	return nil
}

// report counts the frames that stayed on the GPU, nil if none did.
func (r *residency) report(s decode.Stats) *GPUReport {
	if s.OnGPU == 0 && r.written == 0 {
		return nil
	}
	return &GPUReport{s.OnGPU, r.written}
}

// close frees the GPU's memory. It comes after everything that holds frames.
func (r *residency) close() error {
	if r.memory == nil {
		return nil
	}
	return r.memory.Close()
}
