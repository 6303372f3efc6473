package view

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/pflag"

	"vsr/internal/atomicfile"
	"vsr/internal/cli"
	"vsr/internal/fault"
	"vsr/upscale"
	"vsr/upscale/fleet"
)

// Command is a command as a table has it.
type Command struct {
	Name, Args, Short, Long, Example string
	Least, Most                      int // arguments
	Flags                            func(f *pflag.FlagSet)
	Required                         []string // flags
	Do                               func(ctx context.Context, args []string) error
}

// Commands are those of vsr fleet but run.
func (f *Fleet) Commands() []Command {
	var d fleet.DevOptions
	var o fleet.WorkerOptions
	about := func(name, args, short, example string, do func(c *fleet.Client, ctx context.Context, args []string) error) Command {
		n := len(strings.Fields(args))
		return Command{Name: name, Args: args, Short: short, Example: "  vsr fleet " + example, Least: n, Most: n, Do: func(ctx context.Context, args []string) error {
			return f.With(ctx, func(c *fleet.Client) error { return do(c, ctx, args) })
		}}
	}
	list := about("list", "[STATUS]", "List jobs, the latest first: all, or those that are running, done, failed or cancelled", "list failed --json", func(c *fleet.Client, ctx context.Context, args []string) error {
		return f.list(ctx, c, strings.Join(args, ""))
	})
	list.Least = 0
	return []Command{
		{Name: "worker", Short: "Take work until SIGTERM or Ctrl-C, then give back what is under way", Long: workerLong, Flags: o.Flags,
			Example: "  vsr fleet worker --address temporal:7233 --device cuda:0\n  vsr fleet worker --slots 2 --threads 8 --scratch /fast/vsr",
			Do:      func(ctx context.Context, _ []string) error { return fleet.RunWorker(ctx, f.worker(o)) }},
		{Name: "dev", Short: "Start Temporal and one worker on this machine, to try it", Example: "  vsr fleet dev\n  vsr fleet dev --temporal ~/bin/temporal --port 7300",
			Flags: func(s *pflag.FlagSet) { d.Flags(s); o.Flags(s) },
			Do: func(ctx context.Context, _ []string) error {
				d.Log, d.Begun = f.Out.Stderr, f.tellDev
				return fleet.Dev(ctx, d, f.worker(o))
			}},
		list,
		about("show", "JOB", "Show how far a job is, and the state of each segment", "show video-1a2b3c", func(c *fleet.Client, ctx context.Context, args []string) error { return f.show(ctx, c, args[0]) }),
		about("attach", "JOB", "Follow a job to its end; Ctrl-C leaves it to itself", "attach video-1a2b3c", func(c *fleet.Client, ctx context.Context, args []string) error {
			return f.Follow(ctx, c, args[0])
		}),
		about("cancel", "JOB", "Stop a job; what is committed stays, and the same vsr fleet run goes on with it", "cancel video-1a2b3c", f.told("cancelled", (*fleet.Client).Cancel)),
		about("pause", "JOB", "Let a job begin nothing more; what runs is finished", "pause video-1a2b3c", f.told("paused: what runs is finished", (*fleet.Client).Pause)),
		about("resume", "JOB", "Let a paused job go on", "resume video-1a2b3c", f.told("resumed", (*fleet.Client).Resume)),
		about("priority", "JOB N", "Do a job before others (1) or after them (5)", "priority video-1a2b3c 1", func(c *fleet.Client, ctx context.Context, args []string) error {
			n, err := strconv.Atoi(args[1])
			if err != nil {
				return fault.New(fault.Usage, "", "priority %q: want 1 (first) to 5 (last)", args[1])
			}
			return f.told("has priority "+args[1], func(c *fleet.Client, ctx context.Context, id string) error { return c.SetPriority(ctx, id, n) })(c, ctx, args)
		}),
	}
}

// told does something to a job and says so.
func (f *Fleet) told(what string, do func(c *fleet.Client, ctx context.Context, id string) error) func(*fleet.Client, context.Context, []string) error {
	return func(c *fleet.Client, ctx context.Context, args []string) error {
		if err := do(c, ctx, args[0]); err != nil {
			return err
		}
		if f.JSON {
			return f.Out.JSON(map[string]string{"id": args[0], "did": what})
		}
		f.Out.Tell("%s: %s", args[0], what)
		return nil
	}
}

// With does something with a connection to Temporal.
func (f *Fleet) With(ctx context.Context, do func(*fleet.Client) error) error {
	f.Connection.Logger = f.Out.Logger()
	c, err := fleet.Dial(ctx, f.Connection)
	if err != nil {
		return err
	}
	defer c.Close()
	return do(c)
}

// worker completes the options of a worker.
func (f *Fleet) worker(o fleet.WorkerOptions) fleet.WorkerOptions {
	o.Connection, o.Program, o.Libraries, o.Ready = f.Connection, f.Program, f.Libraries(), f.tellReady
	o.Logger = f.Out.Logger()
	return o
}

