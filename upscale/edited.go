package upscale

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"

	"vsr/sr"
	"vsr/upscale/segment"
)

// edited reports whether the scenes are those of a file that somebody may edit and give again. Every segment lies within one scene then,
// and the work folder stays after a run, so that the next one makes only the segments of scenes that were changed.
func (o *Options) edited() bool { return o.Scene.Cuts != nil }

// adoptEdited makes a work folder that was made with another list of scenes, and is otherwise of the same job, that of plan: segments of
// scenes that are the same keep, under the numbers that they have now. The rest is dropped. Any other folder stays as it is.
func adoptEdited(dir string, plan *segment.Plan) error {
	old, err := segment.ReadPlan(filepath.Join(dir, "plan.json"))
	if errors.Is(err, fs.ErrNotExist) || err == nil && old.ID() == plan.ID() {
		return nil
	}
	if err != nil {
		return err
	}
	was, is := identity{}, identity{}
	if json.Unmarshal(old.Identity, &was) != nil || json.Unmarshal(plan.Identity, &is) != nil || !sameButScenes(old, plan, was, is) {
		return nil // segment.Open says what is wrong
	}
	s, err := segment.Open(dir, old)
	if err != nil {
		return err
	}
	records, err := s.All()
	if err != nil {
		return err
	}
	return s.Replace(plan, renumber(records, was, is))
}

// sameButScenes reports whether two jobs of scenes files differ in nothing but the scenes.
func sameButScenes(old, now *segment.Plan, was, is identity) bool {
	if was.Scenes == "" || is.Scenes == "" {
		return false
	}
	was.Scenes, was.Values = is.Scenes, is.Values
	return was == is && old.Version == now.Version && old.Model == now.Model && old.Source.Size == now.Source.Size && old.Source.Sample == now.Source.Sample
}

// renumber picks the segments that a job with other scenes would make too, and gives them their numbers in it.
func renumber(records []segment.Record, was, is identity) []segment.Record {
	before, now := sceneSettings(was), sceneSettings(is)
	end := int64(0)
	for _, r := range records {
		end = max(end, r.First+r.Frames)
	}
	at := map[int64]segment.Record{}
	for _, r := range records {
		at[r.First] = r
	}
	var kept []segment.Record
	index := 0
	for i, s := range now {
		last := end // of the last scene, as far as it is known
		if i+1 < len(now) {
			last = now[i+1].FirstFrame
		}
		same := sameScene(before, now, i)
		for first := s.FirstFrame; first < last; first, index = first+is.SegmentMax, index+1 {
			r, ok := at[first]
			frames := min(is.SegmentMax, last-first)
			// A scene number that the cuts do not give comes from a change of format in the middle.
			if !ok || !same || r.Frames != frames || r.Scene != r.LastScene || r.Scene != sceneNumber(before, first) {
				continue
			}
			r.Index, r.Scene, r.LastScene, r.Reason = index, uint64(i+1), uint64(i+1), segmentReason(index, first == s.FirstFrame)
			r.Report = renumberReport(r.Report, uint64(i+1))
			kept = append(kept, r)
		}
	}
	return kept
}

// renumberReport gives the scene of a segment's report another number. What is no report is none.
func renumberReport(text json.RawMessage, scene uint64) json.RawMessage {
	var list []sr.SceneRecord
	if json.Unmarshal(text, &list) != nil {
		return nil
	}
	for i := range list {
		list[i].Index = scene
	}
	out, err := json.Marshal(list)
	if err != nil {
		return nil
	}
	return out
}

// takeEdited prepares the work folder for a job of a scenes file, or clears away what such a job has left beside its finished output.
func (w *workFolder) takeEdited(dir string, plan *segment.Plan, o *Options) error {
	if _, err := os.Stat(filepath.Join(dir, "plan.json")); err != nil {
		return nil
	}
	lock, err := lockWork(dir)
	if err != nil {
		return err
	}
	if o.edited() {
		err = adoptEdited(dir, plan)
	}
	if lerr := lock.Close(); err == nil {
		err = lerr
	}
	if err != nil {
		return outputError(err)
	}
	if now, err := segment.ReadPlan(filepath.Join(dir, "plan.json")); err == nil && now.ID() != plan.ID() && w.ours && w.marker.Checked {
		return outputError(discardWork(dir))
	}
	return nil
}

// keepEdited ends a job of a scenes file: its segments stay.
func (w *workFolder) keepEdited(j *Job) error {
	if err := w.store.Sweep(); err != nil {
		return outputError(err)
	}
	j.emit(Note("the segments stay in " + w.store.Dir() + ": with an edited scenes file the same command makes only what was changed; delete the folder when you are done"))
	return nil
}

// segmentReason is what segment.Segmenter gives.
func segmentReason(index int, begins bool) string {
	switch {
	case index == 0:
		return "start"
	case begins:
		return "scene cut"
	}
	return "maximum length"
}

// sceneSettings are the entries of a job's scenes, one for each cut and the beginning.
func sceneSettings(i identity) []SceneEntry {
	values := splitValues(i.Values)
	list := []SceneEntry{{}}
	for _, at := range splitScenes(i.Scenes) {
		list = append(list, SceneEntry{FirstFrame: at})
	}
	for k := range list {
		first := list[k].FirstFrame
		list[k] = entryAt(values, first)
		list[k].FirstFrame, list[k].Note = first, ""
	}
	return list
}

// sameScene reports whether scene i begins and ends as one did before, with the same settings.
func sameScene(before, now []SceneEntry, i int) bool {
	for k, old := range before {
		if old.FirstFrame == now[i].FirstFrame {
			last, wasLast := i+1 == len(now), k+1 == len(before)
			return reflect.DeepEqual(old, now[i]) && last == wasLast && (last || before[k+1].FirstFrame == now[i+1].FirstFrame)
		}
	}
	return false
}

// sceneNumber is that of the scene with a frame, from 1.
func sceneNumber(list []SceneEntry, frame int64) uint64 {
	n := uint64(0)
	for _, e := range list {
		if e.FirstFrame <= frame {
			n++
		}
	}
	return n
}
