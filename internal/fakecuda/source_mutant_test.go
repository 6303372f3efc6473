package fakecuda

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// sourceMutant is a fault in the kernels' C++ text, in the line that is marked with "mutant: " and its mark, where old stands in it. An old
// text that ends with a semicolon is a statement, any other an expression; with before, new is put in front of it. All are compiled into
// one program, and a variable chooses one of them at a time.
type sourceMutant struct {
	mark, file, old, new string
	before               bool
	kernel               string
}

var sourceMutants = []sourceMutant{
	{mark: "barrier-after-the-copy", file: "block.h", old: "__syncthreads();", kernel: "block_c32"},
	{mark: "barrier-after-the-depthwise-stage", file: "block.h", old: "__syncthreads();", kernel: "block_c32"},
	{mark: "copy-wait", file: "block.h", old: "copy_wait();", kernel: "block_c32"},
	{mark: "middle-outside-the-frame-not-zero", file: "block.h", old: "gx >= 0 && gx < W && gy >= 0 && gy < H", new: "true", kernel: "block_c32"},
	{mark: "depthwise-kernel-upside-down", file: "block.h", old: "(py + t / 3)", new: "(py + 2 - t / 3)", kernel: "block_c32"},
	{mark: "writes-below-the-frame", file: "block.h", old: "gx < W && gy < H", new: "gx < W && gy <= H", kernel: "block_c32"},
	{mark: "the-second-channel-s-bias", file: "block.h", old: "b[1]", new: "b[0]", kernel: "block_c32"},
	{mark: "warps-of-the-wrong-columns", file: "block.h", old: "warp / ROW_WARPS * (NT / 2)", new: "0", kernel: "block_c128"},

	{mark: "convolution-barrier", file: "tile.h", old: "__syncthreads();", kernel: "conv3_n16"},
	{mark: "convolution-copy-wait", file: "tile.h", old: "copy_wait();", kernel: "conv3_n16"},
	{mark: "the-buffer-being-read-is-filled", file: "tile.h", old: "((g + 1) & 1) * BYTES", new: "(g & 1) * BYTES", kernel: "conv3_n16"},
	{mark: "fragments-of-the-first-tile-swapped", file: "tile.h", old: "mma_16816(acc[r][n], a[r], b.x, b.y);", new: "mma_16816(acc[r][n], a[r], b.y, b.x);", kernel: "conv3_n16"},
	{mark: "fragments-of-the-wrong-tile", file: "tile.h", old: "mma_16816(acc[r][n + 1], a[r], b.z, b.w);", new: "mma_16816(acc[r][n + 1], a[r], b.x, b.y);", kernel: "conv3_n16"},
	{mark: "a-row-too-far", file: "tile.h", old: "(row0 + r + ky)", new: "(row0 + r + ky + 1)", kernel: "conv3_n16"},
	{mark: "one-row-too-few", file: "tile.h", old: "gx >= 0 && gx < W && gy >= 0 && gy < H", new: "gx >= 0 && gx < W && gy >= 0 && gy < H - 1", kernel: "conv3_n16"},

	{mark: "no-activation", file: "conv.h", old: "if (flags & CONV_LRELU) v0 = lrelu(v0), v1 = lrelu(v1);", kernel: "conv3_n32"},
	{mark: "every-slice-has-the-first-one-s-weights", file: "conv.h", old: "first / 16", new: "0", kernel: "conv3_n64"},
	{mark: "convolution-writes-below-the-frame", file: "conv.h", old: "gx < W && gy < H", new: "gx < W && gy <= H", kernel: "conv3_n16"},
	{mark: "first-rows-shifted", file: "conv.h", old: "i / 3 % 3 - 1", new: "i / 3 % 3", kernel: "first_conv"},
	{mark: "first-a-row-below-the-frame", file: "conv.h", old: "gy >= H", new: "gy > H", kernel: "first_conv"},
	{mark: "first-mean-color-forgotten", file: "conv.h", old: "shift[i / 9]", new: "0.f", kernel: "first_conv"},
	{mark: "first-stride-forgotten", file: "conv.h", old: "p % ow * stride", new: "p % ow", kernel: "first_conv"},

	{mark: "the-tail-writes-the-ring", file: "tail.h", old: "gx == 0 || gy == 0 || gx == W - 1 || gy == H - 1", new: "gx == 0 || gy == 0 || gx == W - 1", kernel: "tail5_s2"},
	{mark: "the-last-channel-is-left-out", file: "tail.h", old: "c < 3 * S * S", new: "c < 3 * S * S - 1", kernel: "tail3_s3"},
	{mark: "shuffle-turned", file: "tail.h", old: "n / S % S", new: "n % S", kernel: "tail3_s4"},
	{mark: "no-skip", file: "tail.h", old: "if (flags & TAIL_SKIP) v += rgb[((u64)c * H + y) * W + x];", kernel: "tail3_s2"},
	{mark: "ring-a-tap-too-low", file: "tail.h", old: "t / 5 - 2", new: "t / 5 - 1", kernel: "ring_s2"},
	{mark: "ring-left-edge-unknown", file: "tail.h", old: "(gx == 0) * 4", new: "0", kernel: "ring_s2"},
	{mark: "ring-bottom-edge-unknown", file: "tail.h", old: "(gy == H - 1) * 2", new: "0", kernel: "ring_s3"},
	{mark: "ring-a-row-too-high", file: "tail.h", old: "1 + (W > 1 ? p >> 1 : p)", new: "(W > 1 ? p >> 1 : p)", kernel: "ring_s4"},

	{mark: "pool-a-pixel-too-few", file: "estimate.h", old: "p < to", new: "p < to - 1", kernel: "pool_partial"},
	{mark: "pool-a-block-too-few", file: "estimate.h", old: "b < blocks", new: "b < blocks - 1", kernel: "pool_finish"},
	{mark: "pool-sum-instead-of-mean", file: "estimate.h", old: "a / (float)pixels", new: "a", kernel: "pool_finish"},
	{mark: "linear-a-lane-leaves-before-the-shuffle", file: "estimate.h", old: "UNROLL for (u32 m = 16;", new: "if (lane == 31) return;", before: true, kernel: "linear"},
	{mark: "linear-lanes-overlap", file: "estimate.h", old: "i += 32", new: "i += 31", kernel: "linear"},
	{mark: "linear-no-bias", file: "estimate.h", old: "if (flags & LINEAR_BIAS) a += bias[row];", kernel: "linear"},
	{mark: "linear-no-activation", file: "estimate.h", old: "flags & LINEAR_LRELU", new: "0", kernel: "linear"},

	{mark: "head-chroma-not-interpolated-across", file: "color.h", old: "clamp_int((ux >> 2) + 1, d->cw - 1)", new: "clamp_int(ux >> 2, d->cw - 1)", kernel: "rgb_in"},
	{mark: "head-chroma-not-interpolated-down", file: "color.h", old: "(float)(uy & 3)", new: "0.f", kernel: "rgb_in"},
	{mark: "head-cb-and-cr-taken-for-one-plane", file: "color.h", old: "x0 * d->cstep", new: "x0", kernel: "rgb_in"},
	{mark: "head-deep-samples-not-shifted", file: "color.h", old: "(u32)((const u16*)row)[x] >> d->lift", new: "(u32)((const u16*)row)[x]", kernel: "rgb_in"},
	{mark: "tail-chroma-beyond-the-last-row", file: "color.h", old: "clamp_int(y0 + dy, H - 1)", new: "(y0 + dy)", kernel: "frame_out"},
	{mark: "tail-siting", file: "color.h", old: "(d->px2 == 0)", new: "0", kernel: "frame_out"},
	{mark: "tail-cb-and-cr-put-in-one-plane", file: "color.h", old: "i * d->cstep", new: "i", kernel: "frame_out"},
	{mark: "tail-deep-samples-not-shifted", file: "color.h", old: "n << d->lift", new: "n", kernel: "frame_out"},

	{mark: "scene-half-a-row-up", file: "scene.h", old: "(2 * (y * GRID_TAPS + j) + 1)", new: "(2 * (y * GRID_TAPS + j))", kernel: "scene_grid"},
	{mark: "scene-a-sample-too-few", file: "scene.h", old: "j < GRID_TAPS", new: "j < GRID_TAPS - 1", kernel: "scene_grid"},
	{mark: "scene-cb-and-cr-taken-for-one-plane", file: "scene.h", old: "p ? d->cstep : 1", new: "1", kernel: "scene_grid"},
	{mark: "scene-luma-for-all-planes", file: "scene.h", old: "p == 0 ? 0 : p == 1 ? d->plane1 : d->plane2", new: "0u", kernel: "scene_grid"},
}

