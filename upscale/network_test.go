package upscale

import (
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"

	"vsr/internal/testmedia"
)

// An address is refused until it is allowed.
func TestNetwork(t *testing.T) {
	path := clip(t, "in.mkv", testmedia.Options{Frames: 4})
	server := httptest.NewServer(http.FileServer(http.Dir(filepath.Dir(path))))
	defer server.Close()
	o := tinyOptions(t, filepath.Join(t.TempDir(), "out.mkv"))
	_, err := Open(t.Context(), server.URL+"/in.mkv", o)
	if e := Classify(err); e.Kind != Input || !strings.Contains(e.Hint, "Options.Network") {
		t.Fatalf("%v (%s)", err, e.Hint)
	}
	o.Decode.Network = true
	j, err := Open(t.Context(), server.URL+"/in.mkv", o)
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	if r, err := j.Run(t.Context()); err != nil || r.Frames.Out != 4 {
		t.Errorf("%d frames, %v", r.Frames.Out, err)
	}
}
