package decode

import (
	"fmt"
	"log/slog"
	"math"
	"runtime"
	"slices"

	"vsr/media"
)

// Deinterlace says when frames made of two fields are rebuilt into frames.
type Deinterlace string

// The ways to deinterlace. FFmpeg's bwdif gives one frame for each frame, so counts and times stay, or with Options.FieldRate one for each field.
const (
	DeinterlaceAuto Deinterlace = ""    // frames marked as interlaced
	DeinterlaceOff  Deinterlace = "off" // never
	DeinterlaceOn   Deinterlace = "on"  // every frame; bwdif is another name of it
	// DeinterlaceTelecine undoes a 3:2 pulldown: fields are matched by FFmpeg's fieldmatch, what stays combed goes through bwdif, and of five
	// frames the one that shows nothing new is left out, where there is one. The four share the time of the five.
	DeinterlaceTelecine Deinterlace = "telecine"
)

// Hardware says whether NVDEC may decode, where Options.GPU offers it.
type Hardware string

// The ways to use it.
const (
	HardwareAuto Hardware = ""    // for codecs whose frames are the same bits there, else the CPU
	HardwareOff  Hardware = "off" // never
)

// GPU is a GPU that frames may stay on.
type GPU struct {
	Memory media.GPU // of the GPU, in the primary context
	Device int       // its index in the driver's order
	// Upload decodes on the CPU and lets FFmpeg upload the frames. It is for tests: machines without a GPU have no NVDEC, and
	// from the upload on the way is the same.
	Upload bool
}

// Limits bound what a file may ask for. Zero fields take the default.
type Limits struct {
	Width, Height int `yaml:"-"` // of the frame, default 16384 each
	Pixels        int `yaml:"-"` // of the frame, default 1<<27
	Streams       int `yaml:"-"` // in the container, default 256
	PacketBytes   int `yaml:"-"` // of one packet, default 256 MiB; larger ones count as damaged
}

// Options of a Source. The zero value decodes a local file from start to end.
type Options struct {
	Threads   int     `yaml:"threads"` // decoder threads, default min(CPUs, 8)
	Start     float64 `yaml:"-"`       // seconds from the beginning; the first frame is the first with a time stamp at or after it
	Duration  float64 `yaml:"-"`       // seconds from Start, 0 for all
	KeepTimes bool    `yaml:"-"`       // with Start: keep the input's times instead of beginning at 0
	// SkipTo drops all frames before this time, in ticks of the video track as frames carry them; the others keep their times. What lies
	// before is skipped by seeking where the input can. 0 drops nothing.
	SkipTo      int64             `yaml:"-"`
	PoolSize    int               `yaml:"-"`           // frames that may be out at a time, default 8
	Strict      bool              `yaml:"strict"`      // stop at damaged data with ErrDamaged instead of skipping and counting
	Deinterlace Deinterlace       `yaml:"deinterlace"` // "", off or on
	FieldRate   bool              `yaml:"field_rate"`  // one frame for each field of an interlaced frame, so twice as many
	Programme   int               `yaml:"programme"`   // of several in a transport stream, by its number in the stream; the others are left out. 0 takes all
	VideoTrack  int               `yaml:"video_track"` // which of several videos, from 1 in the order of the file; 0 chooses
	Autorotate  bool              `yaml:"autorotate"`  // turn and mirror frames as a player shows them, instead of keeping the display matrix
	Hardware    Hardware          `yaml:"hardware"`    // "" or off
	GPU         *GPU              `yaml:"-"`           // nil keeps all frames on the host; frames of a GPU have a media.Surface
	LowDelay    bool              `yaml:"-"`           // live: no frame threads, short probing
	Plain420    bool              `yaml:"-"`           // live: every frame becomes 8-bit 4:2:0 in limited range, without alpha
	RGB         bool              `yaml:"-"`           // RGB stays RGB: 4:4:4 with media.MatrixRGB; otherwise it becomes BT.709 or BT.2020
	Network     bool              `yaml:"-"`           // allow network addresses
	FrameRate   string            `yaml:"frame_rate"`  // of inputs without times: raw streams, sequences of images. As in 25 or 30000/1001; empty takes FFmpeg's guess
	Format      string            `yaml:"-"`           // force an FFmpeg input format or device, as in lavfi or v4l2
	FFmpeg      map[string]string `yaml:"-"`           // further options of the demuxer, as in framerate=30
	Limits      Limits            `yaml:"-"`
	Logger      *slog.Logger      `yaml:"-"` // nil discards
}

