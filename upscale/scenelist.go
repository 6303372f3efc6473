package upscale

import (
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math"
	"path/filepath"
	"strconv"
	"strings"
	"text/tabwriter"

	"vsr/decode"
	"vsr/media"
	"vsr/scene"
	"vsr/sr"
	"vsr/sr/engines"
	"vsr/sr/kdsr"
)

// SceneListVersion is the schema_version of SceneList.
const SceneListVersion = 1

// SceneList is all scenes of a video, in order and without gaps.
type SceneList struct {
	SchemaVersion int            `json:"schema_version"`
	Input         string         `json:"input"`
	Frames        int64          `json:"frames"`
	FrameRate     media.Rational `json:"-"`
	FPS           float64        `json:"fps"` // frames a second, as the container states them; 0 if it does not
	Scenes        []SceneSpan    `json:"scenes"`
}

// SceneSpan is one scene: frames [FirstFrame, FirstFrame+Frames).
type SceneSpan struct {
	Index      uint64  `json:"index"`       // from 1
	FirstFrame int64   `json:"first_frame"` // from 0
	Frames     int64   `json:"frames"`
	Start      float64 `json:"start"`          // seconds
	End        float64 `json:"end"`            // seconds: the start of the next scene, or the end of the video
	Score      float64 `json:"score"`          // of the cut that begins it, in [0, 1]
	Like       uint64  `json:"like,omitempty"` // the earlier scene that it returns to
	// Degradation is that of the scene's first informative frame, or of the scene that it returns to, as a run estimates it; nil unless SceneListOptions.Model is set.
	Degradation *kdsr.Reading `json:"degradation,omitempty"`
}

// SceneListOptions configures ListScenes. The zero value lists the whole video.
type SceneListOptions struct {
	Scene scene.Options
	// Start and Duration are the part of the video, in seconds; Duration 0 is all.
	Start, Duration float64
	// Degradation has every scene estimated by the network Model, on the CPU; empty is the smallest that is built in.
	Degradation bool
	Model       string
	// Progress, when not nil, is called with the number of frames so far.
	Progress func(frames int64)
	Logger   *slog.Logger // nil discards
}

// ListScenes decodes a video and lists its scenes, the same that a run finds.
func ListScenes(ctx context.Context, input string, o SceneListOptions) (*SceneList, error) {
	if err := o.Scene.Validate(); err != nil {
		return nil, blame(Usage, "", err)
	}
	src, err := decode.Open(ctx, input, decode.Options{Logger: o.Logger, Start: o.Start, Duration: o.Duration})
	if err != nil {
		return nil, inputError(err)
	}
	defer src.Close()
	info := src.Info()
	tick := info.VideoTrack().TimeBase.Float()
	list := &SceneList{SchemaVersion: SceneListVersion, Input: input, FrameRate: info.FrameRate}
	if info.FrameRate.Den > 0 {
		list.FPS = info.FrameRate.Float()
	}
	reader, err := openReader(ctx, o)
	if err != nil {
		return nil, err
	}
	defer reader.close()
	detector := scene.New(o.Scene)
	end := 0.0
	for {
		f, err := nextFrame(ctx, src)
		switch {
		case errors.Is(err, io.EOF):
			if list.Frames == 0 {
				return nil, blame(Input, "", fmt.Errorf("%s has no frames", input))
			}
			list.Scenes[len(list.Scenes)-1].End = end
			return list, nil
		case err != nil:
			return nil, err
		}
		score := detector.Mark(f)
		list.add(f, score, detector.Like(), float64(f.PTS)*tick)
		length := float64(f.Duration) * tick
		if length == 0 && list.FPS > 0 {
			length = 1 / list.FPS
		}
		end = float64(f.PTS)*tick + length
		err = reader.observe(ctx, f, &list.Scenes[len(list.Scenes)-1])
		f.Release()
		if err != nil {
			return nil, err
		}
		if o.Progress != nil {
			o.Progress(list.Frames)
		}
	}
}

// add counts the next frame.
func (l *SceneList) add(f *media.Frame, score float64, like uint64, at float64) {
	n := len(l.Scenes)
	if n == 0 || l.Scenes[n-1].Index != f.Scene {
		if n > 0 {
			l.Scenes[n-1].End = at
		}
		l.Scenes = append(l.Scenes, SceneSpan{Index: f.Scene, FirstFrame: l.Frames, Start: at, Score: math.Round(score*1000) / 1000, Like: like})
		n++
	}
	l.Scenes[n-1].Frames++
	l.Frames++
}

// Print writes the list for people.
func (l *SceneList) Print(out io.Writer) error {
	w := tabwriter.NewWriter(out, 0, 4, 2, ' ', tabwriter.AlignRight)
	heads := "scene\tfirst frame\tframes\tstart\tend\tlike\t"
	if len(l.Scenes) > 0 && l.Scenes[0].Degradation != nil {
		heads += "blur px\tnoise\tCRF\tfamiliar\t"
	}
	fmt.Fprintln(w, heads)
	for _, s := range l.Scenes {
		like := "-"
		if s.Like > 0 {
			like = strconv.FormatUint(s.Like, 10)
		}
		fmt.Fprintf(w, "%d\t%d\t%d\t%s\t%s\t%s\t", s.Index, s.FirstFrame, s.Frames, clock(s.Start), clock(s.End), like)
		if d := s.Degradation; d != nil {
			fmt.Fprintf(w, "%.2f\t%.1f\t%.0f\t%.0f %%\t", d.Blur, d.Noise, d.CRF, 100*d.Familiar)
		}
		fmt.Fprintln(w)
	}
	return w.Flush()
}

