package lint

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"slices"
	"testing"
)

// homes lists functions that one package calls for all others, with the folders and files that may call them.
var homes = map[string][]string{
	"unix.Flock":    {"internal/atomicfile"},
	"syscall.Flock": {"internal/atomicfile"},
	"os.Link":       {"internal/atomicfile", "encode"},                              // encode publishes the output that FFmpeg has written
	"os.Rename":     {"internal/atomicfile", "encode", "cmd/vsr/job.go", "upscale"}, // an output that fails its check is kept under another name
}

// A function with one home is called by no other package: a rename without a flush before it loses files when the power fails.
func TestOneHome(t *testing.T) {
	seen := 0
	goFiles(t, func(path string) {
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
		if err != nil {
			t.Error(err)
			return
		}
		rel, _ := filepath.Rel(root, path)
		ast.Inspect(file, func(n ast.Node) bool {
			sel, ok := n.(*ast.SelectorExpr)
			if !ok {
				return true
			}
			pkg, ok := sel.X.(*ast.Ident)
			if !ok {
				return true
			}
			name := pkg.Name + "." + sel.Sel.Name
			allowed, known := homes[name]
			if !known {
				return true
			}
			seen++
			if !slices.ContainsFunc(allowed, func(top string) bool { return under(rel, top) }) {
				t.Errorf("%s calls %s, which belongs to %v", rel, name, allowed)
			}
			return true
		})
	})
	if seen < 4 {
		t.Errorf("only %d calls were seen", seen)
	}
}
