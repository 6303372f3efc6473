package fakecuda

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

const ptxFile = "../../sr/cuda/kernels/vsr_sm80.ptx"

// check runs the check program over kernels whose name contains pattern. The environment chooses the engine.
func check(t *testing.T, program, ptx, pattern string, env ...string) (string, error) {
	t.Helper()
	args := []string{ptx}
	if pattern != "" {
		args = append(args, pattern)
	}
	cmd := exec.Command(program, args...)
	cmd.Env = append(os.Environ(), env...)
	out, err := cmd.CombinedOutput()
	return string(out), err
}

func build(t *testing.T, targets ...string) string {
	t.Helper()
	if why := Missing(); why != "" {
		t.Skip(why)
	}
	dir, err := Build(targets...)
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// The C++ text and both PTX texts give the same bits for every kernel, whatever the schedule.
func TestEnginesAgree(t *testing.T) {
	program := filepath.Join(build(t, Check), Check)
	want, err := check(t, program, ptxFile, "", "VSR_EMU_ENGINE=source")
	if err != nil {
		t.Fatalf("source: %v\n%s", err, want)
	}
	if n := strings.Count(want, "\n"); n != 23 {
		t.Fatalf("%d kernels ran, want 23:\n%s", n, want)
	}
	for _, c := range []struct{ ptx, seed string }{{ptxFile, "2"}, {"../../sr/cuda/kernels/vsr_sm75.ptx", "3"}} {
		got, err := check(t, program, c.ptx, "", "VSR_EMU_ENGINE=ptx", "VSR_EMU_SEED="+c.seed)
		if err != nil || got != want {
			t.Errorf("%s: %v\n%s\nwant\n%s", c.ptx, err, got, want)
		}
	}
}

func TestSanitizers(t *testing.T) {
	if testing.Short() {
		t.Skip("compiles the kernels twice more")
	}
	dir := build(t, CheckASan, CheckTSan)
	if out, err := check(t, filepath.Join(dir, CheckASan), ptxFile, ""); err != nil {
		t.Errorf("address and undefined-behaviour sanitizer: %v\n%s", err, out)
	}
	// One kernel of each template: a fiber costs ThreadSanitizer a millisecond. `make cuda-sanitize` takes all.
	kernels := []string{"block_c32", "conv3_n16", "tail5_s2", "linear", "pool", "ring_s2", "frame_out", "rgb_in", "first", "scene"}
	if os.Getenv("VSR_ALL_KERNELS") != "" {
		kernels = nil
		for _, e := range entries(read(t, ptxFile)) {
			kernels = append(kernels, e.name)
		}
	}
	for _, kernel := range kernels {
		out, err := check(t, filepath.Join(dir, CheckTSan), ptxFile, kernel, "TSAN_OPTIONS=halt_on_error=1:history_size=0")
		if err != nil {
			t.Errorf("thread sanitizer, %s: %v\n%s", kernel, err, out)
		}
	}
}

// mutant is a change of the PTX text inside a kernel's entry that the interpreter must notice: another result, an error, or a report.
type mutant struct {
	name     string
	old, new string // a regular expression and what replaces its n-th match
	n        int
	kernel   string
}

// ptxMutants are those that one kernel can have.
var ptxMutants = []mutant{
	{"mma of another layout", `row\.col\.f32`, "row.row.f32", 0, "vsr_block_c32"},
	{"fma without rounding mode", `fma\.rn\.f32`, "fma.f32", 0, "vsr_block_c32"},
	{"lane of the shuffle", `shfl\.sync\.bfly\.b32 (%f\d+), (%f\d+), (%r\d+)`, "shfl.sync.bfly.b32 $1, $2, 0", 0, "vsr_linear"},
	{"a predicate inverted", `@%p(\d+) bra`, "@!%p$1 bra", 1, "vsr_pool_finish"},
}

// everywhere are mutants of all kernels that have a place for them, once for each place or, with once, at the first.
var everywhere = []struct {
	name, old, new string
	once           bool
}{
	{"barrier dropped", `bar\.sync \t0;`, "", false},
	{"cp.async wait dropped", `cp\.async\.wait_all;`, "", false},
	{"mma fragments swapped", `(mma[^;]*\}, \{%r\d+, %r\d+, %r\d+, %r\d+\}, )\{(%r\d+), (%r\d+)\}`, "$1{$3, $2}", true},
	{"ldmatrix registers swapped", `(ldmatrix[^{]*)\{(%r\d+), (%r\d+)`, "$1{$3, $2", true},
	{"a store moved by 16 bytes", `st\.global\.(\S+) \t\[%rd(\d+)\]`, "st.global.$1 \t[%rd$2+16]", true},
}

// entry is the text of one kernel and where it stands.
type entry struct {
	name     string
	from, to int
}

func entries(text string) (all []entry) {
	for _, m := range regexp.MustCompile(`\.visible \.entry (\w+)\(`).FindAllStringSubmatchIndex(text, -1) {
		all = append(all, entry{text[m[2]:m[3]], m[0], m[0] + strings.Index(text[m[0]:], "\n}\n")})
	}
	return all
}

// allPTXMutants lists the mutants of a module.
func allPTXMutants(text string) []mutant {
	all := slices.Clone(ptxMutants)
	for _, e := range entries(text) {
		for _, m := range everywhere {
			places := len(regexp.MustCompile(m.old).FindAllString(text[e.from:e.to], -1))
			if m.once {
				places = min(places, 1)
			}
			for n := range places {
				all = append(all, mutant{m.name, m.old, m.new, n, e.name})
			}
		}
	}
	return all
}

// replace applies the mutation to the n-th match.
func (m mutant) replace(t *testing.T, text string) string {
	t.Helper()
	re := regexp.MustCompile(m.old)
	matches := re.FindAllStringSubmatchIndex(text, -1)
	if len(matches) <= m.n {
		t.Fatalf("%s: %d matches of %s", m.name, len(matches), m.old)
	}
	at := matches[m.n]
	return text[:at[0]] + string(re.ExpandString(nil, m.new, text, at)) + text[at[1]:]
}

func write(t *testing.T, file, text string) {
	t.Helper()
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

func read(t *testing.T, file string) string {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestPTXMutantsDie(t *testing.T) {
	program := filepath.Join(build(t, Check), Check)
	text := read(t, ptxFile)
	original, err := check(t, program, ptxFile, "", "VSR_EMU_ENGINE=ptx")
	if err != nil {
		t.Fatalf("the original fails: %v\n%s", err, original)
	}
	mutants := allPTXMutants(text)
	if len(mutants) < 80 {
		t.Errorf("only %d mutants", len(mutants))
	}
	for _, m := range mutants {
		t.Run(fmt.Sprintf("%s %s %d", m.kernel, m.name, m.n), func(t *testing.T) {
			t.Parallel()
			all := entries(text)
			e := all[slices.IndexFunc(all, func(e entry) bool { return e.name == m.kernel })]
			file := filepath.Join(t.TempDir(), "mutant.ptx")
			// Only the kernel itself, so that the rest need not be read again and again.
			head := text[:all[0].from]
			write(t, file, head+m.replace(t, text[e.from:e.to])+"\n}\n")
			got, err := check(t, program, file, m.kernel, "VSR_EMU_ENGINE=ptx")
			if err == nil && strings.Contains(original, got) {
				t.Errorf("lives:\n%s", got)
			}
			t.Logf("%v, %s", err, got)
		})
	}
}

func run(t *testing.T, name string, args ...string) {
	t.Helper()
	if out, err := exec.Command(name, args...).CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", name, err, out)
	}
}
