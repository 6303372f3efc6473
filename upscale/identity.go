package upscale

import (
	"encoding/json"

	"vsr/decode"
	"vsr/encode"
	"vsr/sr"
	"vsr/sr/kdsr"
	"vsr/upscale/segment"
)

// identity is all that names a job besides its input and its model: every option that changes the frames or packets of the output,
// and none that does not (devices, threads, progress). Two jobs of equal identity may share segments. A new option that changes the
// output belongs here; any other must stay out, or it would keep earlier work from being resumed.
type identity struct {
	Program     string  `json:"program"`
	Scale       int     `json:"scale"`            // of the model
	Height      int     `json:"height,omitempty"` // of the output, when frames are resampled after the network
	Sharpness   float64 `json:"sharpness,omitempty"`
	Precision   string  `json:"precision"`
	Repeatable  bool    `json:"repeatable"`
	SegmentMin  int64   `json:"segment_min"`
	SegmentMax  int64   `json:"segment_max"`
	Start       float64 `json:"start"`
	Duration    float64 `json:"duration"`
	Strict      bool    `json:"strict"`
	Deinterlace string  `json:"deinterlace"`
	Hardware    string  `json:"hardware"` // of the decoder

	Threshold float64 `json:"scene_threshold"`
	Scenes    string  `json:"scenes,omitempty"` // first frames of a scenes file

	Refresh int     `json:"refresh"`
	Drift   float64 `json:"drift"`
	Average int     `json:"average"`
	Chroma  string  `json:"chroma"`

	Degradation string       `json:"degradation"` // scene, lock or file
	Sliders     kdsr.Sliders `json:"sliders"`
	Values      string       `json:"scene_values,omitempty"` // of Options.Scenes, as JSON

	Codec           string  `json:"codec"`
	CRF             int     `json:"crf"`
	Preset          string  `json:"preset"`
	PixFmt          string  `json:"pix_fmt"`
	EncoderThreads  int     `json:"encoder_threads"` // x264 and x265 give other packets with another number
	KeyframeSeconds float64 `json:"keyframe_seconds"`
	Audio           string  `json:"audio,omitempty"`
	VideoTrack      int     `json:"video_track,omitempty"`
	Programme       int     `json:"programme,omitempty"`
	FrameRate       string  `json:"frame_rate,omitempty"`
	Autorotate      bool    `json:"autorotate,omitempty"`
	SquarePixels    bool    `json:"square_pixels,omitempty"`
	FieldRate       bool    `json:"field_rate,omitempty"`
}

// identity returns that of the options, once the size is settled. scale is the model's.
func (o *Options) identity(scale int) identity {
	lo, hi := o.segmentLengths()
	return identity{
		Program: o.Program, Scale: scale, Height: o.SR.Height, Sharpness: o.Sharpness, Precision: o.Precision, Repeatable: o.Repeatable, SegmentMin: lo, SegmentMax: hi,
		Start: o.Decode.Start, Duration: o.Decode.Duration, Strict: o.Decode.Strict,
		Deinterlace: string(o.Decode.Deinterlace), Hardware: string(o.Decode.Hardware),
		Threshold: o.Scene.Threshold, Scenes: joinScenes(o.Scene.Cuts),
		Refresh: o.SR.Refresh, Drift: o.SR.Drift, Average: o.SR.Average, Chroma: string(o.SR.Chroma), Degradation: o.degradationName(), Sliders: o.Sliders, Values: joinValues(o.Scenes),
		Codec: o.Encode.Codec, CRF: o.Encode.CRF, Preset: o.Encode.Preset, PixFmt: o.Encode.PixFmt, EncoderThreads: o.Encode.Threads,
		KeyframeSeconds: o.Encode.KeyframeSeconds, Audio: string(o.Audio), VideoTrack: o.Decode.VideoTrack, FieldRate: o.Decode.FieldRate,
		Programme: o.Decode.Programme, FrameRate: o.Decode.FrameRate, Autorotate: o.Decode.Autorotate, SquarePixels: o.SquarePixels,
	}
}

// restore puts an identity back into options.
func (i *identity) restore(o *Options) {
	o.Program, o.Scale, o.SR.Height, o.Precision, o.Repeatable, o.SegmentMin, o.SegmentMax = i.Program, 0, i.Height, i.Precision, i.Repeatable, i.SegmentMin, i.SegmentMax
	o.Sharpness = i.Sharpness
	o.Decode.Start, o.Decode.Duration, o.Decode.Strict = i.Start, i.Duration, i.Strict
	o.Decode.RGB = true
	o.Decode.Deinterlace, o.Decode.Hardware = decode.Deinterlace(i.Deinterlace), decode.Hardware(i.Hardware)
	o.Scene.Threshold, o.Scene.Cuts = i.Threshold, splitScenes(i.Scenes)
	o.SR.Refresh, o.SR.Drift, o.SR.Average, o.SR.Chroma = i.Refresh, i.Drift, i.Average, sr.Chroma(i.Chroma)
	o.Degradation, o.Sliders, o.Scenes = i.Degradation, i.Sliders, splitValues(i.Values)
	if i.Degradation == inFile { // its values are here
		o.Degradation = DegradationScene
	}
	o.Encode.Codec, o.Encode.CRF, o.Encode.Preset, o.Encode.PixFmt = i.Codec, i.CRF, i.Preset, i.PixFmt
	o.Encode.Threads, o.Encode.KeyframeSeconds = i.EncoderThreads, i.KeyframeSeconds
	o.Audio, o.Decode.VideoTrack, o.Decode.FieldRate = encode.Audio(i.Audio), i.VideoTrack, i.FieldRate
	o.Decode.Programme = i.Programme
	o.Decode.FrameRate, o.Decode.Autorotate, o.SquarePixels = i.FrameRate, i.Autorotate, i.SquarePixels
}

// planOf names the job of an input with a model of this name, hash and scale.
func (o *Options) planOf(input, name, hash string, scale int) (*segment.Plan, error) {
	source, err := segment.Identify(input)
	if err != nil {
		return nil, &Error{Kind: Input, Err: err}
	}
	text, err := json.Marshal(o.identity(scale))
	if err != nil {
		return nil, err
	}
	return &segment.Plan{Version: segment.Version, Source: source, Model: name + " " + hash, Identity: text}, nil
}
