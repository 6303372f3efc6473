package eval

import (
	"context"
	"math"
	"os"
	"testing"
)

// The bicubic baseline of the classic protocol, measured elsewhere with PyTorch: it pins blur, reduction, quantisation, enlarging,
// shave and PSNR at once. VSR_EVAL_ALL=1 adds the larger sets (minutes).
func TestBicubicBaseline(t *testing.T) {
	root := "../../../shared/data/eval"
	if _, err := os.Stat(root); err != nil {
		t.Skip("no evaluation pictures: ", err)
	}
	sets := map[string]float64{"Set5": 26.05}
	if os.Getenv("VSR_EVAL_ALL") != "" {
		sets["Set14"], sets["B100"], sets["Urban100"] = 24.42, 24.78, 22.16
	}
	for set, want := range sets {
		r, err := Run(context.Background(), Options{Data: root + "/" + set, Degradation: "gaussian8", Scale: 4})
		if err != nil {
			t.Fatal(err)
		}
		t.Logf("%s: bicubic %.3f dB, SSIM %.4f; Lanczos %.3f dB", set, r.Bicubic.PSNRY, r.Bicubic.SSIMY, r.Lanczos.PSNRY)
		if math.Abs(r.Bicubic.PSNRY-want) > 0.005 {
			t.Errorf("%s: bicubic %.3f dB, want %.2f", set, r.Bicubic.PSNRY, want)
		}
	}
}
