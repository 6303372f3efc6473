package main

import (
	"github.com/spf13/pflag"

	"vsr/live"
)

const outputExamples = `  vsr live --source v4l2:/dev/video0 --size 1280x720 --rate 30 --audio-device pulse:default
  vsr live --source listen:rtmp://127.0.0.1:1935/live/cam    # waits for a program that pushes
  vsr live --push-file keys.txt                # to RTMP, SRT, RTSP and WHIP servers, one address a line
  vsr live --push srt://192.0.2.7:9000 --push 'rtmp://127.0.0.1/live/cam#bitrate=2500k'
  vsr live --virtual-camera /dev/video10       # for Zoom and others; needs the module v4l2loopback
  vsr live --stdout y4m | ffplay -             # or any other program
  vsr live --hls                               # for TVs and players that know no WebRTC`

// inputFlags are those of devices.
func inputFlags(f *pflag.FlagSet, o *live.Options) {
	f.StringVar(&o.Size, "size", o.Size, "`WxH` of a device's frames; empty is its own")
	f.StringVar(&o.Rate, "rate", o.Rate, "frames a second of a device; empty is its own")
	f.StringVar(&o.AudioDevice, "audio-device", o.AudioDevice, "alsa:`NAME` or pulse:NAME, beside a source at this machine")
}

// outputFlags are those of where the stream goes besides the viewers.
func outputFlags(f *pflag.FlagSet, o *live.Options) {
	f.Var(&o.Push, "push", "send the stream to `address` too: rtmp, rtmps, srt, rtsp, udp, whip+https; may be repeated")
	f.StringVar(&o.PushFile, "push-file", o.PushFile, "`file` with such addresses, one a line, for those with a stream key")
	f.StringVar(&o.VirtualCamera, "virtual-camera", o.VirtualCamera, "v4l2loopback `device` that Zoom and others take for a camera, as in /dev/video10")
	f.StringVar(&o.Stdout, "stdout", o.Stdout, "write frames to standard output: y4m, nut or matroska")
	f.BoolVar(&o.HLS, "hls", o.HLS, "serve HLS too, for players that know no WebRTC")
}
