package main

import (
	"go/parser"
	"go/scanner"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// Packages name options and functions where it has a hint, never flags, and the command line has a word for each of them.
func TestHintsAreWordedHere(t *testing.T) {
	names := regexp.MustCompile(`Options\.[A-Z][A-Za-z.]*[A-Za-z]|upscale\.[A-Z]\w*|Job\.[A-Z]\w*|Report\.Write\b|SceneList\.Write\w+( and JSON)?`)
	flags := regexp.MustCompile(`(^|[ (])(--[a-z]+|-[a-z])([ ):;,]|$)`)
	found := 0
	for _, pattern := range []string{"../../upscale/*.go", "../../upscale/segment/*.go", "../../decode/*.go", "../../encode/*.go"} {
		files, _ := filepath.Glob(pattern)
		for _, path := range files {
			if strings.HasSuffix(path, "_test.go") {
				continue
			}
			for _, text := range literals(t, path) {
				if flags.MatchString(text) {
					t.Errorf("%s names a flag: %s", path, text)
				}
				for _, name := range names.FindAllString(text, -1) {
					if found++; flagWords.Replace(name) == name || names.MatchString(flagWords.Replace(name)) {
						t.Errorf("%s: there is no word for %s in %s", path, name, text)
					}
				}
			}
		}
	}
	if found < 22 {
		t.Errorf("only %d names were found", found)
	}
}

// literals are the strings of a source file.
func literals(t *testing.T, path string) (list []string) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	files := token.NewFileSet()
	if _, err := parser.ParseFile(files, path, text, parser.ImportsOnly); err != nil {
		t.Fatal(err)
	}
	var s scanner.Scanner
	s.Init(files.AddFile(path, files.Base(), len(text)), text, nil, 0)
	for {
		_, tok, lit := s.Scan()
		switch tok {
		case token.EOF:
			return list
		case token.STRING:
			list = append(list, strings.Trim(lit, "`\""))
		}
	}
}