// Fleet shows jobs of a fleet.
type Fleet struct {
	Out        *cli.Output
	Connection fleet.Connection
	Program    string        // version
	Libraries  func() string // versions of FFmpeg's

	Kind   string // of progress: Auto, Bar, JSON or None
	JSON   bool   // results as JSON on standard output
	Report string // file for the report of a video that was followed to its end; a dash is standard output, empty none
}

const listLimit = 100

func (f *Fleet) list(ctx context.Context, c *fleet.Client, status string) error {
	list, err := c.List(ctx, status, listLimit)
	if err != nil {
		return err
	}
	if f.JSON {
		return f.Out.JSON(list)
	}
	if len(list) == 0 {
		f.Out.Tell("no job")
		return nil
	}
	w := tabwriter.NewWriter(f.Out.Stdout, 2, 8, 2, ' ', 0)
	fmt.Fprintln(w, "JOB\tSTATUS\tBEGAN\tINPUT\tOUTPUT")
	for _, e := range list {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", e.ID, e.Status, e.Began.Local().Format("2006-01-02 15:04"), e.Input, e.Output)
	}
	return w.Flush()
}

func (f *Fleet) show(ctx context.Context, c *fleet.Client, id string) error {
	s, err := c.Show(ctx, id)
	if err != nil {
		return err
	}
	if f.JSON {
		return f.Out.JSON(s)
	}
	return printSnapshot(f.Out.Stdout, &s)
}

// printSnapshot writes all that is known of a job, for people.
func printSnapshot(out io.Writer, s *fleet.Snapshot) error {
	w := tabwriter.NewWriter(out, 2, 8, 2, ' ', 0)
	row := func(name, format string, args ...any) { fmt.Fprintf(w, "%s\t%s\n", name, fmt.Sprintf(format, args...)) }
	status := s.Status
	if v := s.Video; v != nil {
		status += ", " + v.Phase
	}
	if s.Video != nil && s.Video.Paused || s.Corpus != nil && s.Corpus.Paused {
		status += ", paused"
	}
	row("job", "%s", s.ID)
	row("status", "%s", status)
	row("input", "%s", s.Input)
	row("output", "%s", s.Output)
	if s.Error != "" {
		row("error", "%s", s.Error)
	}
	if v := s.Video; v != nil {
		videoRows(row, s, v)
	}
	if c := s.Corpus; c != nil {
		row("videos", "%s", corpusLine(c))
		for _, failure := range c.Failures {
			row("failed", "%s: %s", failure.Input, failure.Why)
		}
	}
	if r := s.Result; r != nil {
		row("frames", "%d", r.Frames)
		row("segments by", "%s", devices(r.Devices))
		row("report", "%s", r.Report)
		if n := len(r.Flagged); n > 0 {
			row("resampled", "%d segments, because the network's way failed: %s", n, numbers(r.Flagged))
		}
	}
	for _, r := range s.Running {
		text := fmt.Sprintf("%s on %s, attempt %d", what(&r), or(r.Worker, "no worker yet"), r.Attempt)
		if r.Failure != "" {
			text += "; before: " + r.Failure
		}
		row("running", "%s", text)
	}
	return w.Flush()
}

// videoRows are those of a video that is under way.
func videoRows(row func(name, format string, args ...any), s *fleet.Snapshot, v *fleet.State) {
	row("priority", "%d", v.Priority)
	if v.Frames == 0 {
		return
	}
	p := s.Progress()
	row("frames", "%d of %d (%d %%)", p.Frames, p.Total, 100*p.Frames/p.Total)
	if left := s.Remaining(); left > 0 {
		row("speed", "%.1f fps, %s left", v.FPS, left.Round(time.Second))
	}
	row("segments by", "%s", devices(v.Devices))
	if s.Fitting == 0 {
		row("workers", "none has the version of the plan: start one of that version, or cancel and run again")
	} else {
		row("workers", "%d fit the plan", s.Fitting)
	}
	if v.Returned > 0 {
		row("given back", "%d times", v.Returned)
	}
	const width = 64
	for at := 0; at < len(v.Segments); at += width {
		row(fmt.Sprintf("segments %d", at), "%s", v.Segments[at:min(at+width, len(v.Segments))])
	}
	row("", ". waits, r runs, d done, p resampled, x failed")
}

func or(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}

func what(r *fleet.Running) string {
	if r.Segment < 0 {
		return strings.ToLower(r.Activity)
	}
	return fmt.Sprintf("segment %d, frame %d", r.Segment, r.Frames)
}

// devices counts segments by who made them.
func devices(m map[string]int) string {
	var list []string
	for d, n := range m {
		list = append(list, fmt.Sprintf("%s: %d", d, n))
	}
	slices.Sort(list)
	return or(strings.Join(list, "; "), "nobody yet")
}

