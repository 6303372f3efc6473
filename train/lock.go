package train

import (
	"errors"
	"fmt"
	"io"
	"path/filepath"

	"vsr/internal/atomicfile"
)

// lock takes a run folder for this process; two runs in one folder would overwrite each other's checkpoints. The lock goes
// with the process, whatever ends it.
func lock(dir string) (io.Closer, error) {
	l, err := atomicfile.Lock(filepath.Join(dir, "lock"))
	if errors.Is(err, atomicfile.ErrLocked) {
		return nil, fmt.Errorf("another run is using %s", dir)
	}
	return l, err
}
