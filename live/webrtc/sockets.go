package webrtc

import (
	"fmt"
	"net"
	"slices"
	"sync"
	"time"

	"github.com/pion/ice/v2"
	"github.com/pion/webrtc/v3"
)

// Firefox leaves loopback addresses out of ICE, its own and the server's. So a server on loopback has a second media socket on an
// address of this machine, whose packets from other machines are thrown away before anybody reads them.

// configureMedia makes two UDP sockets at most serve every session, on loopback too, without mDNS or STUN: no packet leaves unasked.
func (s *Server) configureMedia() {
	logs := pionLogs{s.o.Logger}
	s.setting.LoggerFactory = logs
	s.sockets = []net.PacketConn{s.udp}
	if host, _, _ := net.SplitHostPort(s.o.UDP); isLoopback(host) {
		if conn, err := listenNear(portOf(s.udp.LocalAddr())); err == nil {
			s.sockets = append(s.sockets, conn)
		} else {
			s.o.Logger.Info("this machine has no address but loopback, which Firefox does not use", "stage", "webrtc", "err", err)
		}
	}
	muxes := make([]ice.UDPMux, 0, len(s.sockets))
	for _, conn := range s.sockets {
		muxes = append(muxes, webrtc.NewICEUDPMux(logs.NewLogger("mux"), conn))
	}
	mux := ice.NewMultiUDPMuxDefault(muxes...)
	s.mux = mux
	s.setting.SetICEUDPMux(mux)
	if s.o.External != "" {
		s.setting.SetNAT1To1IPs([]string{s.o.External}, webrtc.ICECandidateTypeHost)
	}
	s.setting.SetIncludeLoopbackCandidate(true)
	s.setting.SetNetworkTypes([]webrtc.NetworkType{webrtc.NetworkTypeUDP4, webrtc.NetworkTypeUDP6})
	s.setting.SetICETimeouts(s.o.Silence*3/8, s.o.Silence*5/8, s.o.Silence/8)
}

// portOf is the port of a UDP address, 0 of any other.
func portOf(a net.Addr) int {
	u, ok := a.(*net.UDPAddr)
	if !ok {
		return 0
	}
	return u.Port
}

// listenNear binds the port, or another if that is taken, on this machine's address in its network.
func listenNear(port int) (net.PacketConn, error) {
	ip, err := ownAddress()
	if err != nil {
		return nil, err
	}
	for _, p := range []int{port, 0} {
		var conn *net.UDPConn
		if conn, err = net.ListenUDP("udp4", &net.UDPAddr{IP: ip, Port: p}); err == nil {
			return &nearConn{UDPConn: conn, own: map[string]bool{}}, nil
		}
	}
	return nil, err
}

// ownAddress is the IPv4 address from which this machine would reach others: that of its default route, or the first of an interface.
// No packet is sent to find it.
func ownAddress() (net.IP, error) {
	if c, err := net.Dial("udp4", "198.51.100.1:9"); err == nil { // RFC 5737: a documentation address
		defer c.Close()
		if a, ok := c.LocalAddr().(*net.UDPAddr); ok && usable(a.IP) {
			return a.IP, nil
		}
	}
	list, err := net.InterfaceAddrs()
	if err != nil {
		return nil, err
	}
	for _, a := range list {
		if n, ok := a.(*net.IPNet); ok && usable(n.IP) {
			return n.IP.To4(), nil
		}
	}
	return nil, fmt.Errorf("no IPv4 address but loopback")
}

// networkHosts are the IPv4 addresses under which others in the network reach this machine, the likeliest first.
func networkHosts() (out []string) {
	if ip, err := ownAddress(); err == nil {
		out = append(out, ip.String())
	}
	list, _ := net.InterfaceAddrs()
	for _, a := range list {
		if n, ok := a.(*net.IPNet); ok && usable(n.IP) && !slices.Contains(out, n.IP.String()) {
			out = append(out, n.IP.String())
		}
	}
	return out
}

func usable(ip net.IP) bool { return ip.To4() != nil && ip.IsGlobalUnicast() }

// nearConn reads packets from this machine only.
type nearConn struct {
	*net.UDPConn
	mu    sync.Mutex
	own   map[string]bool
	asked time.Time
}

// ReadFrom skips packets of other machines.
func (c *nearConn) ReadFrom(b []byte) (int, net.Addr, error) {
	for {
		n, from, err := c.UDPConn.ReadFrom(b)
		if err != nil || c.near(from, time.Now()) {
			return n, from, err
		}
	}
}

// near reports whether an address is one of this machine's. They are listed again at most once in five seconds.
func (c *nearConn) near(from net.Addr, now time.Time) bool {
	u, ok := from.(*net.UDPAddr)
	if !ok {
		return false
	}
	if u.IP.IsLoopback() {
		return true
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	ip := u.IP.String()
	if c.own[ip] || now.Sub(c.asked) < 5*time.Second {
		return c.own[ip]
	}
	c.asked = now
	clear(c.own)
	list, _ := net.InterfaceAddrs()
	for _, a := range list {
		if n, ok := a.(*net.IPNet); ok {
			c.own[n.IP.String()] = true
		}
	}
	return c.own[ip]
}
