package kernels

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// sources are the files that generate.sh hashes, in its order.
var sources = []string{"vsr_dev.h", "tile.h", "block.h", "conv.h", "estimate.h", "color.h", "tail.h", "scene.h", "vsr.cu"}

var modules = []struct{ name, text, version, target string }{
	{"vsr_sm75.ptx", sm75, "6.5", "sm_75"},
	{"vsr_sm80.ptx", sm80, "7.0", "sm_80"},
}

func TestPTXIsOfTheseSources(t *testing.T) {
	h := sha256.New()
	for _, f := range sources {
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		h.Write(b)
	}
	want := "// sources: sha256 " + hex.EncodeToString(h.Sum(nil))
	for _, m := range modules {
		if !strings.Contains(m.text, want+"\n") {
			t.Errorf("%s was made of other sources: run generate.sh", m.name)
		}
	}
}

func TestPTXIsReproducible(t *testing.T) {
	clang, err := exec.LookPath("clang-19")
	if err != nil {
		t.Skip("clang-19 is not installed")
	}
	version, err := exec.Command(clang, "--version").Output()
	if err != nil {
		t.Fatal(err)
	}
	m := regexp.MustCompile(`// compiler: (clang version [0-9.]+)`).FindStringSubmatch(sm80)
	if m == nil || !strings.Contains(string(version), m[1]) {
		t.Skipf("the PTX was made by another compiler than %s", clang)
	}
	dir := t.TempDir()
	if out, err := exec.Command("./generate.sh", dir).CombinedOutput(); err != nil || len(out) > 0 {
		t.Fatalf("generate.sh: %v\n%s", err, out)
	}
	for _, m := range modules {
		got, err := os.ReadFile(dir + "/" + m.name)
		if err != nil {
			t.Fatal(err)
		}
		if string(got) != m.text {
			t.Errorf("%s differs from what the compiler gives now: run generate.sh", m.name)
		}
	}
}

// lint returns what is wrong with a module, given its header's values.
func lint(text, version, target string) []string {
	var bad []string
	for _, want := range []string{".version " + version + "\n", ".target " + target + "\n", ".address_size 64\n"} {
		if !strings.Contains(text, want) {
			bad = append(bad, "lacks "+strings.TrimSpace(want))
		}
	}
	for _, f := range []struct{ what, pattern string }{
		{"local memory", `\.local\b`},
		{"a generic access", `\b(ld|st|atom|red)\.(volatile\.)?(v[24]\.)?[busf](8|16|32|64)\b`},
		{"double precision", `\.f64\b`},
		{"a function call", `\bcall\b`},
		{"static shared memory", `(?m)^\s*\.shared`},
	} {
		if s := regexp.MustCompile(f.pattern).FindString(text); s != "" {
			bad = append(bad, fmt.Sprintf("has %s: %s", f.what, s))
		}
	}
	return append(bad, lintEntries(text)...)
}

// lintEntries compares the entries of a module with Entries.
func lintEntries(text string) []string {
	var bad []string
	head := regexp.MustCompile(`\.visible \.entry (\w+)\(([^)]*)\)([^{]*)\{`)
	param := regexp.MustCompile(`\.param \.(u64|u32)(?: \.ptr[^,]*)? \w+_param_\d+`)
	var got []Entry
	for _, m := range head.FindAllStringSubmatch(text, -1) {
		e := Entry{Name: m[1]}
		for _, p := range param.FindAllStringSubmatch(m[2], -1) {
			e.Params += map[string]string{"u64": "p", "u32": "i"}[p[1]]
		}
		if n := strings.Count(m[2], ".param"); n != len(e.Params) {
			bad = append(bad, fmt.Sprintf("%s has %d parameters, %d of a known kind", e.Name, n, len(e.Params)))
		}
		if _, err := fmt.Sscanf(strings.TrimSpace(m[3]), ".maxntid %d, 1, 1", &e.Threads); err != nil {
			bad = append(bad, e.Name+" has no .maxntid")
		}
		i := slices.IndexFunc(Entries, func(o Entry) bool { return o.Name == e.Name })
		if i >= 0 {
			e.Shared = Entries[i].Shared
		}
		got = append(got, e)
	}
	byName := func(a, b Entry) int { return strings.Compare(a.Name, b.Name) }
	want := slices.Clone(Entries)
	slices.SortFunc(got, byName)
	slices.SortFunc(want, byName)
	if !slices.Equal(got, want) {
		bad = append(bad, fmt.Sprintf("has entries\n%v, want\n%v", got, want))
	}
	return bad
}

func TestPTXLint(t *testing.T) {
	for _, m := range modules {
		for _, s := range lint(m.text, m.version, m.target) {
			t.Errorf("%s %s", m.name, s)
		}
	}
}

func TestLintFindsFaults(t *testing.T) {
	for _, c := range []struct{ name, old, new string }{
		{"local memory", "ret;", ".local .b8 depot[8];\nret;"},
		{"generic load", "ld.global.f32", "ld.f32"},
		{"generic vector store", "st.global.v4.u32", "st.v4.u32"},
		{"double", "fma.rn.f32", "fma.rn.f64"},
		{"newer version", ".version 7.0", ".version 8.5"},
		{"parameter added", "vsr_linear_param_6\n", "vsr_linear_param_6,\n\t.param .u32 vsr_linear_param_7\n"},
		{"threads", ".maxntid 256, 1, 1", ".maxntid 512, 1, 1"},
		{"no bound", ".maxntid 256, 1, 1", ""},
		{"entry renamed", ".entry vsr_linear(", ".entry vsr_linear2("},
	} {
		text := strings.Replace(sm80, c.old, c.new, 1)
		if text == sm80 {
			t.Errorf("%s: the mutation changes nothing", c.name)
		} else if len(lint(text, "7.0", "sm_80")) == 0 {
			t.Errorf("%s: lint says nothing", c.name)
		}
	}
}

func TestPTXOfDevice(t *testing.T) {
	for _, c := range []struct {
		major, minor int
		target       string
	}{{7, 5, "sm_75"}, {8, 0, "sm_80"}, {8, 9, "sm_80"}, {12, 0, "sm_80"}} {
		text, driver, err := PTX(c.major, c.minor)
		if err != nil || driver != 11040 || !strings.Contains(text, ".target "+c.target+"\n") {
			t.Errorf("%d.%d: not the text for %s, error %v", c.major, c.minor, c.target, err)
		}
	}
	if _, _, err := PTX(7, 0); err == nil {
		t.Error("7.0: no error")
	}
}
