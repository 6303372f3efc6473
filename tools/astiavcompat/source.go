package main

import (
	"bytes"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// sources holds the text of a package's Go files that are not tests, by name.
type sources map[string][]byte

func readSources(dir string) (sources, error) {
	files, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil {
		return nil, err
	}
	src := sources{}
	for _, f := range files {
		if strings.HasSuffix(f, "_test.go") {
			continue
		}
		if src[filepath.Base(f)], err = os.ReadFile(f); err != nil {
			return nil, err
		}
	}
	return src, nil
}

var (
	include = regexp.MustCompile(`#include\s+(<[^>]+>)`)
	// What cgo itself provides, and C's own types, which need no probe.
	builtin = regexp.MustCompile(`^(CString|CBytes|GoString|GoStringN|GoBytes|malloc|void|u?(char|short|int|long|longlong)|schar|float|double|struct_\w+|sizeof_\w+)$`)
)

// uses returns the headers that the files include and everything that they take from C, as keys of missing.
func (s sources) uses() (includes, keys []string) {
	preambles, seen := "", map[string]bool{}
	s.each(func(_ string, f *ast.File) {
		preambles += preamble(f)
		structs := wrapped(f)
		ast.Inspect(f, func(n ast.Node) bool {
			if k := key(n, structs); k != "" {
				seen[k] = true
			}
			return true
		})
	})
	for _, m := range include.FindAllStringSubmatch(preambles, -1) {
		if !slices.Contains(includes, m[1]) {
			includes = append(includes, m[1])
		}
	}
	// Names of go-astiav's own C code stand in a preamble or in its header files, which no FFmpeg can lack.
	own := regexp.MustCompile(`^(astiav|goAstiav|c2go)`)
	for k := range seen {
		if own.MatchString(k) {
			delete(seen, k)
		}
	}
	return includes, slices.Sorted(maps.Keys(seen))
}

// key says what a node takes from C: NAME of C.NAME, enum NAME of C.enum_NAME, STRUCT.FIELD of w.c.FIELD where w wraps a STRUCT.
func key(n ast.Node, structs map[string]string) string {
	sel, ok := n.(*ast.SelectorExpr)
	if !ok {
		return ""
	}
	switch x := sel.X.(type) {
	case *ast.Ident:
		if x.Name != "C" || builtin.MatchString(sel.Sel.Name) {
			return ""
		}
		if e, ok := strings.CutPrefix(sel.Sel.Name, "enum_"); ok {
			return "enum " + e
		}
		return sel.Sel.Name
	case *ast.SelectorExpr:
		w, ok := x.X.(*ast.Ident)
		if !ok || x.Sel.Name != "c" || w.Obj == nil {
			return ""
		}
		if t := typeName(w.Obj.Decl); structs[t] != "" {
			return structs[t] + "." + cgoName(sel.Sel.Name)
		}
	}
	return ""
}

// cgoName returns the C name of a field: cgo puts an underscore before those that are keywords of Go.
func cgoName(field string) string {
	if name, ok := strings.CutPrefix(field, "_"); ok && token.IsKeyword(name) {
		return name
	}
	return field
}

// typeName returns the named type of a receiver or parameter.
func typeName(decl any) string {
	f, ok := decl.(*ast.Field)
	if !ok {
		return ""
	}
	t := f.Type
	if p, ok := t.(*ast.StarExpr); ok {
		t = p.X
	}
	if id, ok := t.(*ast.Ident); ok {
		return id.Name
	}
	return ""
}

// wrapped returns which C struct a type of the file holds in its field c.
func wrapped(f *ast.File) map[string]string {
	out := map[string]string{}
	ast.Inspect(f, func(n ast.Node) bool {
		t, ok := n.(*ast.TypeSpec)
		if !ok {
			return true
		}
		st, ok := t.Type.(*ast.StructType)
		if !ok {
			return true
		}
		for _, fd := range st.Fields.List {
			p, ok := fd.Type.(*ast.StarExpr)
			if !ok || len(fd.Names) != 1 || fd.Names[0].Name != "c" {
				continue
			}
			if c, ok := p.X.(*ast.SelectorExpr); ok {
				out[t.Name.Name] = strings.TrimPrefix(c.Sel.Name, "struct_")
			}
		}
		return true
	})
	return out
}

// preamble returns the comment above import "C".
func preamble(f *ast.File) string {
	for _, d := range f.Decls {
		g, ok := d.(*ast.GenDecl)
		if !ok || g.Tok != token.IMPORT {
			continue
		}
		for _, sp := range g.Specs {
			if i, ok := sp.(*ast.ImportSpec); ok && i.Path.Value == `"C"` && g.Doc != nil {
				text := ""
				for _, c := range g.Doc.List {
					text += strings.TrimPrefix(c.Text, "//") + "\n"
				}
				return text
			}
		}
	}
	return ""
}

// each parses the files in the order of their names.
func (s sources) each(visit func(name string, f *ast.File)) {
	fset := token.NewFileSet()
	for _, name := range slices.Sorted(maps.Keys(s)) {
		f, err := parser.ParseFile(fset, name, s[name], parser.ParseComments)
		if err != nil {
			continue // not ours to judge: the Go compiler will
		}
		visit(name, f)
	}
}

// without returns the changed files and how many declarations were left out: those that use a missing name, and those that use one of these.
func (s sources) without(missing map[string]bool) (sources, int) {
	kept, total, gone := maps.Clone(s), 0, map[string]bool{}
	for {
		cut := 0
		kept.each(func(name string, f *ast.File) {
			spans := leave(f, missing, gone)
			cut += len(spans)
			if len(spans) > 0 {
				kept[name] = tidy(name, cutOut(kept[name], f, spans))
			}
		})
		if total += cut; cut == 0 {
			break
		}
	}
	maps.DeleteFunc(kept, func(name string, text []byte) bool { return bytes.Equal(text, s[name]) })
	return kept, total
}

// leave returns the declarations of a file that must go, and adds their names to gone.
func leave(f *ast.File, missing, gone map[string]bool) []ast.Node {
	structs := wrapped(f)
	bad := func(n ast.Node) bool {
		found := false
		ast.Inspect(n, func(n ast.Node) bool {
			id, isIdent := n.(*ast.Ident)
			found = found || missing[key(n, structs)] || isIdent && gone[id.Name] && id.Obj == nil
			return !found
		})
		return found
	}
	var out []ast.Node
	for _, d := range f.Decls {
		switch d := d.(type) {
		case *ast.FuncDecl:
			if bad(d) {
				if d.Recv == nil {
					gone[d.Name.Name] = true
				}
				out = append(out, d)
			}
		case *ast.GenDecl:
			for _, sp := range d.Specs {
				v, ok := sp.(*ast.ValueSpec)
				if !ok || !bad(v) {
					continue
				}
				for _, n := range v.Names {
					gone[n.Name] = true
				}
				out = append(out, v)
			}
		}
	}
	return out
}

// cutOut takes the lines of declarations out of a file. Line numbers in comments of FFmpeg's sources do not matter.
func cutOut(text []byte, f *ast.File, spans []ast.Node) []byte {
	base := int(f.FileStart)
	for _, n := range slices.Backward(spans) {
		from, to := int(n.Pos())-base, int(n.End())-base
		if d, ok := n.(*ast.FuncDecl); ok && d.Doc != nil {
			from = int(d.Doc.Pos()) - base
		}
		if end := bytes.IndexByte(text[to:], '\n'); end >= 0 {
			to += end + 1
		}
		text = slices.Concat(text[:from], text[to:])
	}
	return text
}

// tidy takes out imports of the standard library that nothing uses any more.
func tidy(name string, text []byte) []byte {
	fset := token.NewFileSet()
	f, err := parser.ParseFile(fset, name, text, parser.ParseComments)
	if err != nil {
		return text
	}
	used := map[string]bool{"C": true}
	ast.Inspect(f, func(n ast.Node) bool {
		if sel, ok := n.(*ast.SelectorExpr); ok {
			if id, ok := sel.X.(*ast.Ident); ok {
				used[id.Name] = true
			}
		}
		return true
	})
	var spans []ast.Node
	for _, i := range f.Imports {
		path := strings.Trim(i.Path.Value, `"`)
		base := path[strings.LastIndexByte(path, '/')+1:]
		if i.Name == nil && !strings.Contains(path, ".") && !used[base] {
			spans = append(spans, i)
		}
	}
	return cutOut(text, f, spans)
}
