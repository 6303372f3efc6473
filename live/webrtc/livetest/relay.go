package livetest

import (
	"math/rand/v2"
	"net"
	"regexp"
	"strings"
	"sync"
	"time"
)

// Line is how bad a Relay is. The zero value is a perfect line.
type Line struct {
	Loss          float64       // share of packets that never arrive, in [0, 1)
	Delay, Jitter time.Duration // each packet takes Delay plus or minus up to Jitter, so packets overtake each other
	Seed          uint64
}

// Relay is a bad network in a box: it carries the media between one client and one server on loopback, both ways.
type Relay struct {
	line   Line
	front  *net.UDPConn // the client's side
	back   *net.UDPConn // the server's side
	target *net.UDPAddr
	port   string

	mu     sync.Mutex
	random *rand.Rand
	client *net.UDPAddr
	cut    bool
	lost   int
	wait   sync.WaitGroup
}

// NewRelay opens a relay on loopback. It learns the server's media address from the answer that Rewrite gets.
func NewRelay(l Line) (*Relay, error) {
	loopback := &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)}
	front, err := net.ListenUDP("udp4", loopback)
	if err != nil {
		return nil, err
	}
	back, err := net.ListenUDP("udp4", loopback)
	if err != nil {
		front.Close()
		return nil, err
	}
	_, port, _ := net.SplitHostPort(front.LocalAddr().String())
	r := &Relay{line: l, front: front, back: back, port: port, random: rand.New(rand.NewPCG(l.Seed, 1))}
	r.wait.Add(2)
	go r.run(front, r.fromClient)
	go r.run(back, r.fromServer)
	return r, nil
}

var candidate = regexp.MustCompile(`(?m)^(a=candidate:\S+ \d+ udp \d+ )(127\.0\.0\.1) (\d+)( typ host.*)$`)

// Rewrite makes an answer point to the relay. It keeps one loopback candidate and drops all others.
func (r *Relay) Rewrite(answer string) string {
	found := false
	var out []string
	for _, l := range strings.SplitAfter(answer, "\r\n") {
		if !strings.HasPrefix(l, "a=candidate:") {
			out = append(out, l)
			continue
		}
		m := candidate.FindStringSubmatch(strings.TrimRight(l, "\r\n"))
		if m == nil || found {
			continue
		}
		found = true
		r.mu.Lock()
		r.target, _ = net.ResolveUDPAddr("udp4", m[2]+":"+m[3])
		r.mu.Unlock()
		out = append(out, m[1]+m[2]+" "+r.port+m[4]+"\r\n")
	}
	return strings.Join(out, "")
}

// Cut lets nothing through any more, as when a cable is pulled.
func (r *Relay) Cut() {
	r.mu.Lock()
	r.cut = true
	r.mu.Unlock()
}

// Lost returns how many packets were dropped on purpose.
func (r *Relay) Lost() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.lost
}

// Close ends the relay. Packets under way are dropped.
func (r *Relay) Close() error {
	r.Cut()
	r.front.Close()
	r.back.Close()
	r.wait.Wait()
	return nil
}

func (r *Relay) run(from *net.UDPConn, carry func(data []byte, addr *net.UDPAddr)) {
	defer r.wait.Done()
	buf := make([]byte, 1<<16)
	for {
		n, addr, err := from.ReadFromUDP(buf)
		if err != nil {
			return
		}
		carry(append([]byte(nil), buf[:n]...), addr)
	}
}

func (r *Relay) fromClient(data []byte, addr *net.UDPAddr) {
	r.mu.Lock()
	r.client = addr
	to := r.target
	r.mu.Unlock()
	r.later(func() { r.back.WriteToUDP(data, to) }, to != nil)
}

func (r *Relay) fromServer(data []byte, _ *net.UDPAddr) {
	r.mu.Lock()
	to := r.client
	r.mu.Unlock()
	r.later(func() { r.front.WriteToUDP(data, to) }, to != nil)
}

// later does what the line does to a packet.
func (r *Relay) later(send func(), known bool) {
	r.mu.Lock()
	drop := r.random.Float64() < r.line.Loss
	if drop {
		r.lost++
	}
	delay := r.line.Delay
	if r.line.Jitter > 0 {
		delay += time.Duration(r.random.Int64N(2*int64(r.line.Jitter))) - r.line.Jitter
	}
	drop = drop || r.cut || !known
	r.mu.Unlock()
	switch {
	case drop:
	case delay <= 0:
		send()
	default:
		time.AfterFunc(delay, send)
	}
}
