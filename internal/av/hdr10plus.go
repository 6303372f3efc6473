package av

// #include "av.h"
// #include <libavutil/hdr_dynamic_metadata.h>
import "C"

import "unsafe"

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

// HDR10PlusMessage writes FFmpeg's HDR10+ side data of a frame as the message registered by ITU-T T.35 that SMPTE ST 2094-40 states, country code
// included. Frames of more than one window give nil: their windows are in the coordinates of another size.
func HDR10PlusMessage(data []byte) []byte {
	if len(data) < int(unsafe.Sizeof(C.AVDynamicHDRPlus{})) {
		return nil
	}
	m := (*C.AVDynamicHDRPlus)(unsafe.Pointer(&data[0]))
	if m.num_windows != 1 {
		return nil
	}
	p := &m.params[0]
	w := &bitWriter{}
	w.put(0xb5, 8)
	w.put(0x003c, 16)
	w.put(1, 16)
	w.put(4, 8)
	w.put(uint64(m.application_version), 8)
	w.put(uint64(m.num_windows), 2)
	w.part(m.targeted_system_display_maximum_luminance, 1, 27)
	w.peaks(m.targeted_system_display_actual_peak_luminance_flag, m.num_rows_targeted_system_display_actual_peak_luminance,
		m.num_cols_targeted_system_display_actual_peak_luminance, &m.targeted_system_display_actual_peak_luminance)
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
	w.peaks(m.mastering_display_actual_peak_luminance_flag, m.num_rows_mastering_display_actual_peak_luminance,
		m.num_cols_mastering_display_actual_peak_luminance, &m.mastering_display_actual_peak_luminance)
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
	return w.out
}
