#!/usr/bin/env python3
"""Publishes to vsr live, or watches it, with aiortc: a WebRTC stack in Python that shares no line with the browsers' and pion's.

    aiortc_peer.py whip http://HOST:PORT TOKEN [vp8|h264]    sends flashes of 320x180 with tones, a tenth of each second, until it is ended
    aiortc_peer.py whep http://HOST:PORT TOKEN               watches; prints the size of the first frame and how many came

pip install aiortc. It stops by itself after 60 seconds, or after 60 frames and 60 packets of audio watched.
"""
import asyncio
import fractions
import sys
import time
import urllib.error
import urllib.request

import av
import numpy
from aiortc import AudioStreamTrack, RTCPeerConnection, RTCRtpSender, RTCSessionDescription, VideoStreamTrack
from aiortc.mediastreams import MediaStreamError

RATE, FPS, LIMIT = 48000, 30, 60
BEGIN = None  # of both tracks


async def until(seconds):
    global BEGIN
    BEGIN = BEGIN or time.time()
    await asyncio.sleep(max(0, BEGIN + seconds - time.time()))


class Flashes(VideoStreamTrack):
    """White for the first tenth of each second, otherwise dark with a texture."""

    number = -1

    async def recv(self):
        self.number += 1
        await until(self.number / FPS)
        image = numpy.full((180, 320, 3), 235 if self.number % FPS < FPS // 10 else 16, numpy.uint8)
        image[170:, (self.number * 8) % 300:][:, :20] = 128
        frame = av.VideoFrame.from_ndarray(image, format="rgb24")
        frame.pts, frame.time_base = self.number * 90000 // FPS, fractions.Fraction(1, 90000)
        return frame


class Tones(AudioStreamTrack):
    """A tone with noise while it flashes, otherwise silence."""

    number = -1

    async def recv(self):
        self.number += 1
        n, start = RATE // 50, self.number * RATE // 50
        await until((start + n) / RATE)
        t = (start + numpy.arange(n)) / RATE
        wave = numpy.where(t % 1 < 0.1, numpy.sin(2 * numpy.pi * 1000 * t) + 0.3 * numpy.random.rand(n), 0)
        frame = av.AudioFrame.from_ndarray((wave * 12000).astype(numpy.int16).reshape(1, -1), format="s16", layout="mono")
        frame.sample_rate, frame.pts, frame.time_base = RATE, start, fractions.Fraction(1, RATE)
        return frame


def post(url, token, offer):
    request = urllib.request.Request(url, offer.encode(), method="POST", headers={"Content-Type": "application/sdp", "Authorization": "Bearer " + token})
    with urllib.request.urlopen(request, timeout=10) as reply:
        return reply.read().decode(), reply.headers["Location"]


async def negotiate(peer, kind, base, token):
    await peer.setLocalDescription(await peer.createOffer())
    while True:
        try:
            answer, _ = await asyncio.to_thread(post, f"{base}/{kind}", token, peer.localDescription.sdp)
            break
        except urllib.error.HTTPError as e:
            if e.code != 409:  # nothing is live yet
                sys.exit(f"refused: {e.code} {e.read().decode()}")
            await asyncio.sleep(int(e.headers.get("Retry-After", "1")))
    await peer.setRemoteDescription(RTCSessionDescription(answer, "answer"))
    print("connected", flush=True)


async def publish(base, token, codec):
    peer = RTCPeerConnection()
    video = peer.addTransceiver(Flashes(), direction="sendonly")
    peer.addTransceiver(Tones(), direction="sendonly")
    mime = {"vp8": "video/VP8", "h264": "video/H264"}[codec]
    video.setCodecPreferences([c for c in RTCRtpSender.getCapabilities("video").codecs if c.mimeType == mime])
    await negotiate(peer, "whip", base, token)
    await asyncio.sleep(LIMIT)
    await peer.close()


async def watch(base, token):
    peer, counts, done = RTCPeerConnection(), {"video": 0, "audio": 0}, asyncio.Event()

    async def take(track):
        while True:
            try:
                frame = await track.recv()
            except MediaStreamError:
                return
            counts[track.kind] += 1
            if track.kind == "video" and counts["video"] == 1:
                print(f"first frame {frame.width}x{frame.height}", flush=True)
            if min(counts.values()) >= 60:
                done.set()

    tasks = []
    peer.on("track", lambda track: tasks.append(asyncio.ensure_future(take(track))))
    peer.addTransceiver("video", direction="recvonly")
    peer.addTransceiver("audio", direction="recvonly")
    await negotiate(peer, "whep", base, token)
    try:
        await asyncio.wait_for(done.wait(), LIMIT)
    except asyncio.TimeoutError:
        sys.exit(f"time is up: {counts}")
    print(f"watched {counts['video']} frames and {counts['audio']} packets of audio", flush=True)
    await peer.close()


if __name__ == "__main__":
    if len(sys.argv) < 4 or sys.argv[1] not in ("whip", "whep"):
        sys.exit(__doc__)
    kind, base, token = sys.argv[1:4]
    asyncio.run(publish(base, token, sys.argv[4] if len(sys.argv) > 4 else "vp8") if kind == "whip" else watch(base, token))
