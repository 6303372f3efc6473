#!/usr/bin/env python3
"""A camera and a recorder of RTSP, made of gst-rtsp-server, which shares no line with FFmpeg's RTSP.

    rtsp_server.py PORT FILE.mkv

rtsp://127.0.0.1:PORT/camera plays flashes of 320x180 in H.264 with ticks in AAC; what is announced to rtsp://127.0.0.1:PORT/record goes into FILE.
Prints "ready" when it listens, and ends when its standard input does.

Debian 12: gir1.2-gst-rtsp-server-1.0 gstreamer1.0-plugins-{base,good,bad,ugly} gstreamer1.0-libav.
"""
import sys

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstRtspServer", "1.0")
from gi.repository import GLib, Gst, GstRtspServer  # noqa: E402

CAMERA = ("( videotestsrc is-live=true pattern=ball ! video/x-raw,width=320,height=180,framerate=30/1 ! x264enc tune=zerolatency speed-preset=ultrafast key-int-max=30 "
          "! h264parse ! rtph264pay name=pay0 pt=96 config-interval=-1  audiotestsrc is-live=true wave=ticks ! audioconvert ! avenc_aac ! aacparse ! rtpmp4gpay name=pay1 pt=97 )")
RECORDER = ("( rtph264depay name=depay0 ! h264parse ! queue ! matroskamux name=mux streamable=true ! filesink location={} "
            "rtpmp4gdepay name=depay1 ! aacparse ! queue ! mux. )")


def main(port, file):
    Gst.init(None)
    server, loop = GstRtspServer.RTSPServer.new(), GLib.MainLoop()
    server.set_address("127.0.0.1")
    server.set_service(port)
    for path, launch, mode in (("/camera", CAMERA, "PLAY"), ("/record", RECORDER.format(file), "RECORD")):
        factory = GstRtspServer.RTSPMediaFactory.new()
        factory.set_launch(launch)
        factory.set_transport_mode(getattr(GstRtspServer.RTSPTransportMode, mode))
        factory.set_latency(0)
        server.get_mount_points().add_factory(path, factory)
    if not server.attach(None):
        sys.exit("cannot listen")
    GLib.io_add_watch(sys.stdin.fileno(), GLib.PRIORITY_DEFAULT, GLib.IO_HUP, lambda *_: loop.quit())
    print("ready", flush=True)
    loop.run()


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    main(sys.argv[1], sys.argv[2])
