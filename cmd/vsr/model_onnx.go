package main

import (
	"bytes"
	"context"
	"fmt"
	"io/fs"
	"os"

	"vsr/sr/kdsr"
	"vsr/upscale"
)

// exportONNX writes the static network of one scene: the one that like begins with. ONNX cannot express kernels that are
// made once a scene, so the degradation is fixed in the file.
func (a *app) exportONNX(ctx context.Context, w *kdsr.Weights, like, out string, force bool) error {
	if like == "" {
		return usageFault("--like clip.mp4 takes the degradation of that clip's first frame", "an ONNX model is made for one degradation: --like is needed")
	}
	if _, err := os.Stat(out); err == nil && !force {
		return destinationFault(fmt.Errorf("%s: %w", out, fs.ErrExist))
	}
	vector, err := upscale.Degradation(ctx, w, like)
	if err != nil {
		return err
	}
	var model bytes.Buffer
	if err := w.ExportONNX(&model, vector); err != nil {
		return requestFault("", "%w", err)
	}
	if err := os.WriteFile(out, model.Bytes(), 0o666); err != nil {
		return destinationFault(err)
	}
	fmt.Fprintf(a.stdout, "%s: input x [1,3,H,W] RGB in [0,1], output y [1,3,%dH,%dW], ONNX opset 13, %d bytes\n", out, w.Config.Scale, w.Config.Scale, model.Len())
	return nil
}
