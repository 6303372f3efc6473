package av

// #include "av.h"
import "C"

import (
	"unsafe"

	astiav "github.com/asticode/go-astiav"

	"vsr/media"
)

// Side data types that code branches on: FFmpeg's AVPacketSideDataType and AVFrameSideDataType.
const (
	PacketDisplayMatrix = int(C.AV_PKT_DATA_DISPLAYMATRIX)
	PacketMastering     = int(C.AV_PKT_DATA_MASTERING_DISPLAY_METADATA)
	PacketLightLevel    = int(C.AV_PKT_DATA_CONTENT_LIGHT_LEVEL)
	PacketDolbyVision   = int(C.AV_PKT_DATA_DOVI_CONF)
	PacketStereo3D      = int(C.AV_PKT_DATA_STEREO3D)
	PacketSpherical     = int(C.AV_PKT_DATA_SPHERICAL)
	PacketNewExtra      = int(C.AV_PKT_DATA_NEW_EXTRADATA)
	PacketParamChange   = int(C.AV_PKT_DATA_PARAM_CHANGE)

	FrameDisplayMatrix = int(C.AV_FRAME_DATA_DISPLAYMATRIX)
	FrameMastering     = int(C.AV_FRAME_DATA_MASTERING_DISPLAY_METADATA)
	FrameLightLevel    = int(C.AV_FRAME_DATA_CONTENT_LIGHT_LEVEL)
	FrameCaptions      = int(C.AV_FRAME_DATA_A53_CC)
	FrameHDR10Plus     = int(C.AV_FRAME_DATA_DYNAMIC_HDR_PLUS)
	FrameICC           = int(C.AV_FRAME_DATA_ICC_PROFILE)
	FrameTimecode      = int(C.AV_FRAME_DATA_S12M_TIMECODE)
	FrameStereo3D      = int(C.AV_FRAME_DATA_STEREO3D)
	FrameSpherical     = int(C.AV_FRAME_DATA_SPHERICAL)
)

// Packet flags.
const (
	FlagKey     = int(C.AV_PKT_FLAG_KEY)
	FlagCorrupt = int(C.AV_PKT_FLAG_CORRUPT)
	FlagDiscard = int(C.AV_PKT_FLAG_DISCARD)
)

// ReadPacket copies a packet into the garbage-collected heap. Track is the stream's index.
func ReadPacket(p *astiav.Packet) *media.Packet { return packet((*C.AVPacket)(pointer(p))) }

func packet(c *C.AVPacket) *media.Packet {
	out := &media.Packet{Track: int(c.stream_index), PTS: int64(c.pts), DTS: int64(c.dts), Duration: int64(c.duration),
		Key: c.flags&C.AV_PKT_FLAG_KEY != 0, Flags: int(c.flags), Data: C.GoBytes(unsafe.Pointer(c.data), c.size)}
	for _, sd := range unsafe.Slice(c.side_data, c.side_data_elems) {
		out.SideData = append(out.SideData, media.SideData{Type: int(sd._type), Data: C.GoBytes(unsafe.Pointer(sd.data), C.int(sd.size))})
	}
	return out
}

// WritePacket fills the empty packet dst with a copy of src for the given stream, times untouched.
func WritePacket(dst *astiav.Packet, src *media.Packet, stream int) error {
	c := (*C.AVPacket)(pointer(dst))
	if err := check(C.av_new_packet(c, C.int(len(src.Data)))); err != nil {
		return err
	}
	copy(unsafe.Slice((*byte)(c.data), len(src.Data)), src.Data)
	c.stream_index, c.pts, c.dts, c.duration, c.flags = C.int(stream), C.int64_t(src.PTS), C.int64_t(src.DTS), C.int64_t(src.Duration), C.int(src.Flags)
	if src.Key {
		c.flags |= C.AV_PKT_FLAG_KEY
	}
	for _, sd := range src.SideData {
		b := C.av_packet_new_side_data(c, C.enum_AVPacketSideDataType(sd.Type), C.size_t(len(sd.Data)))
		if b == nil {
			return &Error{Code: -int(C.ENOMEM)}
		}
		copy(unsafe.Slice((*byte)(b), len(sd.Data)), sd.Data)
	}
	return nil
}

// Encrypted reports whether a packet's bytes are encrypted, as those of protected MP4 files.
func Encrypted(p *astiav.Packet) bool {
	return C.av_packet_get_side_data((*C.AVPacket)(pointer(p)), C.AV_PKT_DATA_ENCRYPTION_INFO, nil) != nil
}

// FrameSideData copies the side data of a frame whose types are listed.
func FrameSideData(f *astiav.Frame, types ...int) []media.SideData {
	var out []media.SideData
	for _, t := range types {
		sd := C.av_frame_get_side_data((*C.AVFrame)(f.UnsafePointer()), C.enum_AVFrameSideDataType(t))
		if sd != nil {
			out = append(out, media.SideData{Type: t, Data: C.GoBytes(unsafe.Pointer(sd.data), C.int(sd.size))})
		}
	}
	return out
}

// AddFrameSideData attaches side data to a frame.
func AddFrameSideData(f *astiav.Frame, list []media.SideData) error {
	for _, sd := range list {
		c := C.av_frame_new_side_data((*C.AVFrame)(f.UnsafePointer()), C.enum_AVFrameSideDataType(sd.Type), C.size_t(len(sd.Data)))
		if c == nil {
			return &Error{Code: -int(C.ENOMEM)}
		}
		copy(unsafe.Slice((*byte)(c.data), len(sd.Data)), sd.Data)
	}
	return nil
}

// ClearFrameSideData removes all side data, before a frame is used again.
func ClearFrameSideData(f *astiav.Frame) {
	c := (*C.AVFrame)(f.UnsafePointer())
	for c.nb_side_data > 0 {
		C.av_frame_remove_side_data(c, (*(**C.AVFrameSideData)(unsafe.Pointer(c.side_data)))._type)
	}
}

// Rescale converts a time stamp between time bases, to the nearest tick, half away from zero. NoTime stays.
func Rescale(t int64, from, to media.Rational) int64 {
	if t == media.NoTime {
		return t
	}
	return int64(C.av_rescale_q_rnd(C.int64_t(t), C.AVRational{num: C.int(from.Num), den: C.int(from.Den)},
		C.AVRational{num: C.int(to.Num), den: C.int(to.Den)}, C.AV_ROUND_NEAR_INF))
}

// Compare orders two times of different time bases: -1, 0 or 1.
func Compare(a int64, ta media.Rational, b int64, tb media.Rational) int {
	return int(C.av_compare_ts(C.int64_t(a), C.AVRational{num: C.int(ta.Num), den: C.int(ta.Den)}, C.int64_t(b), C.AVRational{num: C.int(tb.Num), den: C.int(tb.Den)}))
}

// Approximate is the fraction nearest to x whose parts are at most limit.
func Approximate(x float64, limit int) media.Rational {
	return rational(C.av_d2q(C.double(x), C.int(limit)))
}
