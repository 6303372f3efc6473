package lint

import (
	"bufio"
	"bytes"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const (
	root    = "../.."
	module  = "vsr/"
	page    = "docs/architecture.md"
	longest = 500 // lines
)

// tables reads the two tables of the architecture page: rows of pkg and list.
func tables(t *testing.T) (packages, modules map[string][]string) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, page))
	if err != nil {
		t.Fatal(err)
	}
	return parseTables(string(text))
}

func parseTables(text string) (packages, modules map[string][]string) {
	packages, modules = map[string][]string{}, map[string][]string{}
	var table map[string][]string
	for _, line := range strings.Split(text, "\n") {
		cells := strings.Split(strings.Trim(line, "| "), "|")
		if !strings.HasPrefix(line, "|") || len(cells) != 2 {
			table = nil
			continue
		}
		name, list := strings.TrimSpace(cells[0]), strings.TrimSpace(cells[1])
		switch {
		case name == "Package":
			table = packages
		case name == "Module":
			table = modules
		case table != nil && !strings.HasPrefix(name, "---"):
			table[name] = nil
			for _, item := range strings.Split(list, ",") {
				if item = strings.TrimSpace(item); item != "-" {
					table[name] = append(table[name], item)
				}
			}
		}
	}
	return packages, modules
}

// owner returns the longest key of table that is dir or a folder above it.
func owner(table map[string][]string, dir string) (string, bool) {
	for d := dir; d != "."; d = filepath.Dir(d) {
		if _, ok := table[d]; ok {
			return d, true
		}
	}
	return "", false
}

func under(dir, top string) bool { return dir == top || strings.HasPrefix(dir, top+"/") }

// judge says what is wrong with an import of path in folder dir, or returns nothing.
func judge(packages, modules map[string][]string, dir, path string) string {
	for name, only := range modules {
		if under(path, name) && !slices.ContainsFunc(only, func(top string) bool { return under(dir, top) }) {
			return "only " + strings.Join(only, ", ") + " may import " + name
		}
	}
	target, ours := strings.CutPrefix(path, module)
	if !ours {
		return ""
	}
	pkg, ok := owner(packages, dir)
	if !ok {
		return "the pkg has no row in the table"
	}
	if under(target, pkg) || slices.Contains(packages[pkg], "everything") {
		return ""
	}
	// A row that names sr lets in sr itself; sr/kdsr has a row of its own and needs to be named.
	if other, _ := owner(packages, target); slices.Contains(packages[pkg], other) {
		return ""
	}
	return "pkg " + pkg + " may not import it"
}

// goFiles calls visit with every Go file of the module that is not a test.
func goFiles(t *testing.T, visit func(path string)) {
	t.Helper()
	err := filepath.WalkDir(root, func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if e.IsDir() {
			if name := e.Name(); path != root && (strings.HasPrefix(name, ".") || name == "testdata" || name == "node_modules" || path == filepath.Join(root, "build")) {
				return filepath.SkipDir
			}
			return nil
		}
		if strings.HasSuffix(path, ".go") && !strings.HasSuffix(path, "_test.go") {
			visit(path)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestImportTable(t *testing.T) {
	packages, modules := tables(t)
	if len(packages) < 10 || len(modules) < 5 {
		t.Fatalf("%s has %d packages and %d modules", page, len(packages), len(modules))
	}
	seen := 0
	goFiles(t, func(path string) {
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ImportsOnly)
		if err != nil {
			t.Error(err)
			return
		}
		rel, _ := filepath.Rel(root, path)
		for _, imp := range file.Imports {
			seen++
			target, _ := strconv.Unquote(imp.Path.Value)
			if fault := judge(packages, modules, filepath.Dir(rel), target); fault != "" {
				t.Errorf("%s imports %s: %s (%s)", rel, target, fault, page)
			}
		}
	})
	if seen < 50 {
		t.Errorf("only %d imports were seen", seen)
	}
}

// The checker itself must be able to say no.
func TestJudge(t *testing.T) {
	packages, modules := parseTables("| Package | May |\n|---|---|\n| media | - |\n| sr | media |\n| sr/cpu | media, sr |\n| sr/kdsr | - |\n| cmd | everything |\n" +
		"\n| Module | Only in |\n|---|---|\n| C | sr/cpu |\n| x.org/pion | live |\n")
	tests := []struct {
		dir, path string
		fine      bool
	}{
		{"media", "fmt", true},
		{"media", "vsr/sr", false},
		{"sr", "vsr/media", true},
		{"sr", "vsr/sr/kdsr", true}, // its own folders
		{"sr/cpu", "vsr/sr", true},
		{"sr/cpu", "vsr/sr/kdsr", false},
		{"sr/cpu/deep", "vsr/media", true},
		{"sr/kdsr", "vsr/media", false},
		{"cmd/vsr", "vsr/sr/cpu", true},
		{"nowhere", "vsr/media", false},
		{"sr/cpu/deep", "C", true},
		{"media", "C", false},
		{"sr", "x.org/pion/v3", false},
		{"live", "x.org/pion/v3", true},
	}
	for _, tt := range tests {
		if fault := judge(packages, modules, tt.dir, tt.path); (fault == "") != tt.fine {
			t.Errorf("%s imports %s: %q", tt.dir, tt.path, fault)
		}
	}
}

// A file that is longer holds more than one thing.
func TestFileLength(t *testing.T) {
	goFiles(t, func(path string) {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Error(err)
			return
		}
		lines := 0
		for s := bufio.NewScanner(bytes.NewReader(text)); s.Scan(); {
			lines++
		}
		if lines > longest {
			t.Errorf("%s has %d lines, more than %d", path, lines, longest)
		}
	})
}
