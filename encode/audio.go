package encode

import (
	"fmt"
	"slices"
	"strings"

	"vsr/internal/av"
	"vsr/media"
)

// Audio says what becomes of audio.
type Audio string

// Values of FileOptions.Audio; besides these it may name a codec that all audio becomes: see AudioCodecs.
const (
	AudioAuto Audio = ""     // copied where the container holds it, else converted
	AudioCopy Audio = "copy" // copied, or left out
)

// audioEncoder is one that audio may be converted by.
type audioEncoder struct {
	name     string // ours
	encoders []string
	channel  int64 // bits a second of a channel; 0 for lossless
}

var audioEncoders = []audioEncoder{
	{"aac", []string{"aac"}, 96_000},
	{"opus", []string{"libopus", "opus"}, 64_000},
	{"ac3", []string{"ac3"}, 96_000},
	{"mp3", []string{"libmp3lame"}, 96_000},
	{"alac", []string{"alac"}, 0},
	{"flac", []string{"flac"}, 0},
}

// AudioCodecs lists the names that FileOptions.Audio takes besides copy and the empty one.
func AudioCodecs() []string {
	names := []string{"pcm"}
	for _, e := range audioEncoders {
		names = append(names, e.name)
	}
	return names
}

// Validate reports a value that is none.
func (a Audio) Validate() error {
	if a == AudioAuto || a == AudioCopy || a == "auto" || slices.Contains(AudioCodecs(), string(a)) {
		return nil
	}
	return &RequestError{Reason: fmt.Sprintf("unknown audio %q", string(a)), Hint: "known are copy, auto, " + strings.Join(AudioCodecs(), ", ")}
}

// pcmBits is the depth of uncompressed audio, 0 for other codecs.
func pcmBits(p *av.Params) int {
	name := p.CodecName()
	if !strings.HasPrefix(name, "pcm_") {
		return 0
	}
	switch {
	case name == "pcm_bluray" || name == "pcm_dvd":
		if n := p.BitsPerSample(); n > 0 {
			return n
		}
		return 24
	case strings.Contains(name, "64"):
		return 64
	case strings.Contains(name, "32"):
		return 32
	case strings.Contains(name, "24"), strings.Contains(name, "20"):
		return 24
	}
	return 16
}

// convertsAll reports whether a codec was named that all audio is to be in.
func (f *File) convertsAll() bool {
	return f.opt.Audio != AudioAuto && f.opt.Audio != "auto" && f.opt.Audio != AudioCopy
}

// isA reports whether a codec is the one that was named.
func (f *File) isA(codec string) bool {
	return codec == string(f.opt.Audio) || f.opt.Audio == "pcm" && strings.HasPrefix(codec, "pcm_")
}

// conversions lists the encoders that a track may be converted by for this container, best first: uncompressed audio stays without loss
// where the container has a way.
func (f *File) conversions(p *av.Params) []string {
	pcm := []string{}
	bits := pcmBits(p)
	switch float := strings.HasPrefix(p.CodecName(), "pcm_f"); {
	case bits == 0:
	case float && bits == 64:
		pcm = []string{"pcm_f64le", "pcm_f64be"}
	case float:
		pcm = []string{"pcm_f32le", "pcm_f32be"}
	case bits <= 16:
		pcm = []string{"pcm_s16le", "pcm_s16be"}
	case bits <= 24:
		pcm = []string{"pcm_s24le", "pcm_s24be"}
	default:
		pcm = []string{"pcm_s32le", "pcm_s32be"}
	}
	if f.convertsAll() {
		if f.opt.Audio == "pcm" {
			if bits == 0 {
				pcm = []string{"pcm_s16le"}
			}
			return append(pcm, "pcm_bluray")
		}
		for _, e := range audioEncoders {
			if e.name == string(f.opt.Audio) {
				return e.encoders
			}
		}
	}
	switch {
	case bits > 0 && f.isM2TS():
		return append(pcm, "pcm_bluray", "aac")
	case bits > 0 && bits <= 24 && f.isMOV():
		return append(pcm, "alac", "aac")
	case bits > 0 && f.muxer != "webm":
		return append(pcm, "aac")
	case f.muxer == "webm":
		return []string{"libopus", "opus", "libvorbis"}
	case f.muxer == "matroska":
		return []string{"flac", "aac"}
	}
	return []string{"aac", "ac3"}
}

// planAudio finds a codec that the container holds, and opens the conversion. It reports whether there is one.
func (f *File) planAudio(t *media.Track, out *outTrack, a *StreamAction, why string) bool {
	own := out.params
	for _, name := range f.conversions(own) {
		if !av.HasEncoder(name) {
			continue
		}
		var rate int64
		for _, e := range audioEncoders {
			if slices.Contains(e.encoders, name) {
				rate = e.channel
			}
		}
		if name == "libvorbis" {
			rate = 96_000
		}
		depth := 0
		if bits := pcmBits(own); bits > 16 && rate == 0 {
			depth = 24
		}
		if strings.HasPrefix(name, "pcm_") && name != "pcm_bluray" {
			depth = 0
		}
		c, err := av.NewAudioConverter(own, out.from, name, rate, depth, 0)
		if err != nil {
			continue
		}
		out.params, out.audio = c.Params(), c
		if f.holds(out, t) != "" {
			c.Close()
			out.params, out.audio = own, nil
			continue
		}
		out.from = c.TimeBase()
		text := "to " + c.Params().CodecName()
		if rate > 0 {
			text += fmt.Sprintf(" at %d kbit/s", c.BitRate()/1000)
		} else if !strings.HasPrefix(t.Codec, "pcm_f") || strings.HasPrefix(c.Params().CodecName(), "pcm_f") {
			text += ", without loss"
		}
		a.Action, a.To, a.Why = Converted, c.Params().CodecName(), joinWhy(text, why)
		return true
	}
	return false
}

// convertAudio writes what comes out of a track's conversion for one packet, or at the end for nil.
func (f *File) convertAudio(track int, p *media.Packet) error {
	t := &f.tracks[track]
	var list []*media.Packet
	var err error
	if p != nil {
		list, err = t.audio.Convert(p)
	} else {
		list, err = t.audio.Finish()
	}
	if err != nil {
		f.leftOut(track, err)
	}
	for _, q := range list {
		q.Track = track
		if err := f.write(t, q); err != nil {
			return err
		}
	}
	return nil
}

// finishAudio ends all conversions.
func (f *File) finishAudio() error {
	for i := range f.tracks {
		if f.tracks[i].audio != nil && f.tracks[i].stream != nil {
			if err := f.convertAudio(i, nil); err != nil {
				return err
			}
		}
	}
	return nil
}

func (f *File) closeAudio() {
	for i := range f.tracks {
		if a := f.tracks[i].audio; a != nil {
			a.Close()
			f.tracks[i].audio = nil
		}
	}
}
