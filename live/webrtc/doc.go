// Package webrtc carries one video feed over WebRTC: a publisher sends a camera in with WHIP (RFC 9725), any number of viewers
// take the enhanced feed out with WHEP (draft-ietf-wish-whep), and one page does both.
//
// In: access units for the viewers (Broadcast). Out: access units of the publisher (Publication.Next). The package
// moves packets; it neither decodes nor encodes. It is the only importer of pion.
//
// Everything is bounded: sessions, half-open handshakes, request bodies and rates, each viewer's queue. A viewer too slow for
// its queue loses frames up to the next key frame and nobody else notices.
package webrtc