// Validate reports the first value that makes no sense.
func (o Options) Validate() error {
	switch {
	case o.Threads < 0:
		return fmt.Errorf("decode: threads %d, want 0 or more", o.Threads)
	case o.PoolSize < 0:
		return fmt.Errorf("decode: pool size %d, want 0 or more", o.PoolSize)
	case !(o.Start >= 0) || math.IsInf(o.Start, 0):
		return fmt.Errorf("decode: start %v s, want 0 or more", o.Start)
	case !(o.Duration >= 0) || math.IsInf(o.Duration, 0):
		return fmt.Errorf("decode: duration %v s, want 0 or more", o.Duration)
	case !slices.Contains([]Deinterlace{DeinterlaceAuto, "auto", DeinterlaceOff, DeinterlaceOn, "bwdif", DeinterlaceTelecine}, o.Deinterlace):
		return fmt.Errorf("decode: deinterlace %q, want auto, off, bwdif or telecine", o.Deinterlace)
	case o.FieldRate && (o.Deinterlace == DeinterlaceOff || o.Deinterlace == DeinterlaceTelecine):
		return fmt.Errorf("decode: a frame for each field needs deinterlacing, which is %s", o.Deinterlace)
	case o.FrameRate != "" && badRate(o.FrameRate) != nil:
		return fmt.Errorf("decode: %w", badRate(o.FrameRate))
	case o.Programme < 0 || o.Programme > 65535:
		return fmt.Errorf("decode: programme %d, want 1 to 65535, or 0", o.Programme)
	case o.VideoTrack < 0:
		return fmt.Errorf("decode: video track %d, want 0 or more", o.VideoTrack)
	case o.Hardware != HardwareAuto && o.Hardware != HardwareOff:
		return fmt.Errorf("decode: hardware %q, want off or empty for automatic", o.Hardware)
	}
	return nil
}

func badRate(s string) error {
	_, err := media.ParseRate(s)
	return err
}

func (o Options) withDefaults() Options {
	set := func(p *int, v int) {
		if *p == 0 {
			*p = v
		}
	}
	switch o.Deinterlace {
	case "auto":
		o.Deinterlace = DeinterlaceAuto
	case "bwdif":
		o.Deinterlace = DeinterlaceOn
	}
	set(&o.Threads, min(runtime.NumCPU(), 8))
	set(&o.PoolSize, 8)
	set(&o.Limits.Width, 16384)
	set(&o.Limits.Height, 16384)
	set(&o.Limits.Pixels, 1<<27)
	set(&o.Limits.Streams, 256)
	set(&o.Limits.PacketBytes, 256<<20)
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	return o
}

// fineness is how many ticks the video has for one of the container: fields lie between the frames, and those from before a pulldown between those after it.
func (o Options) fineness() int64 {
	switch {
	case o.FieldRate:
		return 2
	case o.Deinterlace == DeinterlaceTelecine:
		return 4
	}
	return 1
}

// Notes tells, in sentences for the user, what was mended in the input or left out of it; nil if nothing was.
func (s Stats) Notes() (notes []string) {
	note := func(n int64, one, many string) {
		switch {
		case n == 1:
			notes = append(notes, one)
		case n > 1:
			notes = append(notes, fmt.Sprintf(many, n))
		}
	}
	note(int64(s.Jumps), "the input's clock jumps at one place: what follows goes on after what came before", "the input's clock jumps at %d places: what follows goes on after what came before")
	note(s.Repaired, "the time of one frame was missing or did not rise, and was replaced", "the times of %d frames were missing or did not rise, and were replaced")
	note(min(s.Cropped, 1), "the container shows a part of the coded frame only (clean aperture): the rest is cut off", "")
	note(s.Pulldown, "one frame that a 3:2 pulldown had added is left out", "%d frames that a 3:2 pulldown had added are left out")
	note(min(s.Windows, 1), "HDR10+ metadata with several windows is left out where frames are cropped, turned or of another size", "")
	note(min(s.Recoded, 1), "a stream changes its codec in mid-file: what comes after is left out", "")
	note(s.Late, "one packet of a stream that begins late in the file is left out", "%d packets of streams that begin late in the file are left out")
	return notes
}

// Stats counts what a Source met. Read it after the end, or between calls of Next.
type Stats struct {
	Frames      int64 // given out
	OnGPU       int64 // of them, those on a GPU
	Packets     int64 // given out, of other tracks
	Damaged     int64 // packets or frames that did not decode and were skipped
	Corrupt     int64 // frames given out that the decoder marked as partly damaged
	Repaired    int64 // missing, repeated or backward time stamps replaced
	Jumps       int   // joints at which the input's clock went back, jumped ahead or began again, and was made to go on
	Late        int64 // packets of streams that appeared after the start, dropped
	Recoded     int64 // packets of other streams whose codec changed in mid-file, dropped
	Captions    int64 // frames with closed captions (CTA-608 or 708 in ATSC A/53 user data)
	HDR10Plus   int64 // frames with HDR10+ metadata (SMPTE ST 2094-40)
	Windows     int64 // frames whose HDR10+ metadata is left out: it has windows, and the frames are cropped, turned or of another size
	ICC         int64 // frames with an ICC profile
	Timecodes   int64 // frames with a timecode of their own (SMPTE ST 12-1)
	Cropped     int64 // frames cut to the clean aperture of their container
	Refused     int   // files or addresses named inside the input that were not opened
	Interlaced  int64 // interlaced frames that were rebuilt
	Pulldown    int64 // frames that a 3:2 pulldown had added, left out
	Truncated   bool  // the input ended with an error, or before its index says
	Missing     int64 // frames that an MP4's index names and the file does not hold
	FormatTurns int   // changes of format in mid-stream
	// AspectTurns counts changes of the pixel aspect in mid-stream, which make no other format; the first was at AspectAt, in ticks of the
	// video track, to AspectTo.
	AspectTurns int
	AspectAt    int64
	AspectTo    media.Rational
}
