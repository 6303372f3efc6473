package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"vsr/decode"
	"vsr/encode"
	"vsr/internal/av"
	"vsr/media"
	"vsr/verify"
	"vsr/verify/html"
)

// verifyRequest is one `vsr verify` as the command line put it.
type verifyRequest struct {
	src, out, ref string
	json, quick   bool
	anySize       bool
	start         float64 // of the part of the source that the output is of
	duration      float64
	frame         func(verify.Numbers, html.Pair) // hears of every pair of frames; may be nil
}

// flags are those that compare has, too.
func (r *verifyRequest) flags(f *pflag.FlagSet) {
	f.StringVar(&r.ref, "ref", "", "a true large video to compute PSNR, SSIM and, if this FFmpeg has libvmaf, VMAF against")
	f.Var((*clockFlag)(&r.start), "start", "the output begins here in the source: seconds, or h:m:s")
	f.Var((*clockFlag)(&r.duration), "duration", "length of the source that the output is of; 0 is all")
}

func (a *app) verifyCommand() *cobra.Command {
	var r verifyRequest
	cmd := &cobra.Command{
		Use:   "verify SRC OUT",
		Short: "Compare an output with its source, and say what was lost",
		Long: "Reads both files and compares frame count, times, streams, chapters, tags and, reduced to the source's size, the pictures.\n" +
			"Exit code 0 only if all that must hold holds, else 7.",
		Args: cobra.ExactArgs(2),
	}
	f := cmd.Flags()
	f.BoolVar(&r.json, "json", false, "print the report as JSON")
	r.flags(f)
	f.BoolVar(&r.quick, "quick", false, "read packets only and decode nothing")
	f.BoolVar(&r.anySize, "any-size", false, "the output's size need not be a multiple of the source's")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		r.src, r.out = args[0], args[1]
		if r.quick && r.ref != "" {
			return usageFault("", "--quick looks at no pictures: --ref has no meaning")
		}
		report, err := a.verify(cmd.Context(), r)
		if err != nil {
			return err
		}
		if err := printVerify(a, report, r.json); err != nil {
			return err
		}
		return verdict(report)
	}
	return cmd
}

func printVerify(a *app, r *verify.Report, asJSON bool) error {
	if !asJSON {
		return r.Print(a.stdout)
	}
	e := json.NewEncoder(a.stdout)
	e.SetIndent("", "  ")
	return e.Encode(r)
}

// verdict is nil when all that must hold holds.
func verdict(r *verify.Report) error {
	if r.OK {
		return nil
	}
	return fault{code: exitCheck, err: fmt.Errorf("verify: %s does not hold what %s does: %s", filepath.Base(r.Output), filepath.Base(r.Source), strings.Join(r.Failures(), ", "))}
}

// verify opens the files and compares them.
func (a *app) verify(ctx context.Context, r verifyRequest) (*verify.Report, error) {
	open := decode.Open
	if r.quick {
		open = decode.OpenCopy
	}
	o := decode.Options{Logger: a.logger()}
	src, err := open(ctx, r.src, r.sourceOptions(a))
	if err != nil {
		return nil, openFault(err)
	}
	defer src.Close()
	out, err := open(ctx, r.out, o)
	if err != nil {
		return nil, openFault(err)
	}
	defer out.Close()
	v := verify.Options{SourceName: r.src, OutputName: r.out, Pictures: !r.quick, AnySize: r.anySize, Dropped: changedTracks(capable(src.Info(), out.Info(), r.out))}
	if r.ref != "" {
		ref, err := decode.Open(ctx, r.ref, o)
		if err != nil {
			return nil, openFault(err)
		}
		defer ref.Close()
		v.Reference = ref
		defer vmaf(&v)()
	}
	if r.frame != nil {
		about := html.Pair{SourceInfo: src.Info(), OutputInfo: out.Info()}
		v.Frame = func(n verify.Numbers, a, b *media.Frame) {
			pair := about
			pair.Source, pair.Output = a, b
			r.frame(n, pair)
		}
	}
	report, err := verify.Compare(ctx, src, out, v)
	if err != nil && !errors.Is(err, context.Canceled) {
		return nil, fault{code: exitInput, err: err}
	}
	return report, err
}

// vmaf returns the judge of a comparison with a reference, or says why there is none. Call end when the comparison is over.
func vmaf(v *verify.Options) (end func()) {
	m, err := av.NewVMAF()
	if err != nil {
		v.NoJudge = err.Error()
		return func() {}
	}
	v.Judge = m
	return func() { _ = m.Close() } // its numbers are out, and its folder is a temporary one
}

// capable asks the output's container what it can hold of the source, by beginning such a file in the folder for temporary ones.
func capable(src, out *media.Info, name string) []encode.StreamAction {
	dir, err := os.MkdirTemp("", "vsr-verify-")
	if err != nil {
		return nil
	}
	defer os.RemoveAll(dir)
	f, err := encode.NewFile(filepath.Join(dir, "x"+filepath.Ext(name)), encode.FileOptions{})
	if err != nil {
		return nil
	}
	defer f.Abort()
	trial := *src
	trial.Tracks = append([]media.Track(nil), src.Tracks...)
	v := trial.VideoTrack()
	v.Codec, v.Params = out.VideoTrack().Codec, out.VideoTrack().Params
	if f.Start(&trial) != nil {
		return nil
	}
	return f.Actions()
}

// changedTracks are the tracks that cannot be in the output as they were in the source, with the reason.
func changedTracks(actions []encode.StreamAction) map[int]string {
	list := map[int]string{}
	for _, s := range actions {
		if s.Index >= 0 && (s.Action == encode.Dropped || s.Action == encode.Converted || strings.Contains(s.Why, "left out")) {
			list[s.Index] = s.Action + ": " + s.Why
		}
	}
	return list
}

// described is a source of packets with the description that decoding gave.
type described struct {
	*decode.Source
	info *media.Info
}

// Info returns the description.
func (d described) Info() *media.Info { return d.info }

// checkFile reads the packets of the finished output back and compares counts, times, streams and tags with the input's. It
// decodes nothing. Inputs that can be read only once are not compared.
func (j *job) checkFile(ctx context.Context) error {
	if st, err := os.Stat(j.request.in); err != nil || !st.Mode().IsRegular() {
		return nil
	}
	src, err := decode.OpenCopy(ctx, j.request.in, j.request.Decode)
	if err != nil {
		return openFault(err)
	}
	defer src.Close()
	out, err := decode.OpenCopy(ctx, j.report.Output, decode.Options{})
	if err != nil {
		return j.keepFailed(fmt.Errorf("the output cannot be read back: %w", err))
	}
	defer out.Close()
	r, err := verify.Compare(ctx, described{src, j.firstInfo}, out, verify.Options{SourceName: j.request.in, OutputName: j.report.Output,
		AnySize: true, FrameTimes: j.times, Dropped: changedTracks(j.report.Streams)})
	if err != nil {
		return err
	}
	j.report.Checks = r.Checks
	if r.OK {
		return nil
	}
	in := j.source.Stats()
	damaged := in.Damaged > 0 || in.Corrupt > 0 || in.Truncated
	for _, c := range r.Checks {
		if c.Must && !c.OK && (!damaged || strings.HasPrefix(c.Name, "frame")) { // muxers leave damaged packets of other tracks out
			return j.keepFailed(fmt.Errorf("%s: %s", c.Name, c.Detail))
		}
	}
	return nil
}
