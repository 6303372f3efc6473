package decode

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	astiav "github.com/asticode/go-astiav"

	"vsr/internal/av"
	"vsr/media"
)

// Source gives the units of one input. It is used by one goroutine at a time.
type Source struct {
	opt                     Options
	live                    bool
	copying                 bool // video comes as packets too: see OpenCopy
	log                     *av.Log
	fc                      *astiav.FormatContext
	guard                   *av.Guard
	interrupt               *av.Interrupt
	streams                 []*astiav.Stream
	codecs                  []astiav.CodecID // of the streams, when the input was opened
	tables                  tables
	before                  []astiav.CodecID // codecs with the tables apart
	recodes                 bool             // a later table has a codec that no stream has
	info                    *media.Info
	decoder                 *astiav.CodecContext
	concealed               *av.Concealed
	packet                  *astiav.Packet
	frame                   *astiav.Frame
	deint                   *filter
	inspect                 func(*astiav.Frame) error // nil, or called with each frame as the decoder gave it
	pulldown                pulldown
	crop                    crop // to the clean aperture, of frames of codedWidth x codedHeight
	codedWidth, codedHeight int
	fine                    int64               // ticks of the video for one of the container: see refine
	turn                    media.DisplayMatrix // that Options.Autorotate carries out
	turner                  *filter             // nil for frames that are upright
	matrix                  *filter             // nil for matrices that all know
	linear                  bool                // the frames are linear light, which has to be encoded as a display wants it
	convert                 *converter
	pool                    *media.Pool
	pools                   []*media.Pool // all of them, one per format met
	uploads                 *av.CUDAFrames
	uploaded                uploadKind
	clock                   clock
	line                    *timeline
	stash                   []stashed  // packets after a joint whose offset the video will settle
	primer                  []*stashed // per track: the last packet before its first that is heard
	given                   []bool     // per track: packets were queued
	path                    string     // of a local file
	images                  *media.Sequence
	drawn                   string  // a temporary file with the frames of an animated WebP
	begin                   float64 // seconds: where the input's own line begins, when that is after 0
	stats                   Stats

	origin, from, until []int64 // per track: what is subtracted, first and end time wanted
	skipTo              int64   // first time of the video that is given out; from or later

	queue      []media.Unit   // ready to be given out
	queued     int            // packet bytes in queue
	first      *media.Frame   // the frame that Open found; it is also in queue
	waiting    *astiav.Frame  // a frame that waits for the old deinterlacer to empty
	aspect     media.Rational // of the frame before; zero before the first
	encrypted  bool           // packets of the video came encrypted
	probe      bool           // the second attempt to open, which reads more
	cutIndex   bool           // an MP4 whose index is not whole
	flushed    bool           // the deinterlacer was told that no more comes to it
	turned     bool           // s.frame holds the first frame of a new format
	drained    bool           // the demuxer is at its end and the decoder was told
	ended      bool           // no more units will come
	pastEnd    bool           // video has passed Start+Duration
	seenBefore int            // frames before Start that were decoded
	lastDamage error
	failures   int // decoder errors in a row
}

// Info says what comes out. After media.ErrFormatChanged it gives a new description; the old one is left as it was.
func (s *Source) Info() *media.Info { return s.info }

// Stats returns what was met so far.
func (s *Source) Stats() Stats {
	st := s.stats
	st.Pulldown = s.pulldown.left
	if s.recodes {
		st.Recoded = max(st.Recoded, 1)
	}
	if s.line != nil {
		st.Jumps = s.line.jumps()
	}
	if s.guard != nil {
		st.Refused = s.guard.Refused()
	}
	if s.concealed != nil {
		st.Corrupt = max(st.Corrupt, s.concealed.Frames())
	}
	return st
}

// Outstanding returns how many frames have not come back.
func (s *Source) Outstanding() int {
	n := 0
	for _, p := range s.pools {
		n += p.Outstanding()
	}
	return n
}

// Next returns the next unit, which the caller owns. Errors: io.EOF at the end; media.ErrFormatChanged when size, layout, depth or colour
// change, after which Info is new and the next call goes on; ctx.Err(); an error wrapping ErrDamaged in strict mode; an I/O error.
func (s *Source) Next(ctx context.Context) (media.Unit, error) {
	if err := ctx.Err(); err != nil {
		return media.Unit{}, err
	}
	s.log.Poll()
	if len(s.queue) == 0 && s.interrupt != nil && ctx.Done() != nil {
		defer s.watch(ctx)()
	}
	for len(s.queue) == 0 {
		err := s.step(ctx)
		switch {
		case ctx.Err() != nil:
			return media.Unit{}, ctx.Err()
		case err == nil:
		case err == io.EOF || errors.Is(err, media.ErrFormatChanged):
			return media.Unit{}, err
		default:
			return media.Unit{}, fmt.Errorf("decode: %w", err)
		}
	}
	u := s.queue[0]
	s.queue[0] = media.Unit{}
	s.queue = s.queue[1:]
	if u.Frame != nil {
		s.stats.Frames++
		s.first = nil
	} else {
		s.stats.Packets++
		s.queued -= len(u.Packet.Data)
	}
	return u, nil
}

