package live

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"vsr/decode"
	"vsr/encode"
	"vsr/internal/fault"
	"vsr/media"
)

// input is how FFmpeg opens a source.
type input struct {
	name    string
	listens bool // waits until somebody sends, for as long as it takes
	options decode.Options
}

// listenSchemes are the protocols by which a source may be waited for.
var listenSchemes = []string{"rtmp", "srt", "udp", "tcp"}

// senderPatience is how long a sender of SRT may be silent before another one, or the same one again, may come in its place.
const senderPatience = 1500 * time.Millisecond

// audioDevices are FFmpeg's devices that Options.AudioDevice may name.
var audioDevices = []string{"alsa", "pulse", "lavfi"}

var sizeWord = regexp.MustCompile(`^[1-9]\d{0,4}x[1-9]\d{0,4}$`)

// validateInput reports what of the input's options cannot be right.
func (o *Options) validateInput() error {
	if _, err := kindOf(o.Source); err != nil {
		return err
	}
	device := strings.HasPrefix(o.Source, "v4l2:") || strings.HasPrefix(o.Source, "x11:")
	format, _, _ := strings.Cut(o.AudioDevice, ":")
	switch {
	case (o.Size != "" || o.Rate != "") && !device:
		return fault.New(fault.Usage, "other sources have a size and a rate of their own", "--size and --rate are for v4l2: and x11:")
	case o.Size != "" && !sizeWord.MatchString(o.Size):
		return fault.New(fault.Usage, "as in 1280x720", "--size %s: want WIDTHxHEIGHT", o.Size)
	case o.Rate != "":
		if _, err := media.ParseRate(o.Rate); err != nil {
			return fault.New(fault.Usage, "as in 30 or 30000/1001", "--rate %s: %w", o.Rate, err)
		}
	}
	switch {
	case o.AudioDevice == "":
	case o.Source == "browser":
		return fault.New(fault.Usage, "the page sends the microphone of its own machine", "--audio-device goes with a source at this machine")
	case !slices.Contains(audioDevices, format) || !strings.Contains(o.AudioDevice, ":"):
		return fault.New(fault.Usage, "as in alsa:default or pulse:default", "--audio-device %s: want alsa:NAME or pulse:NAME", o.AudioDevice)
	}
	return nil
}

// inputOf says how the source of o is opened. patience is how long a camera may be silent.
func (o *Options) inputOf(kind sourceKind, patience time.Duration) input {
	in := input{name: o.Source, options: decode.Options{LowDelay: true, Plain420: true, PoolSize: 12, Threads: 1}}
	ffmpeg := map[string]string{}
	switch kind {
	case kindDevice:
		format, name, _ := strings.Cut(in.name, ":")
		in.name, in.options.Format = name, map[string]string{"v4l2": "v4l2", "x11": "x11grab"}[format]
		if o.Size != "" {
			ffmpeg["video_size"] = o.Size
		}
		if o.Rate != "" {
			ffmpeg["framerate"] = o.Rate
		}
	case kindFilter:
		in.name, in.options.Format = strings.TrimPrefix(in.name, "lavfi:"), "lavfi"
	case kindNetwork:
		in.options.Network = true
		in.name, in.listens = strings.CutPrefix(in.name, "listen:")
		scheme, _, _ := strings.Cut(in.name, "://")
		switch {
		case scheme == "rtsp":
			ffmpeg["rtsp_transport"], ffmpeg["timeout"] = "tcp", strconv.FormatInt(patience.Microseconds(), 10)
		case in.listens && scheme == "rtmp":
			// The headers of RTMP tell the streams and the rate, so frames need not be looked through for them: a sender that is back is soon seen.
			ffmpeg["listen"], ffmpeg["fpsprobesize"], ffmpeg["analyzeduration"] = "1", "0", "300000"
		case in.listens && (scheme == "srt" || scheme == "tcp"):
			mark := "?"
			if strings.Contains(in.name, "?") {
				mark = "&"
			}
			in.name += mark + map[string]string{"srt": "mode=listener", "tcp": "listen=1"}[scheme]
			if scheme == "srt" && !strings.Contains(in.name, "timeout=") { // SRT itself notices after five seconds that a sender was killed
				in.name += "&timeout=" + strconv.FormatInt(senderPatience.Microseconds(), 10)
			}
		}
		in.listens = in.listens || strings.Contains(in.name, "mode=listener")
	default:
		in.options.LowDelay = false
	}
	in.options.FFmpeg = ffmpeg
	return in
}

