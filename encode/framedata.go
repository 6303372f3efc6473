package encode

import (
	"bytes"
	"fmt"

	"vsr/internal/av"
	"vsr/media"
)

// Closed captions and HDR10+ lie inside the coded video, frame by frame. Of FFmpeg 5.1's encoders only libx264 writes captions, and none
// writes HDR10+. So the sink itself puts both into HEVC. In AV1 a frame is often shown long after it was coded, and decoders lose what
// stands with the order to show it, so there they are not written.

// carriesCaptions reports whether the output of a codec keeps captions.
func (c codec) carriesCaptions() bool {
	switch c.name {
	case "x264", "x264rgb", "x265", "h264_nvenc", "hevc_nvenc":
		return true
	}
	return false
}

// carriesICC reports whether the output of a codec keeps ICC profiles.
func (c codec) carriesICC() bool { return c.name == "png" || c.name == "apng" || c.name == "jpeg" }

// carriesTimecodes reports whether the output of a codec keeps the timecodes of single frames (SMPTE ST 12-1).
func (c codec) carriesTimecodes() bool { return c.gpu }

// FrameData counts the frames that carry metadata of their own.
type FrameData struct {
	Captions, HDR10Plus, ICC, Timecodes int64
}

// FrameDataNotes tells, in sentences for the user, which metadata of single frames the codec cannot hold.
func (o Options) FrameDataNotes(n FrameData) (notes []string) {
	c, err := findCodec(o.Codec)
	if err != nil {
		return nil
	}
	if n.Captions > 0 && !c.carriesCaptions() {
		notes = append(notes, fmt.Sprintf("the closed captions inside the frames are left out: %s has no place for them; x264 and x265 keep them", c.name))
	}
	if n.HDR10Plus > 0 && !c.insertsMessages() {
		notes = append(notes, fmt.Sprintf("the HDR10+ metadata of the frames is left out: %s does not write it; the HDR10 metadata stays, and x265 keeps both", c.name))
	}
	if n.Timecodes > 0 && !c.carriesTimecodes() {
		notes = append(notes, fmt.Sprintf("the timecodes inside the frames are left out: %s does not write them", c.name))
	}
	if n.ICC > 0 && !c.carriesICC() {
		notes = append(notes, fmt.Sprintf("the ICC profile is left out, and with it what the colors mean: %s has no place for it; png and jpeg keep it", c.name))
	}
	return notes
}

// insertsMessages reports whether the encoder leaves captions and HDR10+ to the sink.
func (c codec) insertsMessages() bool { return c.name == "x265" }

// messages are what a frame carries besides its samples, each as a message registered by ITU-T T.35; nil without.
func messages(list []media.SideData, e av.Enlarged) (out [][]byte) {
	for _, sd := range list {
		switch {
		case sd.Type == av.FrameCaptions && len(sd.Data) >= 3:
			out = append(out, captionMessage(sd.Data[:min(len(sd.Data), 31*3)]))
		case sd.Type == av.FrameHDR10Plus:
			if m := av.HDR10PlusMessage(sd.Data, e); m != nil {
				out = append(out, m)
			}
		}
	}
	return out
}

// captionMessage is user data registered by ITU-T T.35 as ATSC A/53 part 4, 6.2.3.1 states it: country and provider code, GA94, type 3, triplets.
func captionMessage(cc []byte) []byte {
	out := []byte{0xb5, 0x00, 0x31, 'G', 'A', '9', '4', 0x03, 0x40 | byte(len(cc)/3), 0xff}
	return append(append(out, cc[:len(cc)/3*3]...), 0xff)
}

// insertSEI puts a message of type 4 in front of the first slice of an HEVC access unit with start codes (H.265, 7.3.2.4 and D.2.6).
func insertSEI(data, message []byte) []byte {
	at := -1
	for i := 0; i+4 < len(data); i++ {
		if data[i] != 0 || data[i+1] != 0 || data[i+2] != 1 {
			continue
		}
		if kind := data[i+3] >> 1 & 0x3f; kind < 32 { // a slice
			at = i
			break
		}
		i += 2
	}
	if at < 0 {
		return data
	}
	if at > 0 && data[at-1] == 0 { // a start code of four bytes
		at--
	}
	payload := append([]byte{4}, sizeCode(len(message))...)
	payload = append(append(payload, message...), 0x80)
	out := append([]byte{}, data[:at]...)
	out = append(out, 0, 0, 0, 1, 39<<1, 1)
	out = append(out, escape(payload)...)
	return append(out, data[at:]...)
}

// sizeCode is the size of a message in bytes of 255 and a rest.
func sizeCode(n int) []byte { return append(bytes.Repeat([]byte{0xff}, n/255), byte(n%255)) }

// escape keeps start codes out of a NAL unit (H.265, 7.4.2).
func escape(b []byte) []byte {
	var out []byte
	zeros := 0
	for _, v := range b {
		if zeros >= 2 && v <= 3 {
			out, zeros = append(out, 3), 0
		}
		out = append(out, v)
		if zeros++; v != 0 {
			zeros = 0
		}
	}
	return out
}
