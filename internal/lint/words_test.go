package lint

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode"
)

// banned are words that this program used to have for things that the field has a word for (docs/glossary.md), in lower case and in
// the singular. They may stand neither in names nor in strings (help, flags, keys of JSON and logs) nor in docs.
var banned = map[string]string{
	"card":    "GPU or device",
	"picture": "frame (decoded), packet (coded) or image (still)",
	"room":    "stage or package",
	"belt":    "pipeline",
	"piece":   "segment",
	"cutter":  "segmenter",
	"crew":    "worker pool",
	"film":    "video or file",
	"ledger":  "timestamp audit",
	"rung":    "quality level",
	"ladder":  "adaptive quality",
	"weave":   "interleave",
	"unweave": "deinterleave",
	"culprit": "firstNonFinite",
	"critic":  "discriminator",
	"verdict": "SelfTestResult",
}

// bannedNames are names of Go declarations, in any case, whose words are fine elsewhere.
var bannedNames = map[string]string{
	"standin": "Fallback", "neverrun": "untested on hardware", "framepair": "Pair", "joinnote": "marker",
}

// allowed are phrases in which a banned word is the field's.
var allowed = regexp.MustCompile(`(?i)FilmWorkflow|model cards?|sd card|graphics card|card's license`)

// exempt are the folders in which the words are not mended yet. A folder leaves the list when it is clean; none may come back.
var exempt = []string{}

// words splits text, or a name in camel case or with underscores, into words in lower case and in the singular.
func words(text string) (list []string) {
	var word []rune
	end := func() {
		if len(word) > 0 {
			w := strings.ToLower(string(word))
			list = append(list, strings.TrimSuffix(w, "s"))
			word = nil
		}
	}
	runes := []rune(text)
	for i, r := range runes {
		switch {
		case !unicode.IsLetter(r):
			end()
			continue
		case unicode.IsUpper(r) && i > 0 && (unicode.IsLower(runes[i-1]) || i+1 < len(runes) && unicode.IsLower(runes[i+1])):
			end()
		}
		word = append(word, r)
	}
	end()
	return list
}

// bannedIn returns the first banned word of a text, and what to write instead.
func bannedIn(text string) (word, instead string) {
	for _, w := range words(allowed.ReplaceAllString(text, "")) {
		if instead, ok := banned[w]; ok {
			return w, instead
		}
	}
	return "", ""
}

// namesAndStrings visits every declared name and every string literal of a file.
func namesAndStrings(file *ast.File, visit func(pos token.Pos, what, text string)) {
	declared := func(list ...*ast.Ident) {
		for _, id := range list {
			if id != nil {
				visit(id.Pos(), "name", id.Name)
			}
		}
	}
	ast.Inspect(file, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.ImportSpec:
			return false
		case *ast.FuncDecl:
			declared(n.Name)
		case *ast.TypeSpec:
			declared(n.Name)
		case *ast.ValueSpec:
			declared(n.Names...)
		case *ast.Field:
			declared(n.Names...)
		case *ast.AssignStmt:
			if n.Tok == token.DEFINE {
				for _, x := range n.Lhs {
					if id, ok := x.(*ast.Ident); ok {
						declared(id)
					}
				}
			}
		case *ast.BasicLit:
			if n.Kind == token.STRING {
				if text, err := strconv.Unquote(n.Value); err == nil {
					visit(n.Pos(), "string", text)
				}
			}
		}
		return true
	})
}

func isExempt(rel string) bool {
	return slices.ContainsFunc(exempt, func(top string) bool { return under(rel, top) })
}

// Names and strings use the field's words.
func TestWordsOfTheCode(t *testing.T) {
	used := map[string]bool{}
	goFiles(t, func(path string) {
		fset := token.NewFileSet()
		file, err := parser.ParseFile(fset, path, nil, 0)
		if err != nil {
			t.Error(err)
			return
		}
		rel, _ := filepath.Rel(root, path)
		namesAndStrings(file, func(pos token.Pos, what, text string) {
			word, instead := bannedIn(text)
			if other, ok := bannedNames[strings.ToLower(text)]; what == "name" && ok {
				word, instead = text, other
			}
			if word == "" {
				return
			}
			if isExempt(rel) {
				for _, top := range exempt {
					if under(rel, top) {
						used[top] = true
					}
				}
				return
			}
			t.Errorf("%s:%d: the %s %.60q has the word %q, write %s", rel, fset.Position(pos).Line, what, text, word, instead)
		})
	})
	for _, top := range exempt {
		if !used[top] {
			t.Errorf("%s is clean: take it off the list of exempt folders", top)
		}
	}
}

// docsFiles calls visit with every page of the documentation and every example configuration.
func docsFiles(t *testing.T, visit func(rel, text string)) {
	t.Helper()
	for _, top := range []string{"README.md", "CONTRIBUTING.md", "SECURITY.md", "docs", "configs"} {
		err := filepath.WalkDir(filepath.Join(root, top), func(path string, e fs.DirEntry, err error) error {
			if err != nil || e.IsDir() || !strings.HasSuffix(path, ".md") && !strings.HasSuffix(path, ".yaml") {
				return err
			}
			text, err := os.ReadFile(path)
			rel, _ := filepath.Rel(root, path)
			visit(rel, string(text))
			return err
		})
		if err != nil {
			t.Error(err)
		}
	}
}

// So do docs. The glossary lists the banned words and is not read.
func TestWordsOfTheDocs(t *testing.T) {
	docsFiles(t, func(rel, text string) {
		if rel == "docs/glossary.md" || isExempt(rel) {
			return
		}
		for i, line := range strings.Split(text, "\n") {
			if word, instead := bannedIn(line); word != "" {
				t.Errorf("%s:%d: %q, write %s", rel, i+1, word, instead)
			}
		}
	})
}

// The checker itself must be able to say no.
func TestBannedIn(t *testing.T) {
	for text, want := range map[string]string{
		"onCard": "card", "CardError": "card", "a picture of it": "picture", "Pictures": "picture", "room_name": "room", "two films": "film",
		"model card": "", "discard": "", "cardinal": "", "roommate": "", "mushroom": "", "HTTPCard": "card", "frames": "",
	} {
		if got, _ := bannedIn(text); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}
