package webrtc

import (
	"net"
	"testing"
	"time"
)

// TestNearConnHearsThisMachineOnly: packets of other machines do not pass.
func TestNearConnHearsThisMachineOnly(t *testing.T) {
	own, err := ownAddress()
	if err != nil {
		t.Skip(err)
	}
	c := &nearConn{own: map[string]bool{}}
	now := time.Now()
	for _, at := range []struct {
		ip   net.IP
		near bool
	}{{net.IPv4(127, 0, 0, 1), true}, {own, true}, {net.IPv4(203, 0, 113, 7), false}, {own, true}} {
		if got := c.near(&net.UDPAddr{IP: at.ip, Port: 5}, now); got != at.near {
			t.Errorf("%v is near: %v", at.ip, got)
		}
		now = now.Add(6 * time.Second)
	}
	if c.near(&net.TCPAddr{IP: own}, now) {
		t.Error("an address that is not UDP's is near")
	}
}

// TestLoopbackOffersAUsableAddress besides 127.0.0.1, as long as the media is on loopback.
func TestLoopbackOffersAUsableAddress(t *testing.T) {
	own, err := ownAddress()
	if err != nil {
		t.Skip(err)
	}
	s := start(t, Options{})
	if len(s.sockets) != 2 || !s.sockets[1].LocalAddr().(*net.UDPAddr).IP.Equal(own) {
		t.Fatalf("%d sockets, want a second one on %v", len(s.sockets), own)
	}
	to := s.sockets[1].LocalAddr()
	conn, err := net.Dial("udp", to.String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if one := start(t, Options{UDP: own.String() + ":0"}); len(one.sockets) != 1 {
		t.Errorf("%d sockets for an address that is named", len(one.sockets))
	}
}
