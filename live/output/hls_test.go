package output

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"
)

func get(t *testing.T, url string) (status int, body string) {
	t.Helper()
	resp, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(b)
}

// TestHLS: FFmpeg's own player of HLS, another implementation, plays video and audio of what is served; every part that the playlist names can be
// had, the one after it is waited for, and a playlist that is asked for by number holds that number.
func TestHLS(t *testing.T) {
	t.Parallel()
	st := newStation(t, true)
	h := NewHLS()
	st.o.HLS = h
	if _, err := st.Add(HLSTarget(), true); err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(h)
	defer server.Close()
	if status, _ := get(t, server.URL+"/index.m3u8"); status != http.StatusNotFound {
		t.Errorf("before anything is live: %d", status)
	}
	st.run(t)
	waitFor(t, "two segments", func() bool { return strings.Count(h.playlist(false), "#EXTINF") >= 2 })
	if _, text := get(t, server.URL+"/index.m3u8"); !strings.Contains(text, `CODECS="avc1.`) || !strings.Contains(text, "mp4a.40.2") || !strings.Contains(text, "64x48") {
		t.Errorf("the multivariant playlist:\n%s", text)
	}
	_, text := get(t, server.URL+"/stream.m3u8")
	names := regexp.MustCompile(`(?m)^(seg\d+\.m4s)$|URI="([^"]+)"`).FindAllStringSubmatch(text, -1)
	if len(names) < 5 {
		t.Fatalf("the playlist:\n%s", text)
	}
	for _, n := range names { // the last is the hint, which comes when it is there
		if status, body := get(t, server.URL+"/"+n[1]+n[2]); status != http.StatusOK || len(body) < 100 {
			t.Errorf("%s: %d, %d bytes", n[0], status, len(body))
		}
	}
	msn := regexp.MustCompile(`part(\d+)\.(\d+)\.m4s"\n$`).FindStringSubmatch(text)
	if msn == nil {
		t.Fatalf("no hint:\n%s", text)
	}
	part, _ := strconv.Atoi(msn[2])
	if status, next := get(t, fmt.Sprintf("%s/stream.m3u8?_HLS_msn=%s&_HLS_part=%d", server.URL, msn[1], part)); status != 200 ||
		!strings.Contains(next, fmt.Sprintf("part%s.%d.m4s", msn[1], part)) && !strings.Contains(next, "seg"+msn[1]+".m4s") {
		t.Errorf("the playlist with part %s.%d: %d\n%s", msn[1], part, status, next)
	}
	for query, want := range map[string]int{"_HLS_msn=99999": 400, "_HLS_msn=x": 400, "_HLS_msn=-1": 400, "_HLS_msn=0": 200} {
		if status, _ := get(t, server.URL+"/stream.m3u8?"+query); status != want {
			t.Errorf("%s: %d, want %d", query, status, want)
		}
	}
	for _, name := range []string{"seg99999.m4s", "init99.mp4", "seg-1.m4s", "part0.-1.m4s", "partx.m4s", "", "etc"} {
		if status, _ := get(t, server.URL+"/"+name); status != http.StatusNotFound {
			t.Errorf("%q: %d", name, status)
		}
	}
	r := receive(server.URL+"/index.m3u8", nil)
	r.waitFor(t, "FFmpeg", 60, 60)
	if codec := r.codec.Load(); codec != "aac" {
		t.Errorf("audio %v", codec)
	}
	r.kill()
	probe, err := exec.LookPath("ffprobe")
	if err != nil {
		t.Skip("ffprobe is not installed")
	}
	out, err := exec.Command(probe, "-v", "error", "-show_entries", "stream=codec_name,width,start_time", "-read_intervals", "%+2", "-of", "csv=p=0", server.URL+"/index.m3u8").CombinedOutput()
	if err != nil || !strings.Contains(string(out), "h264,64") || !strings.Contains(string(out), "aac") {
		t.Errorf("ffprobe: %v\n%s", err, out)
	}
}

// TestHLSForgets: however long a stream is and however large, what is kept is bounded; numbers go on, and a discontinuity that has left the list
// is counted.
func TestHLSForgets(t *testing.T) {
	h := NewHLS()
	for version := range 3 {
		h.begin([]byte("init"), "#EXTM3U")
		for n := range 40 {
			h.add(part{data: make([]byte, 1000), duration: 1, key: n%2 == 0}, n%2 == 0)
		}
		if len(h.segments) > keptSegments+1 || len(h.inits) > 2 {
			t.Errorf("after %d streams %d segments, %d init segments", version+1, len(h.segments), len(h.inits))
		}
	}
	text := h.playlist(false)
	if !strings.Contains(text, "MEDIA-SEQUENCE:51\n") || !strings.Contains(text, "DISCONTINUITY-SEQUENCE:2\n") || strings.Contains(text, "#EXT-X-DISCONTINUITY\n") {
		t.Errorf("the playlist:\n%s", text)
	}
	h.add(part{data: make([]byte, mostBytes+1), duration: 1, key: true}, true)
	h.add(part{data: make([]byte, 10), duration: 1, key: true}, true)
	if len(h.segments) != 1 {
		t.Errorf("%d segments beside one that is too large", len(h.segments))
	}
	begin := h.segments[0].number
	done := make(chan []byte)
	go func() {
		r := httptest.NewRequest(http.MethodGet, fmt.Sprintf("/part%d.1.m4s", begin), nil)
		done <- h.find(r.Context(), r.URL.Path[1:])
	}()
	time.Sleep(10 * time.Millisecond)
	h.add(part{data: []byte("next"), duration: 1}, false)
	if got := <-done; string(got) != "next" {
		t.Errorf("the part that was waited for is %q", got)
	}
}
