package output

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
)

// Fragmented MP4 for HLS (ISO/IEC 14496-12 and -15): one track of H.264 without reordering, and one of AAC or none.

// The numbers and clocks of the tracks.
const (
	videoID, audioID = 1, 2
	videoClock       = 90000
)

// sample is one access unit: H.264 with the lengths of its NAL units in front of them, or an AAC frame.
type sample struct {
	data     []byte
	duration uint32 // in the track's clock
	key      bool
}

// run is the samples of a track in one fragment.
type run struct {
	id      uint32
	start   int64 // decoding time of the first
	samples []sample
}

func box(kind string, parts ...[]byte) []byte {
	n := 8
	for _, p := range parts {
		n += len(p)
	}
	out := binary.BigEndian.AppendUint32(make([]byte, 0, n), uint32(n))
	out = append(out, kind...)
	for _, p := range parts {
		out = append(out, p...)
	}
	return out
}

// u32 and u16 are big-endian numbers in a row.
func u32(list ...uint32) (out []byte) {
	for _, n := range list {
		out = binary.BigEndian.AppendUint32(out, n)
	}
	return out
}

func u16(list ...uint16) (out []byte) {
	for _, n := range list {
		out = binary.BigEndian.AppendUint16(out, n)
	}
	return out
}

// unity is the matrix of a frame that is neither turned nor moved.
var unity = u32(0x10000, 0, 0, 0, 0x10000, 0, 0, 0, 0x40000000)

// splitNAL cuts an access unit with start codes into its NAL units.
func splitNAL(b []byte) (list [][]byte) {
	start := -1
	for i := 0; i+2 < len(b); i++ {
		if b[i] != 0 || b[i+1] != 0 || b[i+2] != 1 {
			continue
		}
		if start >= 0 {
			list = append(list, bytes.TrimRight(b[start:i], "\x00"))
		}
		start = i + 3
		i += 2
	}
	if start >= 0 && start < len(b) {
		list = append(list, b[start:])
	}
	return list
}

// withLengths is an access unit as MP4 has it. Parameter sets are left out: they stand in the sample description.
func withLengths(b []byte) []byte {
	out := make([]byte, 0, len(b)+8)
	for _, n := range splitNAL(b) {
		if len(n) == 0 || n[0]&31 == 7 || n[0]&31 == 8 || n[0]&31 == 9 {
			continue
		}
		out = append(binary.BigEndian.AppendUint32(out, uint32(len(n))), n...)
	}
	return out
}

// videoTrack describes H.264 by its headers with start codes.
type videoTrack struct {
	width, height int
	sps, pps      []byte
}

func newVideoTrack(width, height int, headers []byte) (v videoTrack, err error) {
	v.width, v.height = width, height
	for _, n := range splitNAL(headers) {
		switch {
		case len(n) > 3 && n[0]&31 == 7:
			v.sps = n
		case len(n) > 0 && n[0]&31 == 8:
			v.pps = n
		}
	}
	if v.sps == nil || v.pps == nil {
		return v, errors.New("no parameter sets of the video")
	}
	return v, nil
}

// codec is the name of RFC 6381, as in avc1.42c01e.
func (v videoTrack) codec() string {
	return fmt.Sprintf("avc1.%02x%02x%02x", v.sps[1], v.sps[2], v.sps[3])
}

func (v videoTrack) description() []byte {
	config := append([]byte{1, v.sps[1], v.sps[2], v.sps[3], 0xff, 0xe1}, u16(uint16(len(v.sps)))...)
	config = append(config, v.sps...)
	config = append(append(append(config, 1), u16(uint16(len(v.pps)))...), v.pps...)
	return box("avc1", make([]byte, 6), u16(1), make([]byte, 16), u16(uint16(v.width), uint16(v.height)), u32(0x480000, 0x480000, 0), u16(1), make([]byte, 32),
		u16(24, 0xffff), box("avcC", config))
}

