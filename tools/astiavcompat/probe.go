package main

import (
	"bytes"
	"fmt"
	"os/exec"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

var failed = regexp.MustCompile(`(?m)^probe:(\d+):(?:\d+:)? error`)

// missing returns the keys of sources.uses that the installed headers lack: NAME, enum NAME or STRUCT.FIELD.
func missing(src sources) (map[string]bool, error) {
	flags, err := output("pkg-config", append([]string{"--cflags"}, libraries...)...)
	if err != nil {
		return nil, err
	}
	cc, err := output("go", "env", "CC")
	if err != nil {
		return nil, err
	}
	includes, keys := src.uses()
	return ask(cc, strings.Fields(flags), includes, keys)
}

// ask compiles a probe for every key at once, each under a line number of its own.
func ask(cc string, flags, includes, keys []string) (map[string]bool, error) {
	var text strings.Builder
	for _, i := range includes {
		fmt.Fprintf(&text, "#include %s\n", i)
	}
	text.WriteString("int astiavcompat_start;\n")
	for n, k := range keys {
		fmt.Fprintf(&text, "#line %d \"probe\"\n%s\n", n+1, probeOf(k))
	}
	c := exec.Command(cc, slices.Concat(flags, []string{"-x", "c", "-fsyntax-only", "-w", "-fdiagnostics-color=never", "-"})...)
	c.Stdin = strings.NewReader(text.String())
	var stderr bytes.Buffer
	c.Stderr = &stderr
	err := c.Run()
	out := map[string]bool{}
	for _, m := range failed.FindAllStringSubmatch(stderr.String(), -1) {
		if n, _ := strconv.Atoi(m[1]); n >= 1 && n <= len(keys) {
			out[keys[n-1]] = true
		}
	}
	if err != nil && len(out) == 0 {
		return nil, fmt.Errorf("%s: %w\n%s", cc, err, stderr.String())
	}
	return out, nil
}

// probeOf returns the C line of a key. sizeof needs a complete type, so that an unknown enum is an error too.
func probeOf(key string) string {
	if s, field, ok := strings.Cut(key, "."); ok {
		return fmt.Sprintf("int f_%s_%s(struct %s *p) { return sizeof p->%s; }", s, field, s, field)
	}
	return fmt.Sprintf("int n_%s(void) { return sizeof(__typeof__(%s)); }", strings.ReplaceAll(key, " ", "_"), key)
}
