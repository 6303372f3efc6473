package driver

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// Other headers that describe the same interface: FFmpeg's (MIT, part of its names), or the file that VSR_CUDA_HEADER names,
// NVIDIA's say.
func otherHeader(t *testing.T) string {
	t.Helper()
	for _, f := range []string{os.Getenv("VSR_CUDA_HEADER"), "/usr/include/ffnvcodec/dynlink_cuda.h"} {
		if _, err := os.Stat(f); err == nil {
			return f
		}
	}
	t.Skip("no other CUDA header: install libffmpeg-nvenc-dev or set VSR_CUDA_HEADER")
	return ""
}

// Every constant and structure that our header shares with another one has the same value or size.
func TestHeaderAgreesWithAnother(t *testing.T) {
	other := otherHeader(t)
	theirs, err := os.ReadFile(other)
	if err != nil {
		t.Fatal(err)
	}
	var ours []byte
	for _, name := range []string{"cuda.h", "cuda_enums.h"} {
		text, err := os.ReadFile("../include/" + name)
		if err != nil {
			t.Fatal(err)
		}
		ours = append(ours, text...)
	}
	known := map[string]bool{}
	for _, n := range regexp.MustCompile(`\w+`).FindAllString(string(theirs), -1) {
		known[n] = true
	}
	var body strings.Builder
	count := 0
	add := func(format, name string) {
		if known[name] {
			fmt.Fprintf(&body, format, name, name)
			count++
		}
	}
	for _, m := range regexp.MustCompile(`\b(CU\w+) = (?:0x)?[0-9a-f-]+`).FindAllStringSubmatch(string(ours), -1) {
		add("printf(\"%s %%lld\\n\", (long long)%s);\n", m[1])
	}
	for _, m := range regexp.MustCompile(`(?m)^\} (CUDA_MEM\w+|CUDA_ARRAY\w+|CUuuid);`).FindAllStringSubmatch(string(ours), -1) {
		add("printf(\"sizeof %s %%zu\\n\", sizeof(%s));\n", m[1])
	}
	if count < 20 {
		t.Fatalf("only %d names in common with %s", count, other)
	}
	include := filepath.Join(t.TempDir(), "cuda.h")
	if err := os.Symlink(other, include); err != nil {
		t.Fatal(err)
	}
	want, got := values(t, filepath.Dir(include), body.String()), values(t, "../include", body.String())
	if got != want {
		theirLines := strings.Split(want, "\n")
		for i, line := range strings.Split(got, "\n") {
			if line != theirLines[i] {
				t.Errorf("ours: %s, %s: %s", line, other, theirLines[i])
			}
		}
	}
	t.Logf("%d names agree with %s", count, other)
}

// values compiles and runs a program against a header.
func values(t *testing.T, include, body string) string {
	t.Helper()
	dir := t.TempDir()
	source := filepath.Join(dir, "values.c")
	text := "#include <stdint.h>\n#include <stdlib.h>\n#include <cuda.h>\n#include <stdio.h>\n" +
		"int main(void) {\n" + body + "return 0; }\n"
	if err := os.WriteFile(source, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("gcc", "-w", "-I", include, "-o", dir+"/values", source).CombinedOutput(); err != nil {
		t.Fatalf("gcc: %v\n%.2000s", err, out)
	}
	out, err := exec.Command(dir + "/values").Output()
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}
