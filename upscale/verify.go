package upscale

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"

	"vsr/decode"
	"vsr/encode"
	"vsr/media"
	"vsr/verify"
)

// VerifyOptions configures Verify. The zero value decodes both files and compares everything.
type VerifyOptions struct {
	Reference string // a true large video to compute PSNR, SSIM and, where FFmpeg has libvmaf, VMAF against; empty is none
	Quick     bool   // read packets only and decode nothing
	AnySize   bool   // the output's size need not be a multiple of the source's
	// Audio, Deinterlace, FieldRate and VideoTrack are what the output was made with: see Options.Audio and decode.Options.
	Audio       encode.Audio
	Deinterlace decode.Deinterlace
	FieldRate   bool
	VideoTrack  int
	Programme   int
	// Start and Duration are the part of the source that the output is of, in seconds; Duration 0 is all.
	Start, Duration float64
	// Opened, when not nil, gets the description of source and output before the first frame, and Frame every pair of frames; the
	// frames live until it returns.
	Opened func(source, output *media.Info)
	Frame  func(n verify.Numbers, source, output *media.Frame)
	Logger *slog.Logger // nil discards
}

// Verify compares an output with the source that it was made from: frame count, times, streams, chapters, tags and, reduced to the
// source's size, the frames. The report says which checks failed; the error is of files that cannot be read.
func Verify(ctx context.Context, source, output string, o VerifyOptions) (*verify.Report, error) {
	open := decode.Open
	if o.Quick {
		open = decode.OpenCopy
	}
	d := decode.Options{Logger: o.Logger, Start: o.Start, Duration: o.Duration, Deinterlace: o.Deinterlace, FieldRate: o.FieldRate, VideoTrack: o.VideoTrack, Programme: o.Programme}
	for _, err := range []error{d.Validate(), o.Audio.Validate()} {
		if err != nil {
			return nil, usageError("", "%w", err)
		}
	}
	if o.Quick && (o.FieldRate || o.Deinterlace == decode.DeinterlaceTelecine) {
		return nil, usageError("", "a quick comparison decodes no frames, and these are not those of the source one by one")
	}
	src, err := open(ctx, source, d)
	if err != nil {
		return nil, inputError(err)
	}
	defer src.Close()
	out, err := open(ctx, output, decode.Options{Logger: o.Logger, VideoTrack: o.VideoTrack})
	if err != nil && o.VideoTrack > 0 { // the others are not in it
		out, err = open(ctx, output, decode.Options{Logger: o.Logger})
	}
	if err != nil {
		return nil, inputError(err)
	}
	defer out.Close()
	can := capable(src.Info(), out.Info(), output, o.Audio)
	v := verify.Options{SourceName: source, OutputName: output, Frames: !o.Quick, AnySize: o.AnySize, Frame: o.Frame,
		Dropped: changedTracks(can), Converted: convertedTracks(can), NoChapters: noChapters(can)}
	if o.Reference != "" {
		ref, err := decode.Open(ctx, o.Reference, decode.Options{Logger: o.Logger})
		if err != nil {
			return nil, inputError(err)
		}
		defer ref.Close()
		v.Reference = ref
		if m, err := verify.NewVMAF(); err != nil {
			v.NoJudge = err.Error()
		} else {
			defer m.Close()
			v.Judge = m
		}
	}
	if o.Opened != nil {
		o.Opened(src.Info(), out.Info())
	}
	report, err := verify.Compare(ctx, src, out, v)
	if err != nil {
		return nil, inputError(err)
	}
	return report, nil
}

// capable asks the output's container what it can hold of the source, by beginning such a file in the folder for temporary ones.
func capable(src, out *media.Info, name string, audio encode.Audio) []encode.StreamAction {
	dir, err := os.MkdirTemp("", "vsr-verify-")
	if err != nil {
		return nil
	}
	defer os.RemoveAll(dir)
	f, err := encode.NewFile(filepath.Join(dir, "x"+filepath.Ext(name)), encode.FileOptions{Audio: audio})
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

// videoTrack is which of the output's videos, from 1, the one of in is.
func videoTrack(in *media.Info, actions []encode.StreamAction) (n int) {
	for _, s := range actions {
		if s.Index >= 0 && s.Index <= in.Video && in.Tracks[s.Index].Type == media.TrackVideo && !in.Tracks[s.Index].Cover && (s.Action == encode.Copied || s.Action == encode.Encoded) {
			n++
		}
	}
	return n
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

// convertedTracks are the tracks that are in the output in another codec, with its name.
func convertedTracks(actions []encode.StreamAction) map[int]string {
	list := map[int]string{}
	for _, s := range actions {
		if s.Index >= 0 && s.To != "" {
			list[s.Index] = s.To
		}
	}
	return list
}

// noChapters says why chapters are not in the output, "" if they are.
func noChapters(actions []encode.StreamAction) string {
	for _, s := range actions {
		if s.Type == "chapters" && s.Action == encode.Dropped {
			return s.Why
		}
	}
	return ""
}

// describedSource is a source of packets with the description that decoding gave.
type describedSource struct {
	*decode.Source
	info *media.Info
}

// Info returns the description.
func (d describedSource) Info() *media.Info { return d.info }

// checkFile reads the packets of the finished output back and compares counts, times, streams and tags with the input's. It
// decodes nothing. Inputs that can be read only once are not compared.
func (j *Job) checkFile(ctx context.Context) error {
	if j.report.Output == "-" { // it is gone
		return nil
	}
	if imageFiles(j.report.Output) {
		return j.checkImages(ctx)
	}
	if ok, err := j.checkAnimation(); ok || err != nil {
		return err
	}
	if st, err := os.Stat(j.input); err != nil || !st.Mode().IsRegular() {
		return nil
	}
	src, err := decode.OpenCopy(ctx, j.input, j.opts.Decode)
	if err != nil {
		return inputError(err)
	}
	defer src.Close()
	out, err := decode.OpenCopy(ctx, j.report.Output, decode.Options{VideoTrack: videoTrack(&j.info, j.report.Streams)})
	if err != nil {
		if ctx.Err() != nil {
			return err
		}
		return j.keepFailed(fmt.Errorf("the output cannot be read back: %w", err))
	}
	defer out.Close()
	in := j.info
	in.SampleAspect = j.large.SampleAspect // another one than the input's where pixels are made square
	r, err := verify.Compare(ctx, describedSource{src, &in}, out, verify.Options{SourceName: j.input, OutputName: j.report.Output,
		AnySize: true, FrameTimes: j.times, Dropped: changedTracks(j.report.Streams), Converted: convertedTracks(j.report.Streams), NoChapters: noChapters(j.report.Streams)})
	if err != nil {
		return err
	}
	j.report.Checks = r.Checks
	if r.OK {
		return nil
	}
	stats := j.source.Stats()
	damaged := stats.Damaged > 0 || stats.Corrupt > 0 || stats.Truncated
	for _, c := range r.Checks {
		if c.Must && !c.OK && (!damaged || strings.HasPrefix(c.Name, "frame")) { // muxers leave damaged packets of other tracks out
			return j.keepFailed(fmt.Errorf("%s: %s", c.Name, c.Detail))
		}
	}
	return nil
}
