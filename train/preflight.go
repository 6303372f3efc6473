package train

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	"vsr/train/data"
)

// preflight refuses within a moment what would otherwise fail after the data has been cut, and opens the networks.
func (t *trainer) preflight() error {
	checkpoint := t.checkpointPath()
	_, err := os.Stat(checkpoint)
	switch {
	case err == nil && !t.o.Resume:
		return &ConfigError{Err: fmt.Errorf("%s exists already", checkpoint), Hint: "--resume goes on from it; --set out=FOLDER begins another run"}
	case errors.Is(err, fs.ErrNotExist) && t.o.Resume:
		return &InputError{fmt.Errorf("resume: %s: %w", checkpoint, fs.ErrNotExist), "without --resume the run begins"}
	}
	if t.o.Sources == nil {
		for _, list := range [][]string{t.c.Data.Images, t.c.Validate.ImagesFrom} {
			if err := data.Check(list); err != nil {
				return &InputError{err, "name folders or files of sharp images and videos in data.images and validate.images_from"}
			}
		}
	}
	if t.stage == GAN && t.c.Loss.Perceptual > 0 {
		if _, err := os.Stat(t.c.GAN.Features); err != nil {
			return &InputError{fmt.Errorf("gan.features: %w", err), "a network for the perceptual loss is yours to supply; --set loss.perceptual=0 goes without"}
		}
	}
	return t.openNetworks()
}
