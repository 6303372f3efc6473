#!/usr/bin/env python3
"""Publishes to vsr live, or watches it, with GStreamer's webrtcbin: another WebRTC stack than the browser's and pion's.

    gst.py whip http://HOST:PORT TOKEN [vp8|h264]    sends a test video of 320x180 with a tone, until it is ended
    gst.py whep http://HOST:PORT TOKEN               watches; prints the size of the first frame and how many came

Debian 12: python3-gst-1.0 gir1.2-gst-plugins-bad-1.0 gstreamer1.0-plugins-{base,good,bad,ugly} gstreamer1.0-nice gstreamer1.0-libav.
It stops by itself after 30 seconds, or after 60 frames watched.
"""
import sys
import urllib.error
import urllib.request

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstSdp", "1.0")
gi.require_version("GstWebRTC", "1.0")
from gi.repository import GLib, Gst, GstSdp, GstWebRTC  # noqa: E402

VIDEO = {
    "vp8": "vp8enc deadline=1 keyframe-max-dist=30 ! rtpvp8pay picture-id-mode=2 ! application/x-rtp,media=video,encoding-name=VP8,payload=96",
    "h264": "x264enc tune=zerolatency speed-preset=ultrafast key-int-max=30 ! video/x-h264,profile=constrained-baseline ! "
    "rtph264pay aggregate-mode=zero-latency config-interval=-1 ! application/x-rtp,media=video,encoding-name=H264,payload=96",
}
SOUND = "audiotestsrc is-live=true volume=0.1 ! opusenc ! rtpopuspay ! application/x-rtp,media=audio,encoding-name=OPUS,payload=97"


class Session:
    """One WHIP or WHEP session: the offer goes out when all candidates are known."""

    def __init__(self, kind, base, token, codec):
        self.kind, self.base, self.token = kind, base, token
        self.loop, self.frames = GLib.MainLoop(), 0
        if kind == "whip":
            video = "videotestsrc is-live=true ! video/x-raw,width=320,height=180,framerate=30/1 ! videoconvert ! " + VIDEO[codec]
            self.pipe = Gst.parse_launch(f"webrtcbin name=rtc bundle-policy=max-bundle  {video} ! rtc.  {SOUND} ! rtc.")
        else:
            self.pipe = Gst.Pipeline.new(None)
            self.pipe.add(Gst.parse_launch("webrtcbin name=rtc bundle-policy=max-bundle"))
        self.rtc = self.pipe.get_by_name("rtc")
        if "//127.0.0.1:" in base:  # libnice leaves loopback out unless told
            self.agent = self.rtc.get_property("ice-agent")  # kept: 1.22 gives away a reference that is its own
            self.agent.emit("add-local-ip-address", "127.0.0.1")
        self.rtc.connect("on-negotiation-needed", self.negotiate)
        self.rtc.connect("notify::ice-gathering-state", self.gathered)
        self.rtc.connect("pad-added", self.pad)
        bus = self.pipe.get_bus()
        bus.add_signal_watch()
        bus.connect("message::error", lambda _, m: self.end(1, "error: " + str(m.parse_error())))

    def end(self, code, text):
        self.code = code
        print(text, flush=True)
        self.loop.quit()

    def run(self):
        if self.kind == "whep":
            for caps in ("application/x-rtp,media=video,encoding-name=H264,payload=96,clock-rate=90000,packetization-mode=(string)1,profile-level-id=(string)42e01f",):
                self.rtc.emit("add-transceiver", GstWebRTC.WebRTCRTPTransceiverDirection.RECVONLY, Gst.Caps.from_string(caps))
        self.pipe.set_state(Gst.State.PLAYING)
        GLib.timeout_add_seconds(30, lambda: self.end(0 if self.kind == "whip" else 1, f"time is up, {self.frames} frames"))
        self.loop.run()
        self.pipe.set_state(Gst.State.NULL)
        return self.code

    def negotiate(self, rtc):
        if self.kind == "whip":
            for i in range(2):
                rtc.emit("get-transceiver", i).set_property("direction", GstWebRTC.WebRTCRTPTransceiverDirection.SENDONLY)
        rtc.emit("create-offer", None, Gst.Promise.new_with_change_func(self.offered, rtc))

    def offered(self, promise, rtc):
        promise.wait()
        reply = promise.get_reply()
        rtc.emit("set-local-description", reply.get_value("offer"), Gst.Promise.new())

    def gathered(self, rtc, _):
        if rtc.get_property("ice-gathering-state") == GstWebRTC.WebRTCICEGatheringState.COMPLETE:
            GLib.idle_add(self.post)

    def post(self):
        offer = self.rtc.get_property("local-description").sdp.as_text()
        request = urllib.request.Request(f"{self.base}/{self.kind}", offer.encode(), method="POST",
                                         headers={"Content-Type": "application/sdp", "Authorization": "Bearer " + self.token})
        try:
            with urllib.request.urlopen(request, timeout=10) as reply:
                text = reply.read().decode()
        except urllib.error.HTTPError as e:
            if e.code == 409:  # nothing is live yet
                GLib.timeout_add(1000 * int(e.headers.get("Retry-After", "1")), self.post)
            else:
                self.end(1, f"refused: {e.code} {e.read().decode()}")
            return False
        _, sdp = GstSdp.SDPMessage.new_from_text(text)
        answer = GstWebRTC.WebRTCSessionDescription.new(GstWebRTC.WebRTCSDPType.ANSWER, sdp)
        self.rtc.emit("set-remote-description", answer, None)
        print("connected", flush=True)
        return False

    def pad(self, rtc, pad):
        if pad.get_direction() != Gst.PadDirection.SRC:
            return
        print("track", flush=True)
        sink = Gst.parse_bin_from_description("queue ! rtph264depay ! h264parse ! avdec_h264 ! fakesink name=out signal-handoffs=true sync=false", True)
        sink.get_by_name("out").connect("handoff", self.frame)
        self.pipe.add(sink)
        sink.sync_state_with_parent()
        if pad.link(sink.get_static_pad("sink")) != Gst.PadLinkReturn.OK:
            self.end(1, "cannot link " + pad.get_current_caps().to_string())

    def frame(self, _, buffer, pad):
        self.frames += 1
        if self.frames == 1:
            s = pad.get_current_caps().get_structure(0)
            print(f"first frame {s.get_value('width')}x{s.get_value('height')}", flush=True)
        if self.frames == 60:
            GLib.idle_add(self.end, 0, "60 frames")


if __name__ == "__main__":
    if len(sys.argv) < 4 or sys.argv[1] not in ("whip", "whep"):
        sys.exit(__doc__)
    Gst.init(None)
    sys.exit(Session(sys.argv[1], sys.argv[2], sys.argv[3], sys.argv[4] if len(sys.argv) > 4 else "vp8").run())
