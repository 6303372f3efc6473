package fleet

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/interceptor"
	sdklog "go.temporal.io/sdk/log"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"vsr/internal/atomicfile"
	"vsr/internal/fault"
	"vsr/upscale/fleet/storage"
)

// Connection says where Temporal is, and where the videos are.
type Connection struct {
	Address   string // host:port; empty is 127.0.0.1:7233
	Namespace string // empty is "default"
	Queue     string // task queue; empty is "vsr"
	// Cert and Key are files of a TLS client certificate, CA one of the authority that signed the server's; all may be empty. TLS is used when one is not,
	// or with TLS.
	Cert, Key, CA string
	TLS           bool
	APIKey        string // of Temporal's cloud; sent with TLS only
	S3            storage.S3Options
	Logger        *slog.Logger // nil discards
	metrics       *Metrics
}

// connection is a client of Temporal with what ends with it.
type connection struct {
	client.Client
	flush func() // of traces
}

// Close ends the connection.
func (c *connection) Close() {
	c.Client.Close()
	c.flush()
}

func (o *Connection) queue() string { return orText(o.Queue, "vsr") }

func orText(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}

func (o *Connection) dial(ctx context.Context, identity string) (_ *connection, err error) {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	address := orText(o.Address, "127.0.0.1:7233")
	opts := client.Options{HostPort: address, Namespace: o.Namespace, Logger: sdklog.NewStructuredLogger(o.Logger), Identity: identity}
	if o.metrics != nil {
		opts.MetricsHandler = o.metrics.handler()
	}
	if o.TLS || o.Cert != "" || o.CA != "" || o.APIKey != "" {
		t, err := o.tls()
		if err != nil {
			return nil, err
		}
		opts.ConnectionOptions.TLS = t
	}
	if o.APIKey != "" {
		opts.Credentials = client.NewAPIKeyStaticCredentials(o.APIKey)
	}
	traced, flush, err := traces(ctx, o.Logger)
	if err != nil {
		return nil, err
	}
	if traced != nil {
		opts.Interceptors = []interceptor.ClientInterceptor{traced}
	}
	c, err := client.DialContext(ctx, opts)
	if err == nil {
		return &connection{c, flush}, nil
	}
	flush()
	if ctx.Err() == nil {
		err = fault.New(fault.Output, "vsr fleet dev starts one on this machine; --address names another", "Temporal at %s: %w", address, err)
	}
	return nil, err
}

func (o *Connection) tls() (*tls.Config, error) {
	t := &tls.Config{MinVersion: tls.VersionTLS12}
	if o.Cert != "" || o.Key != "" {
		pair, err := tls.LoadX509KeyPair(o.Cert, o.Key)
		if err != nil {
			return nil, fault.New(fault.Usage, "--tls-cert and --tls-key name PEM files", "TLS: %w", err)
		}
		t.Certificates = []tls.Certificate{pair}
	}
	if o.CA != "" {
		pem, err := os.ReadFile(o.CA)
		if err != nil {
			return nil, fault.New(fault.Usage, "", "TLS: %w", err)
		}
		t.RootCAs = x509.NewCertPool()
		if !t.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fault.New(fault.Usage, "", "TLS: %s holds no certificate", o.CA)
		}
	}
	return t, nil
}

// WorkerOptions configures RunWorker.
type WorkerOptions struct {
	Connection
	Slots   int    // segments at the same time; 0 makes none, only plans and joins
	Device  string // auto, cpu or cuda:N; empty is auto
	Threads int    // of the CPU engine; 0 is all cores
	// Scratch is a folder for work under way and for copies of objects; several workers may share it. Empty is vsr-fleet in the system's.
	Scratch    string
	CacheBytes int64 // of copies; 0 is storage.DefaultLimit
	// Program and Libraries are the versions of the calling program and of FFmpeg, which a plan must be of.
	Program, Libraries string
	Grace              time.Duration // how long work may take to end when the worker does; 0 is 30 s
	Metrics            string        // address to serve Prometheus metrics at; empty is none
	// Ready is called when the worker takes work.
	Ready func(Ready)
}

// Ready says what a worker is ready for.
type Ready struct {
	Name    string `json:"name"`
	Queue   string `json:"queue"`   // of workflows and plans
	Fitting string `json:"fitting"` // of the segments of plans that it fits
	Fit     string `json:"fit"`
	Metrics string `json:"metrics,omitempty"` // address
}

// Fit is what a worker must have in common with a plan: a hash of the versions of vsr and of FFmpeg's libraries.
func Fit(program, libraries string) string {
	return fmt.Sprintf("%x", sha256.Sum256([]byte(program+"\n"+libraries)))[:12]
}

// FittingQueue is the queue on which workers of a fit wait for segments.
func FittingQueue(queue, fit string) string { return orText(queue, "vsr") + "-" + fit }

func joinQueue(fitting string) string { return fitting + "-join" }

