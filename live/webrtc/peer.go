package webrtc

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/pion/interceptor"
	"github.com/pion/interceptor/pkg/cc"
	"github.com/pion/interceptor/pkg/gcc"
	"github.com/pion/interceptor/pkg/nack"
	"github.com/pion/webrtc/v3"
)

// The RTP formats we negotiate, and nothing else: that makes the choice and the browser's statistics unambiguous.
// Payload types are from the dynamic range; the peer's own numbers win.
var feedback = []webrtc.RTCPFeedback{
	{Type: "goog-remb"}, {Type: "ccm", Parameter: "fir"}, {Type: "nack"}, {Type: "nack", Parameter: "pli"},
}

func codecH264(payload webrtc.PayloadType, profile string) webrtc.RTPCodecParameters {
	return webrtc.RTPCodecParameters{PayloadType: payload, RTPCodecCapability: webrtc.RTPCodecCapability{
		MimeType: webrtc.MimeTypeH264, ClockRate: clockRate, RTCPFeedback: feedback,
		// RFC 6184: packetization-mode 1; level-asymmetry lets us send a higher level than the offer names.
		SDPFmtpLine: "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=" + profile,
	}}
}

var codecVP8 = webrtc.RTPCodecParameters{PayloadType: 96, RTPCodecCapability: webrtc.RTPCodecCapability{
	MimeType: webrtc.MimeTypeVP8, ClockRate: clockRate, RTCPFeedback: feedback,
}}

// clockRate is RTP's for video (RFC 3551 section 5).
const clockRate = 90000

func codecsFor(codec string) []webrtc.RTPCodecParameters {
	switch codec {
	case "h264":
		return []webrtc.RTPCodecParameters{codecH264(102, "42e01f"), codecH264(104, "42001f")}
	case "vp8":
		return []webrtc.RTPCodecParameters{codecVP8}
	}
	return append(codecsFor("h264"), codecVP8)
}

// newPeer makes a connection that speaks the given codec ("" for all). With estimate, bandwidth is estimated from the
// peer's transport-wide feedback (draft-holmer-rmcat-transport-wide-cc-extensions-01) and told to onRate in bit/s.
func (s *Server) newPeer(codec string, onRate func(bps int)) (*webrtc.PeerConnection, error) {
	m := &webrtc.MediaEngine{}
	for _, c := range codecsFor(codec) {
		if err := m.RegisterCodec(c, webrtc.RTPCodecTypeVideo); err != nil {
			return nil, err
		}
	}
	if err := m.RegisterCodec(codecOpus, webrtc.RTPCodecTypeAudio); err != nil {
		return nil, err
	}
	reg := &interceptor.Registry{}
	if onRate != nil {
		ext := webrtc.RTPHeaderExtensionCapability{URI: playoutDelay}
		if err := m.RegisterHeaderExtension(ext, webrtc.RTPCodecTypeVideo, webrtc.RTPTransceiverDirectionSendonly); err != nil {
			return nil, err
		}
		if err := addEstimator(m, reg, s.o.MinBitrate, s.o.MaxBitrate, onRate); err != nil {
			return nil, err
		}
	}
	if err := addReports(m, reg); err != nil {
		return nil, err
	}
	api := webrtc.NewAPI(webrtc.WithMediaEngine(m), webrtc.WithInterceptorRegistry(reg), webrtc.WithSettingEngine(s.setting))
	return api.NewPeerConnection(webrtc.Configuration{})
}

// playoutDelay is WebRTC's header extension that tells a viewer how long to hold frames back: 12 bits for the least and 12
// for the most, in 10 ms. Zero for both means to show each frame as soon as it is whole.
const playoutDelay = "http://www.webrtc.org/experiments/rtp-hdrext/playout-delay"

// extensionID is the number that an extension got in the negotiation, 0 when the other side does not know it.
func extensionID(s *webrtc.RTPSender, uri string) uint8 {
	for _, e := range s.GetParameters().HeaderExtensions {
		if e.URI == uri {
			return uint8(e.ID)
		}
	}
	return 0
}

// firstRate is what a line is taken for until it has been measured, in bit/s: viewers are mostly near, and an estimate that
// begins low takes half a minute to rise.
const firstRate = 2_000_000

func addEstimator(m *webrtc.MediaEngine, reg *interceptor.Registry, floor, ceiling int, onRate func(int)) error {
	f, err := cc.NewInterceptor(func() (cc.BandwidthEstimator, error) {
		return gcc.NewSendSideBWE(gcc.SendSideBWEInitialBitrate(max(floor, min(firstRate, ceiling))), gcc.SendSideBWEMinBitrate(floor),
			gcc.SendSideBWEPacer(gcc.NewNoOpPacer()))
	})
	if err != nil {
		return err
	}
	f.OnNewPeerConnection(func(_ string, e cc.BandwidthEstimator) { e.OnTargetBitrateChange(onRate) })
	reg.Add(f)
	return webrtc.ConfigureTWCCHeaderExtensionSender(m, reg)
}

// addReports adds what pion adds by default: retransmission both ways, receiver and sender reports, and transport-wide feedback
// for what we receive. Missing packets are asked for every 20 ms instead of 100, so that they come while they are waited for.
func addReports(m *webrtc.MediaEngine, reg *interceptor.Registry) error {
	ask, err := nack.NewGeneratorInterceptor(nack.GeneratorInterval(20 * time.Millisecond))
	if err != nil {
		return err
	}
	answer, err := nack.NewResponderInterceptor()
	if err != nil {
		return err
	}
	reg.Add(answer)
	reg.Add(ask)
	if err := webrtc.ConfigureRTCPReports(reg); err != nil {
		return err
	}
	return webrtc.ConfigureTWCCSender(m, reg)
}

// errOffer marks what the client did wrong, as against our own failures.
var errOffer = errors.New("offer not usable")

// negotiate applies the offer and returns the complete answer, all candidates included: we never trickle.
func negotiate(ctx context.Context, pc *webrtc.PeerConnection, offer string) (string, error) {
	if err := pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeOffer, SDP: offer}); err != nil {
		return "", fmt.Errorf("%w: %w", errOffer, err)
	}
	answer, err := pc.CreateAnswer(nil)
	if err != nil {
		return "", fmt.Errorf("%w: %w", errOffer, err)
	}
	gathered := webrtc.GatheringCompletePromise(pc)
	if err := pc.SetLocalDescription(answer); err != nil {
		return "", fmt.Errorf("%w: %w", errOffer, err)
	}
	select {
	case <-gathered:
	case <-ctx.Done():
		return "", ctx.Err()
	case <-time.After(gatherPatience):
		return "", errors.New("gathering candidates took too long")
	}
	return pc.LocalDescription().SDP, nil
}
