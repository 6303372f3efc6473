package emu

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

const ptxFile = "../kernels/vsr_sm80.ptx"

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
	for _, c := range []struct{ ptx, seed string }{{ptxFile, "2"}, {"../kernels/vsr_sm75.ptx", "3"}} {
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
	// One kernel of each template: a fiber costs ThreadSanitizer a millisecond.
	for _, kernel := range []string{"block_c32", "conv3_n16", "tail5_s2", "linear", "pool", "ring_s2", "frame_out", "rgb_in", "first"} {
		out, err := check(t, filepath.Join(dir, CheckTSan), ptxFile, kernel, "TSAN_OPTIONS=halt_on_error=1:history_size=0")
		if err != nil {
			t.Errorf("thread sanitizer, %s: %v\n%s", kernel, err, out)
		}
	}
}

// mutant is a change that an engine must notice: another result, an error, or a report.
type mutant struct {
	name     string
	file     string // of ../kernels; empty for the PTX text
	old, new string // a regular expression and what replaces its n-th match in the entry or file
	n        int
	kernel   string
}

// sourceMutants change the C++ text.
var sourceMutants = []mutant{
	{"block: barrier after the copy", "block.h", `__syncthreads\(\);`, "", 0, "block_c32"},
	{"block: barrier after the depthwise stage", "block.h", `__syncthreads\(\);`, "", 1, "block_c32"},
	{"block: copy wait", "block.h", `copy_wait\(\);`, "", 0, "block_c32"},
	{"convolution: barrier", "tile.h", `__syncthreads\(\);`, "", 0, "conv3_n16"},
	{"convolution: copy wait", "tile.h", `copy_wait\(\);`, "", 0, "conv3_n16"},
	{"convolution: the buffer being read is filled", "tile.h", `buffer \+ \(\(g \+ 1\) & 1\) \* BYTES`, "buffer + (g & 1) * BYTES", 0, "conv3_n16"},
	{"fragments of the two n8 tiles swapped", "tile.h", `acc\[r\]\[n\], a\[r\], b\.x, b\.y`, "acc[r][n], a[r], b.y, b.x", 0, "conv3_n16"},
	{"a row too far", "tile.h", `row0 \+ r \+ ky`, "row0 + r + ky + 1", 0, "conv3_n16"},
	{"stage: one row too few", "tile.h", `gy < H;`, "gy < H - 1;", 0, "conv3_n16"},
	{"block: writes below the picture", "block.h", `gx < W && gy < H\) \{\n      u64`, "gx < W && gy <= H) {\n      u64", 0, "block_c32"},
	{"block: middle outside the picture not zero", "block.h", `gx >= 0 && gx < W && gy >= 0 && gy < H`, "true", 0, "block_c32"},
	{"linear: a lane leaves before the shuffle", "estimate.h", `UNROLL for \(u32 m = 16`, "if (lane == 31) return;\n  UNROLL for (u32 m = 16", 0, "linear"},
}