// RunWorker takes work until ctx ends, gives back then what is under way, and returns nil. When the worker's own disk or device fails
// it stops too, with that error: what it had is made by others.
func RunWorker(ctx context.Context, o WorkerOptions) (err error) {
	host, err := os.Hostname()
	if err != nil {
		return err
	}
	name := fmt.Sprintf("%s:%d", host, os.Getpid())
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	served := ""
	if o.Metrics != "" {
		o.metrics = NewMetrics()
		var stop io.Closer
		if served, stop, err = o.metrics.serve(o.Metrics); err != nil {
			return err
		}
		defer stop.Close()
	}
	scratch, unlock, err := openScratch(orText(o.Scratch, filepath.Join(os.TempDir(), "vsr-fleet")))
	if err != nil {
		return &fault.Error{Kind: fault.Output, Err: err, Hint: "--scratch names another folder"}
	}
	defer unlock()
	c, err := o.dial(ctx, name)
	if err != nil {
		return err
	}
	defer c.Close()
	leave := make(chan error, 1)
	fit := Fit(o.Program, o.Libraries)
	ready := Ready{Name: name, Queue: o.queue(), Fitting: FittingQueue(o.Queue, fit), Fit: fit, Metrics: served}
	a := &activities{stores: &storage.Stores{S3: o.S3}, cache: &storage.Cache{Dir: filepath.Join(filepath.Dir(scratch), "cache"), Limit: o.CacheBytes},
		scratch: scratch, device: o.Device, threads: o.Threads, program: o.Program, fit: fit, queue: ready.Fitting, name: name, log: o.Logger, leave: func(err error) {
			select {
			case leave <- err:
			default:
			}
		}}
	stop, err := startWorkers(c.Client, a, o, ready)
	if err != nil {
		return err
	}
	if o.Ready != nil {
		o.Ready(ready)
	}
	select {
	case <-ctx.Done():
	case err = <-leave:
	}
	stop()
	return err
}

// startWorkers starts the parts of a worker: one for workflows, plans and lists, one for segments, and one for joins, so that a long segment
// keeps nobody waiting.
func startWorkers(c client.Client, a *activities, o WorkerOptions, ready Ready) (stop func(), err error) {
	options := func(slots int, workflows bool) worker.Options {
		return worker.Options{MaxConcurrentActivityExecutionSize: slots, DisableWorkflowWorker: !workflows, WorkerStopTimeout: or(o.Grace, 30*time.Second),
			MaxHeartbeatThrottleInterval: 5 * time.Second, DefaultHeartbeatThrottleInterval: 5 * time.Second, DisableRegistrationAliasing: true,
			OnFatalError: func(err error) { a.leave(fault.New(fault.Output, "", "Temporal: %w", err)) }}
	}
	general, joiners := worker.New(c, ready.Queue, options(2, true)), worker.New(c, joinQueue(ready.Fitting), options(1, false))
	Register(general)
	for name, f := range map[string]any{activityPlan: a.Plan, activityClean: a.Clean, activityPage: a.Page} {
		general.RegisterActivityWithOptions(f, activity.RegisterOptions{Name: name})
	}
	joiners.RegisterActivityWithOptions(a.Join, activity.RegisterOptions{Name: activityJoin})
	var started []worker.Worker
	stop = func() {
		var wg sync.WaitGroup
		for _, w := range started {
			wg.Go(w.Stop)
		}
		wg.Wait()
	}
	all := []worker.Worker{general, joiners}
	if o.Slots > 0 {
		makers := worker.New(c, ready.Fitting, options(o.Slots, false))
		makers.RegisterActivityWithOptions(a.Segment, activity.RegisterOptions{Name: activitySegment})
		all = append(all, makers)
	}
	for _, w := range all {
		if err := w.Start(); err != nil {
			stop()
			return nil, fault.New(fault.Output, "", "Temporal: %w", err)
		}
		started = append(started, w)
	}
	return stop, nil
}

// Register registers the workflows.
func Register(r interface {
	RegisterWorkflowWithOptions(w any, o workflow.RegisterOptions)
}) {
	r.RegisterWorkflowWithOptions(FilmWorkflow, workflow.RegisterOptions{Name: WorkflowVideo})
	r.RegisterWorkflowWithOptions(CorpusWorkflow, workflow.RegisterOptions{Name: WorkflowCorpus})
}

const scratchPrefix = "work-"

// openScratch makes a folder of this process's own in dir, and removes those that dead processes left.
func openScratch(dir string) (own string, unlock func(), err error) {
	if dir, err = filepath.Abs(dir); err != nil {
		return "", nil, err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", nil, err
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return "", nil, err
	}
	for _, e := range entries {
		old := filepath.Join(dir, e.Name())
		if strings.HasPrefix(e.Name(), scratchPrefix) && atomicfile.Abandoned(filepath.Join(old, ".lock")) {
			if err := os.RemoveAll(old); err != nil {
				return "", nil, err
			}
		}
	}
	if own, err = os.MkdirTemp(dir, scratchPrefix); err != nil {
		return "", nil, err
	}
	lock, err := atomicfile.Lock(filepath.Join(own, ".lock"))
	if err != nil {
		return "", nil, errors.Join(err, os.RemoveAll(own))
	}
	return own, func() {
		_ = os.RemoveAll(own) // the next worker does it otherwise
		lock.Close()
	}, nil
}
