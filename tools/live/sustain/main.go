// Command sustain measures vsr live without a browser: it starts the program, sends a camera of 320x180 at 30 frames a second
// over WHIP, watches over WHEP, and prints frame rates, the share of frames that did not come back, and how old they were.
//
//	go build -o bin/vsr ./cmd/vsr && go run ./tools/live/sustain -seconds 60 -model nano-x2
//	go run ./tools/live/sustain -seconds 120 -model auto -width 640 -height 480
//
// To leave the machine to vsr, the camera's frames are encoded before the start and the viewer's are decoded after the end.
// Each frame carries its number, so a frame's age is exact: from the send of its packets to the arrival of the last packet
// of its enhanced frame.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"vsr/decode"
	"vsr/live/webrtc/livetest"
)

const (
	address = "127.0.0.1:18980"
	token   = "sustain-0123456789abcdef"
	fps     = 30
)

func main() {
	var o options
	flag.DurationVar(&o.length, "for", 0, "how long to measure, as in 60s")
	seconds := flag.Int("seconds", 60, "how long to measure, in seconds")
	flag.DurationVar(&o.warm, "warm", 5*time.Second, "how long to run before that")
	flag.StringVar(&o.program, "vsr", "bin/vsr", "the program")
	flag.StringVar(&o.model, "model", "nano-x2", "its --model")
	flag.StringVar(&o.codec, "codec", "vp8", "what the camera sends: vp8 or h264")
	flag.IntVar(&o.width, "width", 320, "width of the camera")
	flag.IntVar(&o.height, "height", 180, "height of the camera")
	flag.Parse()
	if o.length == 0 {
		o.length = time.Duration(*seconds) * time.Second
	}
	if err := run(o); err != nil {
		fmt.Fprintln(os.Stderr, "sustain:", err)
		os.Exit(1)
	}
}

type options struct {
	length, warm          time.Duration
	program, model, codec string
	width, height         int
}

func run(o options) error {
	frames, err := video(o)
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "sustain")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	file := filepath.Join(dir, "token")
	if err := os.WriteFile(file, []byte(token+"\n"), 0o600); err != nil {
		return err
	}
	server := exec.Command(o.program, "live", "--listen", address, "--token-file", file, "--model", o.model)
	server.Stderr = os.Stderr
	if err := server.Start(); err != nil {
		return err
	}
	defer func() { _ = server.Process.Signal(os.Interrupt); _ = server.Wait() }()
	ctx, cancel := context.WithTimeout(context.Background(), o.warm+o.length+time.Minute)
	defer cancel()
	client := livetest.Client{Base: "http://" + address, Token: token}
	camera, err := publish(ctx, client, o.codec)
	if err != nil {
		return err
	}
	defer camera.Close()
	sent := make(chan shot, int(o.warm+o.length)/int(time.Second)*fps+1000)
	go shoot(ctx, camera, frames, sent)
	viewer, err := client.Watch(ctx)
	if err != nil {
		return err
	}
	defer viewer.Close()
	early := collect(ctx, viewer, o.warm)
	begin, before := time.Now(), status(client)
	got := collect(ctx, viewer, o.length)
	end, after := time.Now(), status(client)
	cancel()
	// The decoder needs all frames from the first on.
	return report(sent, append(early, got...), len(early), viewer.Codec(), begin, end, before, after)
}

// publish opens the camera's session, waiting for the program to be up.
func publish(ctx context.Context, c livetest.Client, codec string) (*livetest.Publisher, error) {
	for {
		p, err := c.Publish(ctx, codec)
		if err == nil || ctx.Err() != nil {
			return p, err
		}
		time.Sleep(100 * time.Millisecond)
	}
}

// shot is a frame that was sent.
type shot struct {
	number int
	at     time.Time
}

// shoot sends the video again and again at its speed.
func shoot(ctx context.Context, p *livetest.Publisher, video [][]byte, sent chan<- shot) {
	begin := time.Now()
	for n := 0; ; n++ {
		at := begin.Add(time.Duration(n) * time.Second / fps)
		select {
		case <-time.After(time.Until(at)):
		case <-ctx.Done():
			close(sent)
			return
		}
		sent <- shot{firstNumber + n%len(video), time.Now()}
		if p.Send(video[n%len(video)], uint32(n)*90000/fps) != nil {
			close(sent)
			return
		}
	}
}

