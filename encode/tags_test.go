package encode_test

import (
	"context"
	"path/filepath"
	"strings"
	"testing"

	"vsr/decode"
	"vsr/encode"
	"vsr/internal/testmedia"
)

// A tag that is longer than QuickTime's strings is cut at the end of a character, and named.
func TestLongTagIsShortened(t *testing.T) {
	long := strings.Repeat("é", 40000)
	for name, want := range map[string]int{"a.mov": 65534, "a.mkv": 80000} {
		s := synthetic(t, testmedia.Options{Frames: 2})
		info := *s.Info()
		info.Metadata = map[string]string{"comment": long, "title": "short"}
		path := filepath.Join(t.TempDir(), name)
		sink, err := encode.CreateFile(path, &info, fast, encode.FileOptions{})
		if err != nil {
			t.Fatal(err)
		}
		feed(t, s, sink, 2)
		named := false
		for _, a := range sink.Actions() {
			named = named || a.Type == "metadata" && a.Codec == "comment"
		}
		if err := sink.Close(); err != nil {
			t.Fatal(err)
		}
		out, err := decode.Open(context.Background(), path, decode.Options{})
		if err != nil {
			t.Fatal(err)
		}
		defer out.Close()
		got := out.Info().Metadata["comment"]
		if got == "" {
			got = out.Info().Metadata["COMMENT"]
		}
		if len(got) != want || !strings.HasPrefix(long, got) || named != (want < 80000) {
			t.Errorf("%s: %d bytes, named %v, want %d", name, len(got), named, want)
		}
	}
}