// watch interrupts FFmpeg's reading when ctx ends. The function that it returns stops watching, and waits until an interrupt under way is over.
func (s *Source) watch(ctx context.Context) (stop func()) {
	s.interrupt.Set(false)
	done := make(chan struct{})
	cancel := context.AfterFunc(ctx, func() {
		s.interrupt.Set(true)
		close(done)
	})
	return func() {
		if !cancel() {
			<-done
		}
	}
}

// step makes progress by one frame or one packet; units go to the queue. io.EOF when nothing is left.
func (s *Source) step(ctx context.Context) error {
	if s.turned { // go on with the frame that had another format
		s.turned = false
		defer s.frame.Unref()
		return s.emit(ctx, true)
	}
	if s.ended {
		return io.EOF
	}
	if s.copying {
		return s.demux()
	}
	if got, err := s.toFrame(ctx); got || err != nil {
		return err
	}
	if s.drained {
		s.ended = true
		return io.EOF
	}
	return s.demux()
}

// demux reads one packet and routes it.
func (s *Source) demux() error {
	s.packet.Unref()
	err := av.Explain(s.readPacket)
	switch {
	case err == nil:
	case err == av.ErrAgain:
		time.Sleep(2 * time.Millisecond) // a device without a frame yet; the interrupt is checked by the caller's context
		return nil
	case err == io.EOF:
		if err := s.checkIndex(); err != nil {
			return err
		}
		return s.drain()
	default:
		if av.Interrupted(err) {
			return err
		}
		if av.FaultOf(err) == av.FaultSystem || s.opt.Strict {
			return s.damaged(err)
		}
		return s.endEarly(err)
	}
	track := s.packet.StreamIndex()
	if track >= len(s.info.Tracks) {
		s.stats.Late++
		return nil
	}
	if id := s.streams[track].CodecParameters().CodecID(); !sameCodec(id, s.codecs[track]) { // what comes now is not what the output says
		if track == s.info.Video {
			return s.endEarly(fmt.Errorf("the video becomes %s in mid-file", id.Name()))
		}
		s.stats.Recoded++
		return nil
	}
	if s.packet.Size() > s.opt.Limits.PacketBytes {
		return s.damage(fmt.Errorf("packet of %d bytes is over the limit", s.packet.Size()))
	}
	// What an edit list hides says nothing of the clock: each of its parts begins with packets from a key frame on, at earlier times.
	at := s.line.tracks[track].epoch
	if !s.packet.Flags().Has(astiav.PacketFlagDiscard) {
		at = s.line.place(track, s.packet.Pts(), s.packet.Dts(), s.packet.Duration())
	}
	s.unstash()
	if track == s.info.Video && !s.copying {
		shiftPacket(s.packet, s.line.shift(track, at))
		s.encrypted = s.encrypted || s.first == nil && av.Encrypted(s.packet)
		err := av.Err(s.decoder.SendPacket(s.packet))
		if err != nil && err != av.ErrAgain && err != io.EOF {
			if failed := s.gpuFailed(err); failed != nil {
				return failed
			}
			return s.damage(err)
		}
		return nil
	}
	if s.packet.Flags().Has(astiav.PacketFlagDiscard) {
		s.hidden(track, at)
		return nil
	}
	if x := s.primer[track]; x != nil {
		s.primer[track] = nil
		s.passThrough(x.packet, x.at)
	}
	p := av.ReadPacket(s.packet)
	if s.line.open(track, at) && len(s.stash) < maxStash {
		s.stash = append(s.stash, stashed{p, at})
		return nil
	}
	s.passThrough(p, at)
	return nil
}

// endEarly ends the input where it cannot be read on: what came so far is the readable part.
func (s *Source) endEarly(err error) error {
	if s.opt.Strict {
		return s.damaged(err)
	}
	s.stats.Truncated, s.lastDamage = true, err
	s.opt.Logger.Warn("input ends early", "stage", "decode", "err", err)
	return s.drain()
}

