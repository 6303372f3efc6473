package batch

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"vsr/internal/fault"
)

// endings are those of files that are taken out of folders.
var endings = []string{".mp4", ".mkv", ".mov", ".avi", ".webm", ".m4v", ".mpg", ".mpeg", ".ts", ".m2ts", ".mts", ".flv", ".wmv", ".3gp", ".ogv", ".vob", ".y4m",
	".mxf", ".asf", ".divx", ".dv", ".rm", ".rmvb", ".h264", ".h265", ".hevc", ".ivf", ".obu", ".nut", ".m2v", ".mjpeg", ".mjpg",
	".gif", ".apng", ".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff", ".exr", ".dpx"}

// IsVideo reports whether a file is by its ending a video or an image that vsr may read.
func IsVideo(name string) bool { return slices.Contains(endings, strings.ToLower(filepath.Ext(name))) }

// Input is one file of a batch.
type Input struct {
	Path string // of the file
	// Stem is the name of the output without ending and without what says how much larger it is; it includes the folder.
	Stem  string
	found bool   // in a folder, and not named
	why   string // why it is left out; empty if it is not
}

// Find lists the inputs of a batch in the order in which they are named, those of a folder by name. Files in folders are taken by
// their ending; others are listed too, and Run says that it skips them. Hidden files and folders, and what lies in output, are left alone. Errors
// are *fault.Error of kind Usage or Input.
func Find(names []string, output string, recursive bool) ([]Input, error) {
	f := finder{output: output, recursive: recursive, seen: map[string]bool{}}
	folders := 0
	for _, name := range names {
		if isFolder(name) {
			folders++
		}
	}
	for _, name := range names {
		if !isFolder(name) {
			f.inside = false
			f.add(name, output, "")
			continue
		}
		f.inside = true
		into := output
		if folders > 1 { // their trees lie beside each other
			into = filepath.Join(output, base(name))
		}
		if err := f.walk(name, into); err != nil {
			return nil, &fault.Error{Kind: fault.Input, Err: err}
		}
	}
	f.separate()
	if !slices.ContainsFunc(f.list, func(i Input) bool { return i.why == "" }) {
		return nil, fault.New(fault.Input, "", "no video in %s", strings.Join(names, ", "))
	}
	return f.list, nil
}

func isFolder(name string) bool {
	st, err := os.Stat(name)
	return err == nil && st.IsDir()
}

// base is the last part of a folder's name, also of . and of one that ends in a slash.
func base(folder string) string {
	if abs, err := filepath.Abs(folder); err == nil {
		return filepath.Base(abs)
	}
	return filepath.Base(folder)
}

type finder struct {
	output    string
	recursive bool
	list      []Input
	inside    bool            // a folder
	seen      map[string]bool // absolute names
}

// add takes a file unless it is there already.
func (f *finder) add(path, into, why string) {
	abs, err := filepath.Abs(path)
	if err != nil {
		abs = path
	}
	if f.seen[abs] {
		return
	}
	f.seen[abs] = true
	name := filepath.Base(path)
	f.list = append(f.list, Input{Path: path, found: f.inside, Stem: filepath.Join(into, strings.TrimSuffix(name, filepath.Ext(name))), why: why})
}

// walk takes the files of a folder, and with recursive those of the folders in it.
func (f *finder) walk(folder, into string) error {
	entries, err := os.ReadDir(folder)
	if err != nil {
		return err
	}
	var folders []string
	for _, e := range entries {
		path := filepath.Join(folder, e.Name())
		st, err := os.Stat(path) // what a link leads to
		switch {
		case strings.HasPrefix(e.Name(), "."):
		case errors.Is(err, fs.ErrNotExist):
			f.add(path, into, "a link that leads nowhere")
		case err != nil:
			return err
		case st.IsDir():
			if e.IsDir() && !f.isOutput(path) { // links to folders may lead in a circle
				folders = append(folders, e.Name())
			}
		case !st.Mode().IsRegular():
		case !IsVideo(path):
			f.add(path, into, "not a video by its name")
		default:
			f.add(path, into, "")
		}
	}
	if !f.recursive {
		return nil
	}
	for _, name := range folders {
		if err := f.walk(filepath.Join(folder, name), filepath.Join(into, name)); err != nil {
			return err
		}
	}
	return nil
}

// isOutput reports whether a folder is that of the outputs.
func (f *finder) isOutput(path string) bool {
	a, err1 := os.Stat(path)
	b, err2 := os.Stat(f.output)
	return err1 == nil && err2 == nil && os.SameFile(a, b)
}

// separate gives inputs whose outputs would have one name the ending too, as in clip.avi and clip.mkv, and a number if that is not enough. Case
// does not count: not every file system knows it.
func (f *finder) separate() {
	count := map[string]int{}
	for _, i := range f.list {
		if i.why == "" {
			count[strings.ToLower(i.Stem)]++
		}
	}
	taken := map[string]bool{}
	for n := range f.list {
		i := &f.list[n]
		if i.why != "" {
			continue
		}
		stem := i.Stem
		if count[strings.ToLower(stem)] > 1 {
			stem += filepath.Ext(i.Path)
		}
		i.Stem = stem
		for k := 2; taken[strings.ToLower(i.Stem)]; k++ {
			i.Stem = stem + "-" + strconv.Itoa(k)
		}
		taken[strings.ToLower(i.Stem)] = true
	}
}
