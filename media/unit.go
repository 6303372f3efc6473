package media

import (
	"errors"
	"fmt"
)

// ErrFormatChanged is returned by a source when the size, layout, depth or colour of the video changes in mid-stream.
// The next call continues with frames of the new format.
var ErrFormatChanged = errors.New("video format changed")

// Unit is what rides the pipeline: exactly one of Frame and Packet.
type Unit struct {
	Frame  *Frame
	Packet *Packet
}

// Release frees whatever the unit holds.
func (u Unit) Release() {
	if u.Frame != nil {
		u.Frame.Release()
	}
}

// Packet is one compressed packet of a passthrough stream. Its bytes belong to the garbage collector and are never written to.
type Packet struct {
	Track    int   // index into Info.Tracks
	PTS, DTS int64 // ticks of the track's time base; NoTime if absent
	Duration int64 // ticks
	Key      bool
	Data     []byte
	Flags    int        // FFmpeg AV_PKT_FLAG_*
	SideData []SideData // FFmpeg AVPacketSideDataType
}

// NoTime marks an absent time stamp (FFmpeg's AV_NOPTS_VALUE).
const NoTime int64 = -1 << 63

// Rational is an exact fraction, used for time bases, frame rates and sample aspect ratios.
type Rational struct{ Num, Den int }

// Float returns the value of the fraction, 0 if Den is 0.
func (r Rational) Float() float64 {
	if r.Den == 0 {
		return 0
	}
	return float64(r.Num) / float64(r.Den)
}

// String gives num/den.
func (r Rational) String() string { return fmt.Sprintf("%d/%d", r.Num, r.Den) }

// TrackType is the kind of a stream.
type TrackType uint8

// The kinds of stream that containers carry.
const (
	TrackOther TrackType = iota
	TrackVideo
	TrackAudio
	TrackSubtitle
	TrackData
	TrackAttachment
)

// String names the kind as FFmpeg does.
func (t TrackType) String() string {
	return [...]string{"other", "video", "audio", "subtitle", "data", "attachment"}[min(int(t), 5)]
}

// Track describes one stream of the input.
type Track struct {
	Index       int // position in Info.Tracks
	Type        TrackType
	Codec       string // FFmpeg codec name, as in h264
	TimeBase    Rational
	Start       int64             // first time stamp, NoTime if unknown
	Duration    int64             // ticks, 0 if unknown
	Metadata    map[string]string // language, title, handler_name...
	Disposition int               // FFmpeg AV_DISPOSITION_*
	Cover       bool              // an attached frame: never the video to upscale
	LeftOut     string            // why the track is not wanted in the output; empty for those that are
	// Params is the codec parameters as the decode stage read them. encode knows what it is; no other stage looks inside.
	Params any
}

// Chapter is one chapter mark.
type Chapter struct {
	ID         int64
	TimeBase   Rational
	Start, End int64
	Metadata   map[string]string
}

// Forever is Info.Plays of an animation that begins again without end.
const Forever = -1

// Info says what a source puts out, or what a sink is to expect, before the first unit.
type Info struct {
	Container string // FFmpeg's name of the input format, as in mov,mp4,m4a,3gp,3g2,mj2
	Tracks    []Track
	Video     int // index of the track to upscale; its units are frames, all others are packets
	Format    Format
	// SampleAspect is the pixel aspect ratio, 0/1 if unknown. FrameRate is the average one, a hint only: time stamps rule.
	SampleAspect, FrameRate Rational
	Rotation                int // degrees clockwise that a player turns the frame, multiples of 90
	Display                 DisplayMatrix
	Frames                  int64   // estimate for progress, 0 if unknown
	Duration                float64 // seconds, for progress only; 0 if unknown
	BitRate                 int64
	Chapters                []Chapter
	Metadata                map[string]string
	Interlaced              bool
	StoredRGB               bool // the file holds RGB or a palette, also where frames come as luma and chroma
	// Plays is how often an animation (GIF, APNG) is shown, Forever for ever; 0 if the input does not say or is none.
	Plays  int
	Images *Sequence // of an input that is a sequence of image files, nil for others
	// VideoSideData is stream-level side data (display matrix, mastering display, content light level), FFmpeg AVPacketSideDataType.
	VideoSideData []SideData
}

// VideoTrack returns the track to upscale.
func (i *Info) VideoTrack() *Track { return &i.Tracks[i.Video] }