// checkIndex looks, at the end, for packets that an MP4's index promised, and whether the index itself was whole. Strict has no
// effect on copies.
func (s *Source) checkIndex() error {
	if s.live || s.pastEnd { // what is beyond the wanted end is not missed
		return nil
	}
	var err error
	if s.cutIndex {
		err = errors.New("the file is cut off within its index: streams may be missing")
	}
	for i, st := range s.streams {
		n := av.BeyondEnd(s.fc, st)
		if n == 0 {
			continue
		}
		if err == nil {
			err = fmt.Errorf("stream %d: the file is cut off, %d packets of its index are missing", i, n)
		}
		if i == s.info.Video {
			s.stats.Missing = int64(n)
		}
	}
	if err == nil {
		return nil
	}
	s.opt.Logger.Warn("input ends early", "stage", "decode", "err", err)
	if s.opt.Strict && !s.copying {
		return s.damaged(err)
	}
	s.stats.Truncated, s.lastDamage = true, err
	return nil
}

func (s *Source) drain() error {
	s.line.settle()
	s.unstash()
	if s.copying {
		s.ended = true
		return io.EOF
	}
	s.drained = true
	if err := av.Err(s.decoder.SendPacket(nil)); err != nil && err != io.EOF {
		return s.damage(err)
	}
	return nil
}

// damage counts data that did not decode; in strict mode it ends the source.
func (s *Source) damage(err error) error {
	if s.opt.Strict {
		return s.damaged(err)
	}
	s.stats.Damaged++
	s.lastDamage = err
	return nil
}

func (s *Source) damaged(err error) error {
	s.ended = true
	if av.FaultOf(err) == av.FaultSystem {
		return err
	}
	return fmt.Errorf("%w: %w", ErrDamaged, err)
}

// passThrough queues a packet of another track, with its times moved onto the output's line. at is its epoch.
func (s *Source) passThrough(p *media.Packet, at int) {
	track := p.Track
	cover := s.info.Tracks[track].Cover
	origin := s.origin[track] + s.line.shift(track, at)
	if p.PTS != media.NoTime {
		p.PTS -= origin
	}
	if p.DTS != media.NoTime {
		p.DTS -= origin
	}
	s.line.rise(p)
	if at := p.PTS; !cover && (at != media.NoTime || p.DTS != media.NoTime) {
		if at == media.NoTime {
			at = p.DTS
		}
		if s.opt.Start > 0 && s.info.Tracks[track].Type == media.TrackSubtitle && at < s.from[track] && at+p.Duration > s.from[track] {
			// A line that is on the screen at the cut-in point stays, shortened.
			p.Duration -= s.from[track] - at
			at, p.PTS, p.DTS = s.from[track], s.from[track], s.from[track]
		}
		if at < s.from[track] || at >= s.until[track] {
			s.checkEnd(track, at)
			return
		}
		if sh := s.shift(track); sh != 0 {
			if p.PTS != media.NoTime {
				p.PTS -= sh
			}
			if p.DTS != media.NoTime {
				p.DTS -= sh
			}
		}
	}
	s.given[track] = true
	s.queue = append(s.queue, media.Unit{Packet: p})
	s.queued += len(p.Data)
}

// checkEnd ends the source once the video and one other track lie a second past the wanted end.
func (s *Source) checkEnd(track int, at int64) {
	second := int64(1 / max(s.info.Tracks[track].TimeBase.Float(), 1e-9))
	if s.pastEnd && at >= s.until[track] && at-s.until[track] >= second {
		s.ended = true
	}
}

// Close releases everything. Frames that are out stay valid.
func (s *Source) Close() error {
	for _, u := range s.queue {
		u.Release()
	}
	s.queue, s.ended = nil, true
	s.closeDeinterlacer()
	s.pulldown.close()
	s.closeMatrix()
	s.closeTurner()
	s.convert.close()
	s.pool.Close()
	if s.uploads != nil {
		s.uploads.Close()
	}
	if s.decoder != nil {
		s.decoder.Free()
		s.decoder = nil
	}
	if s.concealed != nil {
		s.stats.Corrupt = max(s.stats.Corrupt, s.concealed.Frames())
		s.concealed.Free()
		s.concealed = nil
	}
	if s.waiting != nil {
		s.waiting.Free()
		s.waiting = nil
	}
	if s.packet != nil {
		s.packet.Free()
		s.frame.Free()
		s.packet, s.frame = nil, nil
	}
	s.closeInput()
	s.log.Flush()
	return nil
}

func (s *Source) closeInput() {
	if s.guard != nil {
		s.stats.Refused = s.guard.Refused()
	}
	if s.fc != nil {
		s.fc.CloseInput()
		s.fc = nil
	}
	if s.guard != nil {
		s.guard.Free()
		s.guard = nil
	}
	if s.interrupt != nil {
		s.interrupt.Free()
		s.interrupt = nil
	}
	if s.drawn != "" {
		_ = os.Remove(s.drawn)
		s.drawn = ""
	}
}