func numbers(list []int) string {
	text := fmt.Sprint(list[:min(len(list), 20)])
	if len(list) > 20 {
		text += " ..."
	}
	return strings.Trim(text, "[]")
}

func corpusLine(c *fleet.CorpusState) string {
	text := fmt.Sprintf("%d of %d published, %d failed, %d under way", c.Published, c.Total, c.Failed, c.Running)
	if c.Fallback > 0 {
		text += fmt.Sprintf(", %d segments resampled", c.Fallback)
	}
	return text
}

// Run gives a job to the fleet and follows it, unless it is to be left to itself.
func (f *Fleet) Run(ctx context.Context, j fleet.Job, detach bool) error {
	return f.With(ctx, func(c *fleet.Client) error { return f.submit(ctx, c, j, detach) })
}

func (f *Fleet) submit(ctx context.Context, c *fleet.Client, j fleet.Job, detach bool) error {
	s, err := c.Submit(ctx, j)
	if err != nil {
		return err
	}
	switch {
	case detach && f.JSON:
		return f.Out.JSON(s)
	case detach:
		_, err = fmt.Fprintln(f.Out.Stdout, s.ID)
		return err
	case f.Kind == None:
	case s.Fresh:
		f.Out.Tell("job %s", s.ID)
	default:
		f.Out.Tell("job %s is under way or done already", s.ID)
	}
	return f.Follow(ctx, c, s.ID)
}

// Follow shows a job until it is over. When ctx ends before, the job goes on, and the error says how to come back.
func (f *Fleet) Follow(ctx context.Context, c *fleet.Client, id string) error {
	show := New(f.Out, f.Kind)
	told := ""
	tell := func(text string) {
		if text != told && f.Kind != None {
			f.Out.Tell("%s", text)
		}
		told = text
	}
	s, err := c.Attach(ctx, id, func(s fleet.Snapshot) {
		switch {
		case s.Corpus != nil:
			tell(corpusLine(s.Corpus))
		case s.Video == nil:
		case s.Fitting == 0:
			tell("no worker takes segments of this plan: vsr fleet worker starts one")
		case s.Video.Paused:
			tell("paused: vsr fleet resume " + id + " goes on")
		}
		if s.Video != nil && s.Video.Frames > 0 {
			show.Event(s.Progress())
		}
	})
	show.Finish()
	if err != nil && ctx.Err() != nil {
		return &fault.Error{Kind: fault.Interrupted, Err: errors.New("detached, the fleet goes on"),
			Hint: "vsr fleet attach " + id + " comes back; vsr fleet cancel " + id + " stops it"}
	}
	if f.JSON {
		err = errors.Join(err, f.Out.JSON(s))
	}
	if s.Corpus != nil && s.Corpus.Failed > 0 && err == nil {
		return fault.New(fault.Input, "vsr fleet show "+id+" says why; the same command tries them again", "%d of %d videos failed", s.Corpus.Failed, s.Corpus.Total)
	}
	if err != nil || s.Result == nil {
		return err
	}
	if n := len(s.Result.Flagged); n > 0 {
		f.Out.Tell("note: %d segments are resampled, because the network's way failed: %s", n, numbers(s.Result.Flagged))
	}
	if !f.JSON && f.Kind != None {
		f.Out.Tell("%s: %d frames, segments by %s", s.Result.Output, s.Result.Frames, devices(s.Result.Devices))
	}
	return f.writeReport(ctx, c, s.Result.Report)
}

func (f *Fleet) writeReport(ctx context.Context, c *fleet.Client, from string) error {
	if f.Report == "" {
		return nil
	}
	b, err := c.ReadReport(ctx, from)
	if err != nil {
		return err
	}
	if !json.Valid(b) {
		return fault.New(fault.Output, "", "%s is no report", from)
	}
	if f.Report == "-" {
		_, err = f.Out.Stdout.Write(b)
		return err
	}
	return upscale.OutputError(atomicfile.WriteBytes(f.Report, b))
}

// tellReady says what a worker is ready for.
func (f *Fleet) tellReady(r fleet.Ready) {
	if f.JSON {
		_ = f.Out.JSON(r) // a reader that went away does not stop the worker
		return
	}
	f.Out.Tell("worker %s takes work from queue %s (segments: %s)", r.Name, r.Queue, r.Fitting)
	if r.Metrics != "" {
		f.Out.Tell("metrics: http://%s/metrics", r.Metrics)
	}
}

// tellDev says where a development server is.
func (f *Fleet) tellDev(server, page string) {
	f.Out.Tell("Temporal is at %s, its web page at %s", server, page)
	f.Out.Tell("in another terminal: vsr fleet run in.mkv -o out.mkv --address %s", server)
}
