package models

import (
	"io"
	"os"
	"strings"
	"testing"

	"vsr/sr/kdsr"
)

// TestEveryModelLoadsAndHasACard checks what ships: whole weights that know what they are, and a card for each.
func TestEveryModelLoadsAndHasACard(t *testing.T) {
	names := Names()
	if len(names) == 0 {
		t.Fatal("no models are built in")
	}
	for _, name := range names {
		f, err := Open(name)
		if err != nil {
			t.Fatal(err)
		}
		info, err := f.Stat()
		if err != nil {
			t.Fatal(err)
		}
		w, err := kdsr.Read(f.(io.ReaderAt), info.Size())
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if err := w.Check(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		for _, key := range []string{kdsr.MetaName, kdsr.MetaDegradation, kdsr.MetaData, kdsr.MetaSteps, kdsr.MetaLicence, kdsr.MetaParent} {
			if w.Meta[key] == "" {
				t.Errorf("%s does not say its %s", name, key)
			}
		}
		if w.Meta[kdsr.MetaName] != name {
			t.Errorf("%s calls itself %q", name, w.Meta[kdsr.MetaName])
		}
		card, err := os.ReadFile(name + ".md")
		if err != nil || !strings.HasPrefix(string(card), "# "+name+"\n") {
			t.Errorf("%s has no card of its own: %v", name, err)
		}
	}
	if _, err := Open("none"); err == nil || !strings.Contains(err.Error(), names[0]) {
		t.Errorf("an unknown model gives %v, want the names there are", err)
	}
}