// microphone is the audio of a device beside a source's frames, on a goroutine of its own.
type microphone struct {
	packets chan heard
	cancel  context.CancelFunc
	done    chan struct{}
	offset  int64 // added to the device's times for those of the video, ticks of encode.OpusClock
	placed  bool
}

// heard is a packet of Opus and when it came.
type heard struct {
	packet *media.Packet
	at     time.Time
}

const (
	microphoneQueue = 256              // packets, five seconds
	microphonePause = time.Second      // between two tries to open the device
	microphoneSlack = 48_000 * 6 / 100 // 60 ms: how far its clock may run beside the video's before it is set anew
)

// openMicrophone begins to listen. A device that is away is opened again and again; meanwhile there is silence.
func (s *Session) openMicrophone() *microphone {
	ctx, cancel := context.WithCancel(context.Background())
	m := &microphone{packets: make(chan heard, microphoneQueue), cancel: cancel, done: make(chan struct{})}
	format, name, _ := strings.Cut(s.o.AudioDevice, ":")
	go func() {
		defer close(m.done)
		warned, pause := false, microphonePause
		for ctx.Err() == nil {
			begin := time.Now()
			err := m.listen(ctx, name, decode.Options{Format: format, Logger: s.log})
			if ctx.Err() == nil && !warned {
				s.log.Warn("the audio device is away, trying again", "stage", stageDecode, "device", s.o.AudioDevice, "err", err)
				warned = true
			}
			if pause = min(2*pause, 8*microphonePause); time.Since(begin) > pause { // it was there
				pause = microphonePause
			}
			select {
			case <-time.After(pause):
			case <-ctx.Done():
			}
		}
	}()
	return m
}

// listen reads the device until it fails.
func (m *microphone) listen(ctx context.Context, name string, o decode.Options) error {
	src, err := decode.OpenSound(ctx, name, o)
	if err != nil {
		return err
	}
	defer src.Close()
	opus, err := encode.NewOpus(src.Track())
	if err != nil {
		return err
	}
	defer opus.Close()
	for {
		p, err := src.Next(ctx)
		if err != nil {
			return err
		}
		list, _ := opus.Convert(p)
		for _, q := range list {
			select {
			case m.packets <- heard{q, time.Now()}:
			default: // nobody takes frames
			}
		}
	}
}

// units gives what has come, on the line of the video: frame is the time of the frame that came at the given moment, in ticks of encode.OpusClock.
func (m *microphone) units(frame int64, at time.Time) (list []media.Unit) {
	for {
		select {
		case h := <-m.packets:
			q := h.packet
			should := frame + int64(h.at.Sub(at).Seconds()*float64(encode.OpusClock.Den)) - q.Duration // it began before it came
			if off := should - q.PTS - m.offset; !m.placed || off > microphoneSlack || off < -microphoneSlack {
				m.offset, m.placed = m.offset+off, true
			}
			q.Track, q.PTS = 1, q.PTS+m.offset
			q.DTS = q.PTS
			list = append(list, media.Unit{Packet: q})
		default:
			return list
		}
	}
}

func (m *microphone) close() {
	if m != nil {
		m.cancel()
		<-m.done
	}
}

// silentFor says in a sentence that a network source does not answer, which FFmpeg calls invalid data.
func silentFor(d time.Duration) error {
	return fmt.Errorf("the source does not answer: nothing came in %.0f s", d.Seconds())
}
