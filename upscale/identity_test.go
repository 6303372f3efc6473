package upscale

import (
	"fmt"
	"log/slog"
	"reflect"
	"strings"
	"testing"
	"time"

	"vsr/media"
)

// cosmetic lists the options that may differ between two runs of one job. Every other option with a YAML key must change the job's
// name: a new key fails this test until it is put into identity or into this list.
var cosmetic = map[string]bool{
	"model":  true,                                                                // the plan names its content
	"scale":  true,                                                                // that of the model enters, and the height that follows from both
	"device": true, "threads": true, "workers": true, "resume": true, "isa": true, // as machines that share a job have other ones
	"fast":           true, // it chooses the model
	"decode.threads": true, "sr.frames": true,
}

// leaves visits every option that has a YAML key.
func leaves(v reflect.Value, prefix string, visit func(name string, field reflect.Value)) {
	for i := range v.NumField() {
		key, more, _ := strings.Cut(v.Type().Field(i).Tag.Get("yaml"), ",")
		switch {
		case more == "inline":
			leaves(v.Field(i), prefix, visit)
		case key == "" || key == "-":
		case v.Field(i).Kind() == reflect.Struct:
			leaves(v.Field(i), prefix+key+".", visit)
		default:
			visit(prefix+key, v.Field(i))
		}
	}
}

// change gives an option another value.
func change(t *testing.T, name string, f reflect.Value) {
	switch f.Kind() {
	case reflect.String:
		f.SetString(f.String() + "x")
	case reflect.Int, reflect.Int64:
		f.SetInt(f.Int() + 1)
	case reflect.Float64:
		f.SetFloat(f.Float() + 1)
	case reflect.Bool:
		f.SetBool(!f.Bool())
	default:
		t.Fatalf("%s is of kind %v", name, f.Kind())
	}
}

func TestIdentity(t *testing.T) {
	in := longClip(t, 3)
	id := func(o Options) string {
		t.Helper()
		p, err := o.planOf(in, "model", "hash", 2)
		if err != nil {
			t.Fatal(err)
		}
		return p.ID()
	}
	base, seen := id(Defaults()), 0
	o := Defaults()
	leaves(reflect.ValueOf(&o).Elem(), "", func(name string, _ reflect.Value) {
		seen++
		other := Defaults()
		leaves(reflect.ValueOf(&other).Elem(), "", func(n string, f reflect.Value) {
			if n == name {
				change(t, n, f)
			}
		})
		if same := id(other) == base; same != cosmetic[name] {
			t.Errorf("another %s: the job's name stays: %v, want %v", name, same, cosmetic[name])
		}
	})
	if seen < 25 {
		t.Errorf("only %d options were seen", seen)
	}
	o = Defaults()
	o.Output, o.Replace, o.Restart, o.Logger, o.Events, o.Stop = "x", true, true, slog.New(slog.DiscardHandler), func(Event) {}, make(chan struct{})
	o.SR.GPU, o.Decode.PoolSize = media.GPU(nil), 3
	if id(o) != base {
		t.Error("output, logger or events change the job's name")
	}
	for name, edit := range map[string]func(*Options){
		"start": func(o *Options) { o.Decode.Start = 1 }, "duration": func(o *Options) { o.Decode.Duration = 1 }, "program": func(o *Options) { o.Program = "2" },
		"scene's value": func(o *Options) { o.Scenes = []SceneEntry{{CRF: Amount{new(float64)}}} },
	} {
		o := Defaults()
		edit(&o)
		if id(o) == base {
			t.Errorf("another %s keeps the job's name", name)
		}
	}
}

// What a plan holds is what a step works with.
func TestIdentityIsRestored(t *testing.T) {
	o := Defaults()
	leaves(reflect.ValueOf(&o).Elem(), "", func(name string, f reflect.Value) {
		if !cosmetic[name] {
			change(t, name, f)
		}
	})
	o.Decode.Start, o.Decode.Duration, o.Program = 1.5, 2.5, "p"
	blur := 0.5
	o.Scenes = []SceneEntry{{}, {FirstFrame: 9, Blur: Amount{&blur}, Deblur: &blur, Vector: []float32{1, 2}}}
	want := o.identity(2)
	back := Defaults()
	want.restore(&back)
	if got := back.identity(2); got != want {
		t.Errorf("restored\n%+v\nfrom\n%+v", got, want)
	}
}

// Progress counts what an earlier run has finished as done, but not as fast.
func TestProgressOfAResumedJob(t *testing.T) {
	p := Progress{Phase: PhaseUpscale, Frames: 60, Resumed: 40, Total: 100, Elapsed: 10 * time.Second}
	if p.FPS() != 2 || p.Remaining() != 20*time.Second || !strings.Contains(fmt.Sprint(p), "60 of 100 frames") {
		t.Errorf("%g fps, %v left, %s", p.FPS(), p.Remaining(), p)
	}
	for _, p := range []Progress{{}, {Frames: 40, Resumed: 40, Total: 100, Elapsed: time.Second}, {Frames: 5, Elapsed: time.Second}, {Frames: 9, Total: 8, Elapsed: time.Second}} {
		if p.Remaining() != 0 {
			t.Errorf("%+v: %v left", p, p.Remaining())
		}
	}
}
