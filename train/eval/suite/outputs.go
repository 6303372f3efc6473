package suite

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"vsr/internal/fault"
	"vsr/train/data"
	"vsr/train/degrade"
	"vsr/train/eval"
)

// inputName is the file that an input is written to, and its outputs by other programs are read from: a hash of size and pixels, since
// a degradation makes the same input in every run.
func inputName(lr degrade.Image) string {
	h := sha256.New()
	fmt.Fprintf(h, "%dx%d ", lr.W, lr.H)
	h.Write(lr.Bytes())
	return hex.EncodeToString(h.Sum(nil)[:12]) + ".png"
}

// inputWriter is a method that writes its input into dir and hands on to another one.
func inputWriter(dir string, next eval.Method) eval.Method {
	up := next.Upscale
	next.Upscale = func(lr degrade.Image) (degrade.Image, error) {
		path := filepath.Join(dir, inputName(lr))
		if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
			if err := data.WritePNG(path, lr.RGBA()); err != nil {
				return degrade.Image{}, &fault.Error{Kind: fault.Output, Err: err}
			}
		}
		return up(lr)
	}
	return next
}

// outputReader is a method whose outputs another program has made, one PNG an input under the input's name. spec is NAME=DIR.
func outputReader(spec string) (eval.Method, error) {
	name, dir, ok := strings.Cut(spec, "=")
	if !ok || name == "" || dir == "" {
		return eval.Method{}, fault.New(fault.Usage, "as in --outputs span=out/span", "--outputs %q: want NAME=DIR", spec)
	}
	return eval.Method{Name: name, Upscale: func(lr degrade.Image) (degrade.Image, error) {
		return data.ReadImage(filepath.Join(dir, inputName(lr)))
	}}, nil
}
