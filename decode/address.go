package decode

import (
	"slices"
	"strings"

	"vsr/internal/av"
)

// localProtocols may be opened without Options.Network.
const localProtocols = "file,pipe,fd"

// networkProtocols may be opened with it. They do not include file: an address must not make us read the disk.
const networkProtocols = "http,https,tls,tcp,udp,rtp,srtp,rtsp,rtmp,rtmps,rtmpt,srt,httpproxy,crypto,ffrtmphttp,pipe"

// banned input formats read other files or addresses, run scripts, or draw text files as video.
var banned = []string{"hls", "concat", "concatf", "dash", "imf", "sdp", "rtsp", "rtp", "sap", "image2", "alias_pix", "brender_pix", "webm_dash_manifest",
	"vobsub", "avisynth", "vapoursynth", "tty", "bin", "xbin", "adf", "idf", "ffmetadata", "gme", "libopenmpt", "modplug"}

// address splits what the user typed into FFmpeg's address, its protocol whitelist and whether it is on the network.
func address(url, format string) (full, protocols string, network bool) {
	if format != "" {
		return url, "", false
	}
	if url == "-" {
		return "pipe:0", localProtocols, false
	}
	if scheme, rest, ok := strings.Cut(url, ":"); ok && strings.HasPrefix(rest, "//") {
		switch scheme {
		case "rtsp", "rtsps", "rtmp", "rtmps", "rtmpt", "http", "https", "tcp", "udp", "rtp", "srt", "tls":
			return url, networkProtocols, true
		}
	}
	if strings.HasPrefix(url, "pipe:") {
		return url, localProtocols, false
	}
	// The prefix keeps FFmpeg from reading a protocol into a file name with a colon.
	return "file:" + strings.TrimPrefix(url, "file:"), localProtocols, false
}

// allowedFormats is FFmpeg's format_whitelist for local files.
func allowedFormats() string {
	all := slices.DeleteFunc(av.InputFormats(), func(name string) bool { return slices.Contains(banned, name) })
	return strings.Join(all, ",")
}

// hideSecrets cuts user, password and query out of an address, for messages.
func hideSecrets(url string) string {
	scheme, rest, ok := strings.Cut(url, "://")
	if !ok {
		return url
	}
	rest, _, _ = strings.Cut(rest, "?")
	if host, path, found := strings.Cut(rest, "/"); found || host != "" {
		if i := strings.LastIndexByte(host, '@'); i >= 0 {
			host = host[i+1:]
		}
		rest = host
		if found {
			rest += "/" + path
		}
	}
	return scheme + "://" + rest
}
