package lint

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var (
	testFunction = regexp.MustCompile(`(?m)^func ((?:Test|Benchmark|Fuzz|Example)\w*)\(`)
	runPattern   = regexp.MustCompile(`[^-]-(?:test\.)?run[ =](?:'([^']+)'|([\w^$|/]+))`)
)

// A pattern of tests that a script or a page names fits a test that there is: go test is content with none.
func TestCommandsNameTests(t *testing.T) {
	var names []string
	patterns := map[string]string{} // and where they stand
	err := filepath.WalkDir(root, func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if e.IsDir() {
			if n := e.Name(); n == ".git" || n == "node_modules" || path == filepath.Join(root, "build") {
				return filepath.SkipDir
			}
			return nil
		}
		isTest := strings.HasSuffix(path, "_test.go")
		if ext := filepath.Ext(path); !isTest && ext != ".sh" && ext != ".md" && ext != ".mk" && ext != ".yml" && e.Name() != "Makefile" {
			return nil
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		if isTest {
			for _, m := range testFunction.FindAllSubmatch(text, -1) {
				names = append(names, string(m[1]))
			}
			return nil
		}
		for _, m := range runPattern.FindAllSubmatch(text, -1) {
			patterns[strings.ReplaceAll(string(m[1])+string(m[2]), "$$", "$")] = path // make's dollar
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(patterns) < 10 {
		t.Errorf("only %d patterns were found", len(patterns))
	}
	for pattern, path := range patterns {
		if pattern == "^$" {
			continue
		}
		for _, one := range strings.Split(strings.Split(pattern, "/")[0], "|") {
			re, err := regexp.Compile(one)
			if err != nil {
				continue // a placeholder such as X
			}
			found := false
			for _, n := range names {
				found = found || re.MatchString(n)
			}
			if !found {
				t.Errorf("%s: no test fits %s", path, one)
			}
		}
	}
}
