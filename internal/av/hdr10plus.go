package av

// #include "av.h"
// #include <libavutil/hdr_dynamic_metadata.h>
import "C"

import (
	"math"
	"unsafe"
)

// bitWriter collects bits, highest first.
type bitWriter struct {
	out  []byte
	left int // free bits in the last byte
}

func (w *bitWriter) put(v uint64, n int) {
	for n--; n >= 0; n-- {
		if w.left == 0 {
			w.out, w.left = append(w.out, 0), 8
		}
		w.left--
		w.out[len(w.out)-1] |= byte(v>>n&1) << w.left
	}
}

// part writes a rational as a number of 1/unit.
func (w *bitWriter) part(r C.AVRational, unit int64, n int) {
	v := int64(0)
	if r.den != 0 {
		v = (2*int64(r.num)*unit/int64(r.den) + 1) / 2
	}
	w.put(uint64(min(max(v, 0), 1<<n-1)), n)
}

// peaks writes a table of relative luminances, if there is one.
func (w *bitWriter) peaks(flag C.uint8_t, rows, columns C.uint8_t, table *[25][25]C.AVRational) {
	w.put(uint64(flag&1), 1)
	if flag == 0 {
		return
	}
	w.put(uint64(rows), 5)
	w.put(uint64(columns), 5)
	for i := range min(int(rows), 25) {
		for j := range min(int(columns), 25) {
			w.part(table[i][j], 15, 4)
		}
	}
}

// hdr10Plus is a view of FFmpeg's HDR10+ side data, nil of data that is too short.
func hdr10Plus(data []byte) *C.AVDynamicHDRPlus {
	if len(data) < int(unsafe.Sizeof(C.AVDynamicHDRPlus{})) {
		return nil
	}
	return (*C.AVDynamicHDRPlus)(unsafe.Pointer(&data[0]))
}

// HDR10PlusWindows is how many windows the HDR10+ side data of a frame has, 1 to 3; 0 of data that is none.
func HDR10PlusWindows(data []byte) int {
	if m := hdr10Plus(data); m != nil && m.num_windows <= 3 {
		return int(m.num_windows)
	}
	return 0
}

// Enlarged says how much larger a frame is than the one that its metadata was made for.
type Enlarged struct {
	Width, Height int     // of the larger frame
	X, Y          float64 // factors
}

// window writes where the window of p lies in the larger frame: the samples that the small ones became.
func (w *bitWriter) window(p *C.AVHDRPlusColorTransformParams, e Enlarged) {
	coordinate := func(v float64, size int) { w.put(uint64(min(max(math.Round(v), 0), float64(size-1))), 16) }
	corner := func(r C.AVRational, factor float64, size int, far float64) {
		v := float64(r.num) / float64(max(r.den, 1))
		if r.den > 1 { // a share of the frame
			coordinate(v*float64(size-1), size)
			return
		}
		coordinate((v+far)*factor-far, size)
	}
	corner(p.window_upper_left_corner_x, e.X, e.Width, 0)
	corner(p.window_upper_left_corner_y, e.Y, e.Height, 0)
	corner(p.window_lower_right_corner_x, e.X, e.Width, 1)
	corner(p.window_lower_right_corner_y, e.Y, e.Height, 1)
	coordinate((float64(p.center_of_ellipse_x)+0.5)*e.X-0.5, e.Width)
	coordinate((float64(p.center_of_ellipse_y)+0.5)*e.Y-0.5, e.Height)
	w.put(uint64(p.rotation_angle), 8)
	mean := math.Sqrt(e.X * e.Y)
	for _, axis := range []C.uint16_t{p.semimajor_axis_internal_ellipse, p.semimajor_axis_external_ellipse, p.semiminor_axis_external_ellipse} {
		coordinate(float64(axis)*mean, 1<<16)
	}
	w.put(uint64(p.overlap_process_option&1), 1)
}

// HDR10PlusMessage writes FFmpeg's HDR10+ side data of a frame as the message registered by ITU-T T.35 that SMPTE ST 2094-40 states, country code
// included, with its windows where they lie in the larger frame. It is nil for data that is none.
func HDR10PlusMessage(data []byte, e Enlarged) []byte {
	windows := HDR10PlusWindows(data)
	if windows == 0 {
		return nil
	}
	m, w := hdr10Plus(data), &bitWriter{}
	w.put(0xb5, 8)
	w.put(0x003c, 16)
	w.put(1, 16)
	w.put(4, 8)
	w.put(uint64(m.application_version), 8)
	w.put(uint64(windows), 2)
	for i := 1; i < windows; i++ {
		w.window(&m.params[i], e)
	}
	w.part(m.targeted_system_display_maximum_luminance, 1, 27)
	w.peaks(m.targeted_system_display_actual_peak_luminance_flag, m.num_rows_targeted_system_display_actual_peak_luminance,
		m.num_cols_targeted_system_display_actual_peak_luminance, &m.targeted_system_display_actual_peak_luminance)
	for i := range windows {
		w.light(&m.params[i])
	}
	w.peaks(m.mastering_display_actual_peak_luminance_flag, m.num_rows_mastering_display_actual_peak_luminance,
		m.num_cols_mastering_display_actual_peak_luminance, &m.mastering_display_actual_peak_luminance)
	for i := range windows {
		w.mapping(&m.params[i])
	}
	return w.out
}

// light writes how bright a window is.
func (w *bitWriter) light(p *C.AVHDRPlusColorTransformParams) {
	for _, v := range p.maxscl {
		w.part(v, 100000, 17)
	}
	w.part(p.average_maxrgb, 100000, 17)
	n := min(int(p.num_distribution_maxrgb_percentiles), 15)
	w.put(uint64(n), 4)
	for _, d := range p.distribution_maxrgb[:n] {
		w.put(uint64(d.percentage), 7)
		w.part(d.percentile, 100000, 17)
	}
	w.part(p.fraction_bright_pixels, 1000, 10)
}

// mapping writes how a window is to be shown by a display of less light.
func (w *bitWriter) mapping(p *C.AVHDRPlusColorTransformParams) {
	w.put(uint64(p.tone_mapping_flag&1), 1)
	if p.tone_mapping_flag != 0 {
		w.part(p.knee_point_x, 4095, 12)
		w.part(p.knee_point_y, 4095, 12)
		n := min(int(p.num_bezier_curve_anchors), 15)
		w.put(uint64(n), 4)
		for _, a := range p.bezier_curve_anchors[:n] {
			w.part(a, 1023, 10)
		}
	}
	w.put(uint64(p.color_saturation_mapping_flag&1), 1)
	if p.color_saturation_mapping_flag != 0 {
		w.part(p.color_saturation_weight, 8, 6)
	}
}