// ptxMutants change the PTX text inside the kernel's entry.
var ptxMutants = []mutant{
	{"first bar.sync", "", `bar\.sync \t0;`, "", 0, "vsr_block_c32"},
	{"second bar.sync", "", `bar\.sync \t0;`, "", 1, "vsr_block_c32"},
	{"barrier of the convolution", "", `bar\.sync \t0;`, "", 0, "vsr_conv3_n16"},
	{"cp.async wait", "", `cp\.async\.wait_all;`, "", 0, "vsr_block_c32"},
	{"mma of another layout", "", `row\.col\.f32`, "row.row.f32", 0, "vsr_block_c32"},
	{"fma without rounding mode", "", `fma\.rn\.f32`, "fma.f32", 0, "vsr_block_c32"},
	{"mma fragments swapped", "", `(mma[^;]*\}, \{%r\d+, %r\d+, %r\d+, %r\d+\}, )\{(%r\d+), (%r\d+)\}`, "$1{$3, $2}", 0, "vsr_block_c32"},
	{"ldmatrix registers swapped", "", `(ldmatrix[^{]*)\{(%r\d+), (%r\d+)`, "$1{$3, $2", 0, "vsr_block_c32"},
	{"lane of the shuffle", "", `shfl\.sync\.bfly\.b32 (%f\d+), (%f\d+), (%r\d+)`, "shfl.sync.bfly.b32 $1, $2, 0", 0, "vsr_linear"},
	{"a predicate inverted", "", `@%p(\d+) bra`, "@!%p$1 bra", 1, "vsr_pool_finish"},
	{"an address moved", "", `st\.global\.u32 \t\[%rd(\d+)\]`, "st.global.u32 \t[%rd$1+4]", 0, "vsr_block_c32"},
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
	for _, m := range ptxMutants {
		t.Run(m.name, func(t *testing.T) {
			t.Parallel()
			from := strings.Index(text, ".visible .entry "+m.kernel+"(")
			end := from + strings.Index(text[from:], "\n}\n")
			file := filepath.Join(t.TempDir(), "mutant.ptx")
			write(t, file, text[:from]+m.replace(t, text[from:end])+text[end:])
			want, err := check(t, program, ptxFile, m.kernel, "VSR_EMU_ENGINE=ptx")
			if err != nil {
				t.Fatalf("the original fails: %v\n%s", err, want)
			}
			got, err := check(t, program, file, m.kernel, "VSR_EMU_ENGINE=ptx")
			if err == nil && got == want {
				t.Errorf("lives:\n%s", got)
			}
			t.Logf("%v, %s", err, got)
		})
	}
}

// Each source mutant is compiled alone, without optimisation.
func TestSourceMutantsDie(t *testing.T) {
	if testing.Short() {
		t.Skip("compiles each mutant")
	}
	dir := build(t, Check)
	original, err := check(t, filepath.Join(dir, Check), ptxFile, "")
	if err != nil {
		t.Fatalf("the original fails: %v\n%s", err, original)
	}
	for _, m := range sourceMutants {
		t.Run(m.name, func(t *testing.T) {
			t.Parallel()
			program := compileMutant(t, m, dir)
			got, err := check(t, program, ptxFile, m.kernel)
			var want strings.Builder
			for line := range strings.Lines(original) {
				if name, _, _ := strings.Cut(line, " "); strings.Contains(name, m.kernel) {
					want.WriteString(line)
				}
			}
			if err == nil && got == want.String() {
				t.Errorf("lives:\n%s", got)
			}
			t.Logf("%v, %s", err, got)
		})
	}
}

// compileMutant makes a check program whose kernels are the mutated ones.
func compileMutant(t *testing.T, m mutant, dir string) string {
	t.Helper()
	root := t.TempDir()
	kernels, src := filepath.Join(root, "kernels"), filepath.Join(root, "emu", "src")
	for _, d := range []string{kernels, src} {
		if err := os.MkdirAll(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	files, err := filepath.Glob("../kernels/*.h")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		text := read(t, f)
		if filepath.Base(f) == m.file {
			text = m.replace(t, text)
		}
		write(t, filepath.Join(kernels, filepath.Base(f)), text)
	}
	write(t, filepath.Join(kernels, "vsr.cu"), read(t, "../kernels/vsr.cu"))
	headers, err := filepath.Glob("src/*.h")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range headers {
		write(t, filepath.Join(src, filepath.Base(f)), read(t, f))
	}
	write(t, filepath.Join(src, "source_engine.cpp"), read(t, "src/source_engine.cpp"))
	object, program := filepath.Join(root, "source.o"), filepath.Join(root, "check")
	run(t, "g++", "-std=c++17", "-O0", "-fPIC", "-mavx2", "-mf16c", "-mfma", "-ffp-contract=off", "-w", "-DVSR_EMU", "-I"+src,
		"-c", "-o", object, filepath.Join(src, "source_engine.cpp"))
	args := []string{"-o", program, object, filepath.Join(dir, "check.o")}
	for _, o := range []string{"fiber", "ptx_parse", "ptx_run", "fake_state", "fake_driver", "fake_module", "fake_ffmpeg"} {
		args = append(args, filepath.Join(dir, o+".o"))
	}
	run(t, "g++", args...)
	return program
}

func run(t *testing.T, name string, args ...string) {
	t.Helper()
	if out, err := exec.Command(name, args...).CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", name, err, out)
	}
}