// mutate puts all mutants of a file into its text.
func mutate(t *testing.T, file, text string) string {
	t.Helper()
	type edit struct {
		from, to int
		text     string
	}
	var edits []edit
	for k, m := range sourceMutants {
		if m.file != file {
			continue
		}
		at, fault := placeOf(text, m.mark, m.old)
		if fault != "" {
			t.Fatalf("%s: %s", file, fault)
		}
		e := edit{at, at + len(m.old), fmt.Sprintf("(vsr_mutant == %d ? (%s) : (%s))", k, m.new, m.old)}
		switch {
		case m.before:
			e.to, e.text = at, fmt.Sprintf("if (vsr_mutant == %d) { %s }\n", k, m.new)
		case strings.HasSuffix(m.old, ";"):
			e.text = fmt.Sprintf("{ if (vsr_mutant == %d) { %s } else { %s } }", k, m.new, m.old)
		}
		edits = append(edits, e)
	}
	slices.SortFunc(edits, func(a, b edit) int { return b.from - a.from })
	for i, e := range edits {
		if i > 0 && e.to > edits[i-1].from {
			t.Fatalf("two mutants of %s at one place: %s", file, e.text)
		}
		text = text[:e.from] + e.text + text[e.to:]
	}
	return text
}

// placeOf returns where old stands in the one line of text that has the mark, or what is wrong.
func placeOf(text, mark, old string) (at int, fault string) {
	begin, found := 0, -1
	for line := range strings.Lines(text) {
		_, marks, ok := strings.Cut(line, "// mutant: ")
		if ok && slices.Contains(strings.Split(strings.TrimSpace(marks), ", "), mark) {
			if found >= 0 {
				return 0, "two lines are marked " + mark
			}
			if strings.Count(line, old) != 1 {
				return 0, fmt.Sprintf("the line marked %s has not %q once: %s", mark, old, line)
			}
			found = begin + strings.Index(line, old)
		}
		begin += len(line)
	}
	if found < 0 {
		return 0, "no line is marked " + mark
	}
	return found, ""
}

