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
}

// SceneListOptions configures ListScenes. The zero value lists the whole video.
type SceneListOptions struct {
	Scene scene.Options
	// Start and Duration are the part of the video, in seconds; Duration 0 is all.
	Start, Duration float64
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
		f.Release()
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
	fmt.Fprintln(w, "scene\tfirst frame\tframes\tstart\tend\tlike\t")
	for _, s := range l.Scenes {
		like := "-"
		if s.Like > 0 {
			like = strconv.FormatUint(s.Like, 10)
		}
		fmt.Fprintf(w, "%d\t%d\t%d\t%s\t%s\t%s\t\n", s.Index, s.FirstFrame, s.Frames, clock(s.Start), clock(s.End), like)
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
	_ = w.Write([]string{"scene", "first_frame", "frames", "start", "end", "score", "like"}) // Flush keeps the error
	for _, s := range l.Scenes {
		_ = w.Write([]string{strconv.FormatUint(s.Index, 10), strconv.FormatInt(s.FirstFrame, 10), strconv.FormatInt(s.Frames, 10),
			strconv.FormatFloat(s.Start, 'f', 6, 64), strconv.FormatFloat(s.End, 'f', 6, 64), strconv.FormatFloat(s.Score, 'f', 3, 64), strconv.FormatUint(s.Like, 10)})
	}
	w.Flush()
	return w.Error()
}

// WriteEDL writes a CMX 3600 edit decision list, which editing programs read. Its timecode counts frames from zero at the rounded
// frame rate, without dropped numbers.
func (l *SceneList) WriteEDL(out io.Writer) error {
	base := int64(math.Round(l.FPS))
	if base <= 0 {
		return blame(Request, "--csv and --json give frames and seconds", errors.New("an edit list needs a frame rate, and the video states none"))
	}
	if len(l.Scenes) > 999 {
		return blame(Request, "--csv and --json have no limit", fmt.Errorf("%d scenes, an edit list holds 999", len(l.Scenes)))
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