func collect(ctx context.Context, v *livetest.Viewer, length time.Duration) (got []livetest.AccessUnit) {
	end := time.After(length)
	for {
		select {
		case p := <-v.Units:
			got = append(got, p)
		case <-end:
			return got
		case <-ctx.Done():
			return got
		}
	}
}

// pipeline is the part of /status that is printed.
type pipeline struct {
	Model   string             `json:"model"`
	Reason  string             `json:"reason"`
	Choice  string             `json:"choice"`
	InSize  string             `json:"in_size"`
	OutSize string             `json:"out_size"`
	AgeMS   float64            `json:"age_ms"`
	Dropped map[string]int64   `json:"dropped"`
	StageMS map[string]float64 `json:"stage_ms"`
	Changes int                `json:"quality_changes"`
	bitRate int                // asked of the encoder, bit/s
}

func status(c livetest.Client) (p pipeline) {
	req, err := http.NewRequest(http.MethodGet, c.Base+"/status", nil)
	if err != nil {
		return p
	}
	req.Header.Set("Authorization", "Bearer "+c.Token)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return p
	}
	defer resp.Body.Close()
	body, _ := io.ReadAll(resp.Body)
	var all struct {
		Pipeline pipeline
		BitRate  int `json:"bit_rate"`
	}
	_ = json.Unmarshal(body, &all)
	all.Pipeline.bitRate = all.BitRate
	return all.Pipeline
}

// report decodes what came and prints the numbers, leaving out the first early frames.
func report(sent <-chan shot, got []livetest.AccessUnit, early int, codec string, begin, end time.Time, before, after pipeline) error {
	var shots []shot
	in := 0
	for s := range sent {
		shots = append(shots, s)
		if s.at.After(begin) && s.at.Before(end) {
			in++
		}
	}
	feed, err := decode.NewFeed(codec, decode.Options{})
	if err != nil {
		return err
	}
	defer feed.Close()
	var ages []time.Duration
	unreadable := 0
	for i, p := range got {
		n, ok, err := number(feed, p)
		if err != nil {
			return err
		}
		if i < early {
			continue
		}
		age, known := ageOf(shots, n, p.Arrival)
		if !ok || !known {
			unreadable++
			continue
		}
		ages = append(ages, age)
	}
	got = got[early:]
	seconds := end.Sub(begin).Seconds()
	fmt.Printf("measured      %.1f s\n", seconds)
	fmt.Printf("camera        %d frames, %.2f fps\n", in, float64(in)/seconds)
	fmt.Printf("came back     %d frames, %.2f fps, %.2f %% dropped\n", len(got), float64(len(got))/seconds, 100*(1-float64(len(got))/float64(max(in, 1))))
	fmt.Printf("size          %s to %s; %s\n", after.InSize, after.OutSize, strings.TrimSpace(after.Choice+" "+after.Reason))
	fmt.Printf("on the server %s, quality changes %d, dropped before %v, after %v, ms per stage %v\n", after.Model, after.Changes-before.Changes, before.Dropped, after.Dropped, after.StageMS)
	if len(ages) > 0 {
		slices.Sort(ages)
		at := func(q float64) float64 { return ages[int(q*float64(len(ages)-1))].Seconds() * 1000 }
		fmt.Printf("age in ms     median %.0f, 95 %% %.0f, 99 %% %.0f, longest %.0f; on the server %.0f\n", at(.5), at(.95), at(.99), at(1), after.AgeMS)
	}
	fmt.Printf("bit rate      asked of the encoder %.2f Mbit/s before, %.2f after\n", float64(before.bitRate)/1e6, float64(after.bitRate)/1e6)
	fmt.Printf("unreadable    %d frames\n", unreadable)
	return nil
}

// ageOf finds the last time that a number was sent before it arrived.
func ageOf(shots []shot, number int, arrival time.Time) (time.Duration, bool) {
	for i := len(shots) - 1; i >= 0; i-- {
		if shots[i].number == number && shots[i].at.Before(arrival) {
			return arrival.Sub(shots[i].at), true
		}
	}
	return 0, false
}
