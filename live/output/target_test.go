package output

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"

	"vsr/internal/fault"
)

// TestParseAddress: what is read of an address, and that no error and no name shows a key.
func TestParseAddress(t *testing.T) {
	const key = "SeCrEtKey"
	for text, want := range map[string]Target{
		"rtmp://live.example/app/" + key:                         {Name: "rtmp://live.example", Kind: KindStream, Address: "rtmp://live.example/app/" + key},
		"rtmps://live.example:443/app/" + key + "#bitrate=2.5M":  {Name: "rtmps://live.example:443", Kind: KindStream, Address: "rtmps://live.example:443/app/" + key, BitRate: 2_500_000},
		"srt://h:9000?streamid=" + key + "#name=far&bitrate=64k": {Name: "far", Kind: KindStream, Address: "srt://h:9000?streamid=" + key, BitRate: 64_000},
		"rtsp://u:" + key + "@h/x":                               {Name: "rtsp://h", Kind: KindStream, Address: "rtsp://u:" + key + "@h/x"},
		"whip+https://h/whip/" + key + "#token=" + key:           {Name: "whip+https://h", Kind: KindWHIP, Address: "https://h/whip/" + key, Token: key},
	} {
		got, err := ParseAddress(Address(text))
		if err != nil || got != want {
			t.Errorf("%s: %+v, %v", text, got, err)
		}
		if !got.secret() {
			t.Errorf("%s holds a key", text)
		}
		if s := fmt.Sprint(Address(text), got.Name); strings.Contains(s, key) {
			t.Errorf("shown as %s", s)
		}
		y, err := yaml.Marshal(map[string]any{"push": []Address{Address(text)}})
		if err != nil || strings.Contains(string(y), key) {
			t.Errorf("printed as %s, %v", y, err)
		}
	}
	for _, text := range []string{key, "ftp://h/" + key, "http://h/" + key, "rtmp:///" + key, "udp://h/" + key, "srt://h/" + key, "rtmp://h/" + key + "#bitrate=9", "rtmp://h/" + key + "#bitrate=" + key,
		"rtmp://h/" + key + "#name=a b", "rtmp://h/" + key + "#token=x", "rtmp://h/" + key + "#" + key, "rtmp://h:port/" + key, "rtmp://[" + key} {
		_, err := ParseAddress(Address(text))
		if f, ok := fault.As(err); !ok || f.Kind != fault.Usage || f.Hint == "" || strings.Contains(err.Error(), key) {
			t.Errorf("%s: %v", text, err)
		}
	}
}

func TestReadAddresses(t *testing.T) {
	path := filepath.Join(t.TempDir(), "keys")
	if err := os.WriteFile(path, []byte("# mine\nrtmp://a/b/c\n\n  srt://h:1#name=x \n"), 0o600); err != nil {
		t.Fatal(err)
	}
	list, err := ReadAddresses(path)
	if err != nil || len(list) != 2 || list[0] != "rtmp://a/b/c" || list[1] != "srt://h:1#name=x" {
		t.Errorf("%d addresses, %v", len(list), err)
	}
	if _, err := ReadAddresses(path + "x"); err == nil {
		t.Error("a file that is not there was read")
	}
	if got := SecretsInArguments([]Address{"rtmp://a/b/c", "rtmp://127.0.0.1/b/c", "udp://h:1"}); len(got) != 1 || got[0] != "rtmp://a" {
		t.Errorf("keys on the command line: %v", got)
	}
}

// TestAddressesAreAFlag: what String gives can be set again, over what a configuration says, and nothing stands there twice.
func TestAddressesAreAFlag(t *testing.T) {
	var given Addresses
	for _, x := range []string{"rtmp://a/b/c", "srt://d:1", "rtmp://a/b/c"} {
		if err := given.Set(x); err != nil {
			t.Fatal(err)
		}
	}
	over := Addresses{"srt://d:1", "udp://e:2"}
	if err := over.Set(given.String()); err != nil || len(given) != 2 || len(over) != 3 || over[2] != "rtmp://a/b/c" {
		t.Errorf("%d addresses, then %d, %v", len(given), len(over), err)
	}
}
