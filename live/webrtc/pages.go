package webrtc

import (
	"embed"
	"net/http"
	"strings"
)

//go:embed page
var pageFiles embed.FS

// pages are the pages by their address: of the streamer, of viewers, and of OBS, which shows nothing but the video.
var pages = map[string]string{"/{$}": "streamer.html", "/watch": "watch.html", "/obs": "obs.html"}

// servePage sends a page with the script and the style that all pages share. They carry a nonce, so that nothing else on it can ever run.
func (s *Server) servePage(name string) http.HandlerFunc {
	html := readPage(name)
	html = strings.Replace(html, "/*SHARED STYLE*/", readPage("shared.css"), 1)
	html = strings.Replace(html, "/*SHARED SCRIPT*/", readPage("shared.js"), 1)
	html = strings.Replace(html, "ICON", "data:image/svg+xml,"+icon, 1)
	return func(w http.ResponseWriter, _ *http.Request) {
		nonce := randomID()
		h := w.Header()
		h.Set("Content-Type", "text/html; charset=utf-8")
		h.Set("Cache-Control", "no-store")
		h.Set("Permissions-Policy", "camera=(self), microphone=(self), autoplay=(self), fullscreen=(self)")
		h.Set("Content-Security-Policy", "default-src 'none'; connect-src 'self'; img-src 'self' data: blob:; "+
			"media-src 'self' blob: mediastream:; style-src 'nonce-"+nonce+"'; script-src 'nonce-"+nonce+"'; frame-ancestors 'none'; base-uri 'none'")
		strings.NewReplacer("NONCE", nonce).WriteString(w, html)
	}
}

// icon is a small square and a large one, percent-encoded.
const icon = "%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 32 32'%3E%3Crect width='32' height='32' rx='7' fill='%23101216'/%3E" +
	"%3Crect x='5' y='17' width='10' height='10' rx='2' fill='%239aa3b2'/%3E%3Cpath d='M12 5h15v15' fill='none' stroke='%235cc8ff' stroke-width='4'/%3E%3C/svg%3E"

func readPage(name string) string {
	b, err := pageFiles.ReadFile("page/" + name)
	if err != nil {
		panic(err) // embedded when the program is built
	}
	return string(b)
}
