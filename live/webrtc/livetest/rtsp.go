package livetest

import (
	"bufio"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"net"
	"strconv"
	"strings"
	"sync"

	"github.com/pion/rtp"
	"github.com/pion/rtp/codecs"
)

// Camera is a network camera: an RTSP server (RFC 2326) on loopback that sends H.264 (RFC 6184) inside the RTSP connection. It
// knows the five requests that players send, and can stop in every way that a camera stops.
type Camera struct {
	address string
	sets    [2][]byte // SPS and PPS

	mu      sync.Mutex
	ln      net.Listener
	players map[net.Conn]bool // true once it plays
	wait    sync.WaitGroup
	pack    rtp.Packetizer
}

// NewCamera makes a camera for a stream whose first access unit, with start codes, is key. It is not switched on yet.
func NewCamera(key []byte) (*Camera, error) {
	c := &Camera{players: map[net.Conn]bool{}, pack: rtp.NewPacketizer(1400, 96, 1, &codecs.H264Payloader{}, rtp.NewRandomSequencer(), clockRate)}
	for _, nal := range strings.Split(strings.ReplaceAll(string(key), "\x00\x00\x00\x01", "\x00\x00\x01"), "\x00\x00\x01") {
		if nal != "" && nal[0]&31 >= 7 && nal[0]&31 <= 8 {
			c.sets[nal[0]&31-7] = []byte(nal)
		}
	}
	if c.sets[0] == nil || c.sets[1] == nil {
		return nil, fmt.Errorf("livetest: a camera's first frame must have its parameter sets")
	}
	return c, nil
}

// On listens, the first time at any port and then again at the same one.
func (c *Camera) On() error {
	at := c.address
	if at == "" {
		at = "127.0.0.1:0"
	}
	ln, err := net.Listen("tcp", at)
	if err != nil {
		return err
	}
	c.mu.Lock()
	c.ln, c.address = ln, ln.Addr().String()
	c.mu.Unlock()
	c.wait.Add(1)
	go c.accept(ln)
	return nil
}

// URL is what players open.
func (c *Camera) URL() string { return "rtsp://" + c.address + "/cam" }

// Off pulls the plug: it hangs up and refuses further players. It returns when all is gone.
func (c *Camera) Off() {
	c.mu.Lock()
	if c.ln != nil {
		c.ln.Close()
	}
	for p := range c.players {
		p.Close()
	}
	c.mu.Unlock()
	c.wait.Wait()
}

// Players is how many play at the moment.
func (c *Camera) Players() (n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, plays := range c.players {
		if plays {
			n++
		}
	}
	return n
}

// Send gives one access unit to all players, with its RTP time of 90 kHz.
func (c *Camera) Send(data []byte, ticks uint32) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, packet := range c.pack.Packetize(data, 0) {
		packet.Timestamp = ticks
		raw, err := packet.Marshal()
		if err != nil {
			continue
		}
		framed := append([]byte{'$', 0, 0, 0}, raw...) // RFC 2326 section 10.12
		binary.BigEndian.PutUint16(framed[2:], uint16(len(raw)))
		for p, plays := range c.players {
			if plays {
				p.Write(framed)
			}
		}
	}
}

func (c *Camera) accept(ln net.Listener) {
	defer c.wait.Done()
	for {
		conn, err := ln.Accept()
		if err != nil {
			return
		}
		c.mu.Lock()
		c.players[conn] = false
		c.mu.Unlock()
		c.wait.Add(1)
		go c.serve(conn)
	}
}

// serve answers one player's requests until it hangs up.
func (c *Camera) serve(conn net.Conn) {
	defer c.wait.Done()
	defer func() {
		c.mu.Lock()
		delete(c.players, conn)
		c.mu.Unlock()
		conn.Close()
	}()
	in := bufio.NewReader(conn)
	for {
		method, number, err := request(in)
		if err != nil {
			return
		}
		head, body := "", ""
		switch method {
		case "OPTIONS":
			head = "Public: OPTIONS, DESCRIBE, SETUP, PLAY, TEARDOWN\r\n"
		case "DESCRIBE":
			body = c.describe()
			head = "Content-Type: application/sdp\r\nContent-Base: " + c.URL() + "/\r\n"
		case "SETUP":
			head = "Session: 1\r\nTransport: RTP/AVP/TCP;unicast;interleaved=0-1\r\n"
		case "PLAY":
			head = "Session: 1\r\n"
		}
		c.mu.Lock()
		_, err = fmt.Fprintf(conn, "RTSP/1.0 200 OK\r\nCSeq: %s\r\n%sContent-Length: %d\r\n\r\n%s", number, head, len(body), body)
		if method == "PLAY" {
			c.players[conn] = true
		}
		c.mu.Unlock()
		if err != nil || method == "TEARDOWN" {
			return
		}
	}
}

// request reads one request without a body, past the player's own interleaved packets.
func request(in *bufio.Reader) (method, number string, err error) {
	for {
		b, err := in.ReadByte()
		if err != nil {
			return "", "", err
		}
		if b != '$' {
			if err := in.UnreadByte(); err != nil {
				return "", "", err
			}
			break
		}
		var head [3]byte
		for i := range head {
			if head[i], err = in.ReadByte(); err != nil {
				return "", "", err
			}
		}
		if _, err := in.Discard(int(binary.BigEndian.Uint16(head[1:]))); err != nil {
			return "", "", err
		}
	}
	for {
		line, err := in.ReadString('\n')
		if err != nil {
			return "", "", err
		}
		line = strings.TrimSpace(line)
		if method == "" {
			method, _, _ = strings.Cut(line, " ")
		}
		if name, value, _ := strings.Cut(line, ":"); strings.EqualFold(name, "CSeq") {
			number = strings.TrimSpace(value)
		}
		if line == "" && method != "" {
			_, err := strconv.Atoi(number)
			return method, number, err
		}
	}
}

func (c *Camera) describe() string {
	base := base64.StdEncoding
	return "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=cam\r\nt=0 0\r\na=control:*\r\nm=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\na=framerate:30\r\n" +
		"a=fmtp:96 packetization-mode=1;sprop-parameter-sets=" + base.EncodeToString(c.sets[0]) + "," + base.EncodeToString(c.sets[1]) + "\r\na=control:track0\r\n"
}