func TestPlaceOf(t *testing.T) {
	text := "a = b; // mutant: one, two\nc = b;\nd = d; // why // mutant: three\n"
	if at, fault := placeOf(text, "two", "b"); at != 4 || fault != "" {
		t.Errorf("at %d, %s", at, fault)
	}
	for _, c := range [][2]string{{"four", "b"}, {"three", "d"}, {"one", "c"}} {
		if _, fault := placeOf(text, c[0], c[1]); fault == "" {
			t.Errorf("mark %s, text %s: no fault", c[0], c[1])
		}
	}
}

// Every mark in the kernels has its mutant: one that is taken away takes its mark along.
func TestMarksHaveMutants(t *testing.T) {
	files, err := filepath.Glob("../../sr/cuda/kernels/*.h")
	if err != nil {
		t.Fatal(err)
	}
	seen := 0
	for _, f := range files {
		for line := range strings.Lines(read(t, f)) {
			_, marks, ok := strings.Cut(line, "// mutant: ")
			if !ok {
				continue
			}
			for _, mark := range strings.Split(strings.TrimSpace(marks), ", ") {
				seen++
				if !slices.ContainsFunc(sourceMutants, func(m sourceMutant) bool { return m.mark == mark && m.file == filepath.Base(f) }) {
					t.Errorf("%s: no mutant %q", f, mark)
				}
			}
		}
	}
	if seen != len(sourceMutants) {
		t.Errorf("%d marks, %d mutants", seen, len(sourceMutants))
	}
}

func TestSourceMutantsDie(t *testing.T) {
	if testing.Short() {
		t.Skip("compiles the mutants")
	}
	dir := build(t, Check)
	original, err := check(t, filepath.Join(dir, Check), ptxFile, "")
	if err != nil {
		t.Fatalf("the original fails: %v\n%s", err, original)
	}
	program := compileMutants(t, dir)
	if got, err := check(t, program, ptxFile, "", "VSR_EMU_MUTANT=-1"); err != nil || got != original {
		t.Fatalf("without a mutant: %v\n%s\nwant\n%s", err, got, original)
	}
	for k, m := range sourceMutants {
		t.Run(m.file+" "+m.mark, func(t *testing.T) {
			got, err := check(t, program, ptxFile, m.kernel, fmt.Sprintf("VSR_EMU_MUTANT=%d", k))
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

// compileMutants makes a check program with all mutants in it; VSR_EMU_MUTANT is the number of one.
func compileMutants(t *testing.T, dir string) string {
	t.Helper()
	root := t.TempDir()
	kernels, src := filepath.Join(root, "sr", "cuda", "kernels"), filepath.Join(root, "internal", "fakecuda", "src")
	for _, d := range []string{kernels, src} {
		if err := os.MkdirAll(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	files, err := filepath.Glob("../../sr/cuda/kernels/*.h")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		write(t, filepath.Join(kernels, filepath.Base(f)), mutate(t, filepath.Base(f), read(t, f)))
	}
	write(t, filepath.Join(kernels, "vsr.cu"), read(t, "../../sr/cuda/kernels/vsr.cu"))
	headers, err := filepath.Glob("src/*.h")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range headers {
		write(t, filepath.Join(src, filepath.Base(f)), read(t, f))
	}
	write(t, filepath.Join(src, "source_engine.cpp"), "#include <stdlib.h>\n"+
		"static const int vsr_mutant = atoi(getenv(\"VSR_EMU_MUTANT\"));\n"+read(t, "src/source_engine.cpp"))
	object, program := filepath.Join(root, "source.o"), filepath.Join(root, "check")
	run(t, "g++", "-std=c++17", "-O1", "-fPIC", "-mavx2", "-mf16c", "-mfma", "-ffp-contract=off", "-w", "-DVSR_EMU", "-I"+src,
		"-c", "-o", object, filepath.Join(src, "source_engine.cpp"))
	args := []string{"-o", program, object, filepath.Join(dir, "check.o")}
	for _, o := range []string{"fiber", "ptx_parse", "ptx_run", "fake_state", "fake_driver", "fake_module", "fake_ffmpeg"} {
		args = append(args, filepath.Join(dir, o+".o"))
	}
	run(t, "g++", args...)
	return program
}
