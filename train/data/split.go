package data

import (
	"errors"
	"fmt"
	"hash/fnv"
	"sort"
)

// Of the sources, one in validationShare is kept for validation, by its name's hash. Of a small corpus that may be none, so it is at
// least one in smallShare, until there are enough to validate on.
const (
	validationShare  = 20
	smallShare       = 8
	enoughValidation = 8
)

func hash(source string) uint64 {
	h := fnv.New64a()
	_, _ = h.Write([]byte(source))
	return h.Sum64()
}

// IsValidation says on which side of the split a source of a large corpus falls: one in twenty by the FNV-1a hash of its name.
func IsValidation(source string) bool { return hash(source)%validationShare == 0 }

// heldBack returns the sources that are kept for validation: those of IsValidation, and in a small corpus the next ones by hash.
// One source alone is for training.
func heldBack(sources []string) map[string]bool {
	if len(sources) < 2 {
		return nil
	}
	list := append([]string(nil), sources...)
	sort.Slice(list, func(i, j int) bool {
		a, b := hash(list[i]), hash(list[j])
		if a%validationShare != b%validationShare {
			return a%validationShare < b%validationShare
		}
		return a < b || a == b && list[i] < list[j]
	})
	least := min(max(len(list)/smallShare, 1), enoughValidation)
	held := map[string]bool{}
	for i, s := range list {
		if i < least || IsValidation(s) && i < len(list)-1 {
			held[s] = true
		}
	}
	return held
}

// Sources lists from which files tiles come, in their order.
func Sources(tiles []Tile) []string {
	var list []string
	seen := map[string]bool{}
	for _, t := range tiles {
		if !seen[t.Source] {
			seen[t.Source] = true
			list = append(list, t.Source)
		}
	}
	return list
}

// assemble splits the tiles by source, unless the whole is wanted, and finishes the report.
func assemble(tiles []Tile, closer func() error, whole bool, rep Report) (*Corpus, Report, error) {
	c := &Corpus{Skipped: rep.Skipped, close: closer}
	rep.Tiles, rep.Bytes = len(tiles), 0
	var held map[string]bool
	if !whole {
		held = heldBack(Sources(tiles))
	}
	for _, t := range tiles {
		rep.Bytes += int64(len(t.Pix))
		if held[t.Source] {
			c.Validation = append(c.Validation, t)
		} else {
			c.Train = append(c.Train, t)
		}
	}
	if len(c.Train) == 0 {
		return nil, rep, errors.Join(fmt.Errorf("no training material in %d files, %d skipped", rep.Files, len(rep.Skipped)), c.Close())
	}
	return c, rep, nil
}

// Check reports folders and files that are missing, and a folder that holds nothing to train on. It reads no file.
func Check(dirs []string) error {
	for _, dir := range dirs {
		sources, err := findSources([]string{dir})
		if err != nil {
			return err
		}
		if len(sources) == 0 {
			return fmt.Errorf("%s: no PNG, no JPEG and no video", dir)
		}
	}
	return nil
}

// Count says how many images and videos dirs hold. It reads no file.
func Count(dirs []string) (images, videos int, err error) {
	sources, err := findSources(dirs)
	for _, s := range sources {
		if s.video {
			videos++
		} else {
			images++
		}
	}
	return images, videos, err
}