// audioTrack describes AAC by its AudioSpecificConfig.
type audioTrack struct {
	rate, channels int
	config         []byte
}

func (a audioTrack) description() []byte {
	tag := func(kind byte, content ...[]byte) []byte {
		all := bytes.Join(content, nil)
		return append([]byte{kind, byte(len(all))}, all...)
	}
	es := tag(3, u16(0), []byte{0},
		tag(4, []byte{0x40, 0x15, 0, 0, 0}, u32(0, 0), tag(5, a.config)), // AAC, audio stream
		tag(6, []byte{2}))
	return box("mp4a", make([]byte, 6), u16(1), make([]byte, 8), u16(uint16(a.channels), 16, 0, 0), u32(uint32(a.rate)<<16), box("esds", u32(0), es))
}

// track is a trak box.
func track(id uint32, clock int, handler string, width, height int, media, description []byte) []byte {
	volume := u16(0, 0, 0, 0) // layer, group, volume, reserved
	if handler == "soun" {
		volume = u16(0, 0, 0x100, 0)
	}
	empty := func(kind string, n int) []byte { return box(kind, make([]byte, n)) }
	return box("trak",
		box("tkhd", u32(7, 0, 0, id, 0, 0, 0, 0), volume, unity, u32(uint32(width)<<16, uint32(height)<<16)),
		box("mdia",
			box("mdhd", u32(0, 0, 0, uint32(clock), 0), u16(0x55c4, 0)),
			box("hdlr", u32(0, 0), []byte(handler), make([]byte, 12), []byte("vsr\x00")),
			box("minf", media,
				box("dinf", box("dref", u32(0, 1), box("url ", u32(1)))),
				box("stbl", box("stsd", u32(0, 1), description), empty("stts", 8), empty("stsc", 8), empty("stsz", 12), empty("stco", 8)))))
}

// initSegment is what stands in front of all fragments. a is nil without audio.
func initSegment(v videoTrack, a *audioTrack) []byte {
	tracks := [][]byte{
		box("mvhd", u32(0, 0, 0, 1000, 0, 0x10000), u16(0x100, 0), u32(0, 0), unity, make([]byte, 24), u32(3)),
		track(videoID, videoClock, "vide", v.width, v.height, box("vmhd", u32(1, 0, 0)), v.description()),
	}
	extends := box("trex", u32(0, videoID, 1, 0, 0, 0))
	if a != nil {
		tracks = append(tracks, track(audioID, a.rate, "soun", 0, 0, box("smhd", u32(0, 0)), a.description()))
		extends = append(extends, box("trex", u32(0, audioID, 1, 0, 0, 0))...)
	}
	tracks = append(tracks, box("mvex", extends))
	return append(box("ftyp", []byte("iso5"), u32(512), []byte("iso5iso6mp41")), box("moov", tracks...)...)
}

// fragment is a moof box with its mdat.
func fragment(number uint32, runs []run) []byte {
	const keyFlags, otherFlags = 0x02000000, 0x01010000 // depends on nothing; depends on others and is no sync sample
	var data []byte
	build := func(offset uint32) []byte {
		parts := [][]byte{box("mfhd", u32(0, number))}
		for _, r := range runs {
			table := u32(0x000701, uint32(len(r.samples)), offset) // offset of the data; duration, size and flags of each
			for _, s := range r.samples {
				flags := uint32(otherFlags)
				if s.key {
					flags = keyFlags
				}
				table = append(table, u32(s.duration, uint32(len(s.data)), flags)...)
				offset += uint32(len(s.data))
			}
			parts = append(parts, box("traf", box("tfhd", u32(0x020000, r.id)), box("tfdt", u32(1<<24, uint32(r.start>>32), uint32(r.start))), box("trun", table)))
		}
		return box("moof", parts...)
	}
	for _, r := range runs {
		for _, s := range r.samples {
			data = append(data, s.data...)
		}
	}
	head := build(uint32(len(build(0))) + 8)
	return append(head, box("mdat", data)...)
}
