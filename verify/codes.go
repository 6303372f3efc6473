package verify

import "strings"

// sampleSize is the bytes of one sample of uncompressed audio, 0 for other codecs. Names are FFmpeg's, as in pcm_s16le. Blu-ray's and DVD's
// PCM has headers and is not uncompressed in this sense.
func sampleSize(codec string) int {
	name, ok := strings.CutPrefix(codec, "pcm_")
	if !ok {
		return 0
	}
	for prefix, size := range map[string]int{"s8": 1, "u8": 1, "mulaw": 1, "alaw": 1, "s16": 2, "u16": 2, "s24": 3, "u24": 3, "s32": 4, "u32": 4, "f32": 4, "s64": 8, "f64": 8} {
		if strings.HasPrefix(name, prefix) {
			return size
		}
	}
	return 0
}

// sampleKind is a codec of uncompressed audio without the order of its bytes.
func sampleKind(codec string) string {
	return strings.TrimSuffix(strings.TrimSuffix(codec, "le"), "be")
}

// terminological gives the ISO 639-2/T code for a 639-2/B code, and for the few of FFmpeg's list of QuickTime languages that are neither.
var terminological = map[string]string{"alb": "sqi", "arm": "hye", "baq": "eus", "bur": "mya", "chi": "zho", "cze": "ces", "dut": "nld", "fre": "fra", "geo": "kat",
	"ger": "deu", "gre": "ell", "ice": "isl", "mac": "mkd", "mao": "mri", "may": "msa", "per": "fas", "rum": "ron", "slo": "slk", "tib": "bod", "wel": "cym",
	"sve": "swe", "hr": "hrv", "sr": "srp", "fo": "fao", "pa": "pan", "iri": "gle", "mol": "ron", "scr": "hrv", "scc": "srp"}

// sameLanguage reports whether two tags name one language.
func sameLanguage(a, b string) bool {
	name := func(tag string) string {
		tag = strings.ToLower(strings.TrimSpace(tag))
		if t, ok := terminological[tag]; ok {
			return t
		}
		return tag
	}
	return name(a) == name(b)
}