// clock formats seconds as h:mm:ss.mmm.
func clock(seconds float64) string {
	ms := int64(math.Round(seconds * 1000))
	sign := ""
	if ms < 0 {
		sign, ms = "-", -ms
	}
	return fmt.Sprintf("%s%d:%02d:%02d.%03d", sign, ms/3600000, ms/60000%60, ms/1000%60, ms%1000)
}

// WriteCSV writes a line of names and one for each scene; times are seconds.
func (l *SceneList) WriteCSV(out io.Writer) error {
	w := csv.NewWriter(out)
	_ = w.Write([]string{"scene", "first_frame", "frames", "start", "end", "score", "like", "blur_px", "noise_levels", "crf", "familiar"}) // Flush keeps the error
	for _, s := range l.Scenes {
		_ = w.Write([]string{strconv.FormatUint(s.Index, 10), strconv.FormatInt(s.FirstFrame, 10), strconv.FormatInt(s.Frames, 10),
			strconv.FormatFloat(s.Start, 'f', 6, 64), strconv.FormatFloat(s.End, 'f', 6, 64), strconv.FormatFloat(s.Score, 'f', 3, 64), strconv.FormatUint(s.Like, 10),
			s.value(func(r *kdsr.Reading) float64 { return r.Blur }), s.value(func(r *kdsr.Reading) float64 { return r.Noise }),
			s.value(func(r *kdsr.Reading) float64 { return r.CRF }), s.value(func(r *kdsr.Reading) float64 { return r.Familiar })})
	}
	w.Flush()
	return w.Error()
}

// value is a number of the degradation as text, empty without one.
func (s *SceneSpan) value(of func(*kdsr.Reading) float64) string {
	if s.Degradation == nil {
		return ""
	}
	return strconv.FormatFloat(of(s.Degradation), 'f', 3, 64)
}

// WriteEDL writes a CMX 3600 edit decision list, which editing programs read. Its timecode counts frames from zero at the rounded
// frame rate, without dropped numbers.
func (l *SceneList) WriteEDL(out io.Writer) error {
	base := int64(math.Round(l.FPS))
	if base <= 0 {
		return blame(Request, "SceneList.WriteCSV and JSON give frames and seconds", errors.New("an edit list needs a frame rate, and the video states none"))
	}
	if len(l.Scenes) > 999 {
		return blame(Request, "SceneList.WriteCSV and JSON have no limit", fmt.Errorf("%d scenes, an edit list holds 999", len(l.Scenes)))
	}
	var b strings.Builder
	fmt.Fprintf(&b, "TITLE: %s\nFCM: NON-DROP FRAME\n\n", strings.TrimSuffix(filepath.Base(l.Input), filepath.Ext(l.Input)))
	for i, s := range l.Scenes {
		from, to := timecode(s.FirstFrame, base), timecode(s.FirstFrame+s.Frames, base)
		fmt.Fprintf(&b, "%03d  AX       V     C        %s %s %s %s\n", i+1, from, to, from, to)
	}
	_, err := io.WriteString(out, b.String())
	return err
}

func timecode(frame, base int64) string {
	return fmt.Sprintf("%02d:%02d:%02d:%02d", frame/base/3600, frame/base/60%60, frame/base%60, frame%base)
}

// sceneReader estimates the degradation of scenes. A nil reader does nothing.
type sceneReader struct {
	engine *engines.Engine
	scene  uint64
	good   bool                     // the scene has been read from an informative frame
	known  map[uint64]*kdsr.Reading // of scenes with one
}

// openReader opens the network of the options, if they ask for degradations.
func openReader(ctx context.Context, o SceneListOptions) (*sceneReader, error) {
	if !o.Degradation {
		return nil, nil
	}
	model := o.Model
	if model == "" {
		model = "nano-x2"
	}
	e, err := engines.Open(ctx, engines.Options{Model: model, Device: "cpu", Factor: 2, Logger: o.Logger})
	if err != nil {
		return nil, err
	}
	if e.Probes == nil {
		e.Close()
		return nil, requestError("vsr train probes adds them", "the weights of %s do not put degradations into words", e.Name)
	}
	return &sceneReader{engine: e, known: map[uint64]*kdsr.Reading{}}, nil
}

// observe estimates on the first frame of a scene, and again on its first informative one, as sr.Upscaler does.
func (r *sceneReader) observe(ctx context.Context, f *media.Frame, s *SceneSpan) error {
	if r == nil || r.scene == f.Scene && r.good {
		return nil
	}
	if read := r.known[f.Like]; read != nil {
		s.Degradation, r.scene, r.good = read, f.Scene, true
		return nil
	}
	tells, err := sr.Informative(f)
	if err != nil || r.scene == f.Scene && !tells {
		return err
	}
	v, err := r.engine.Estimate(ctx, f)
	if err != nil {
		return deviceError(err)
	}
	read := r.engine.Probes.Read(v, r.engine.Bounds)
	if s.Degradation, r.scene, r.good = &read, f.Scene, tells; tells {
		r.known[f.Scene] = &read
	}
	return nil
}

func (r *sceneReader) close() {
	if r != nil {
		r.engine.Close()
	}
}

// inWords is the degradation as a comment of a scenes file.
func (s *SceneSpan) inWords() string {
	if s.Degradation == nil {
		return ""
	}
	return "; estimated " + s.Degradation.String()
}
