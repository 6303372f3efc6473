package decode

import (
	"context"
	"fmt"
	"math"
	"os"
	"sync"
	"time"

	astiav "github.com/asticode/go-astiav"

	"vsr/internal/av"
	"vsr/media"
)

// stashed is a packet of another track that came after a joint of recordings and before the video did, with its epoch.
type stashed struct {
	packet *media.Packet
	at     int
}

// maxStash bounds how many packets wait.
const maxStash = 1024

// unstash queues the packets whose offset is known now.
func (s *Source) unstash() {
	for len(s.stash) > 0 && !s.line.open(s.stash[0].packet.Track, s.stash[0].at) {
		x := s.stash[0]
		s.stash = s.stash[1:]
		s.passThrough(x.packet, x.at)
	}
}

// shiftPacket moves the times of a packet of the video.
func shiftPacket(p *astiav.Packet, by int64) {
	if by == 0 {
		return
	}
	if t := p.Pts(); t != media.NoTime {
		p.SetPts(t - by)
	}
	if t := p.Dts(); t != media.NoTime {
		p.SetDts(t - by)
	}
}

// hidden deals with the packet in s.packet, which an edit list hides. It is left out, but for the last one before the first that is heard:
// decoders need it for the sound right after it.
func (s *Source) hidden(track, at int) {
	t := &s.info.Tracks[track]
	if t.Type != media.TrackAudio || s.given[track] {
		return
	}
	switch t.Codec {
	case "aac", "mp3", "mp2", "ac3", "eac3", "opus", "vorbis":
		s.primer[track] = &stashed{av.ReadPacket(s.packet), at}
	}
}

// scans remembers what jumpsBefore found out about files, since the segments of a job ask again and again.
var scans struct {
	sync.Mutex
	known map[string]scan
}

type scan struct {
	until float64 // seconds of the output's line without a jump
	jumps bool    // one comes right after
}

// jumpsBefore reports whether the clock of the input jumps before a time, in seconds of the output's line. Such inputs cannot be seeked in by
// time. It reads packets from where the input stands, which is its beginning, and decodes nothing.
func (s *Source) jumpsBefore(ctx context.Context, cut float64) (bool, error) {
	if s.live || !av.Discontinuous(s.fc) {
		return false, nil
	}
	key := s.fileKey()
	scans.Lock()
	known := scans.known[key]
	scans.Unlock()
	if key != "" && (known.jumps || known.until >= cut) {
		return known.jumps && known.until < cut, nil
	}
	v := s.info.Video
	tb := s.info.VideoTrack().TimeBase.Float()
	found, before := scan{until: math.Inf(1)}, 0.0
	for {
		if err := ctx.Err(); err != nil {
			return false, err
		}
		s.packet.Unref()
		err := av.Err(s.readPacket())
		if err == av.ErrAgain {
			time.Sleep(time.Millisecond)
			continue
		}
		if err != nil { // io.EOF or damage: a seek goes no farther
			break
		}
		track := s.packet.StreamIndex()
		if track >= len(s.info.Tracks) {
			continue
		}
		s.line.place(track, s.packet.Pts(), s.packet.Dts(), s.packet.Duration())
		at := float64(s.line.tracks[v].last-s.origin[v]) * tb
		if s.line.jumps() > 0 {
			found = scan{until: before, jumps: true}
			break
		}
		if track != v {
			continue
		}
		if before = at; at >= cut {
			found.until = at
			break
		}
	}
	s.packet.Unref()
	if key != "" {
		scans.Lock()
		if scans.known == nil || len(scans.known) > 1000 {
			scans.known = map[string]scan{}
		}
		scans.known[key] = found
		scans.Unlock()
	}
	if err := s.seekStart(); err != nil && !found.jumps {
		return false, nil // seeking by time is tried
	} else if err != nil {
		return true, err
	}
	return found.jumps, nil
}

// seekStart goes back to the first byte.
func (s *Source) seekStart() error {
	if err := av.SeekStart(s.fc); err != nil {
		if err := s.fc.SeekFrame(-1, s.fc.StartTime(), astiav.NewSeekFlags(astiav.SeekFlagBackward)); err != nil {
			return fmt.Errorf("the input cannot be read from its start again: %w", av.Err(err))
		}
	}
	return nil
}

// fileKey names the file in its present state, "" for what is no file.
func (s *Source) fileKey() string {
	st, err := os.Stat(s.path)
	if err != nil || !st.Mode().IsRegular() {
		return ""
	}
	return fmt.Sprint(s.path, "|", st.Size(), "|", st.ModTime().UnixNano(), "|", s.info.Video)
}
