package fleet

import (
	"errors"
	"strconv"
	"time"

	"github.com/spf13/pflag"
)

// FromEnvironment takes what get knows under the names that Temporal's and Amazon's own programs read, for what is not set.
func (o *Connection) FromEnvironment(get func(name string) string) {
	for name, at := range map[string]*string{"TEMPORAL_ADDRESS": &o.Address, "TEMPORAL_NAMESPACE": &o.Namespace, "TEMPORAL_API_KEY": &o.APIKey,
		"TEMPORAL_TLS_CLIENT_CERT_PATH": &o.Cert, "TEMPORAL_TLS_CLIENT_KEY_PATH": &o.Key, "TEMPORAL_TLS_SERVER_CA_CERT_PATH": &o.CA,
		"AWS_ENDPOINT_URL": &o.S3.Endpoint, "AWS_REGION": &o.S3.Region} {
		if *at == "" {
			*at = get(name)
		}
	}
}

// Flags adds the flags of a connection.
func (o *Connection) Flags(f *pflag.FlagSet) {
	f.StringVar(&o.Address, "address", orText(o.Address, "127.0.0.1:7233"), "Temporal's `host:port` (or TEMPORAL_ADDRESS)")
	f.StringVar(&o.Namespace, "namespace", orText(o.Namespace, "default"), "Temporal's namespace (or TEMPORAL_NAMESPACE)")
	f.StringVar(&o.Queue, "queue", orText(o.Queue, "vsr"), "task queue: workers take the jobs of theirs")
	f.StringVar(&o.Cert, "tls-cert", o.Cert, "`file` with a client certificate for Temporal, PEM")
	f.StringVar(&o.Key, "tls-key", o.Key, "`file` with its key")
	f.StringVar(&o.CA, "tls-ca", o.CA, "`file` with the authority that signed the server's certificate; empty is the system's")
	f.BoolVar(&o.TLS, "tls", o.TLS, "use TLS without a client certificate; TEMPORAL_API_KEY uses it too")
	f.StringVar(&o.S3.Endpoint, "s3-endpoint", o.S3.Endpoint, "`URL` of an S3 store (or AWS_ENDPOINT_URL); empty is Amazon's")
	f.StringVar(&o.S3.Region, "s3-region", o.S3.Region, "region of the store (or AWS_REGION)")
}

// Flags adds the flags of a worker but those of its connection.
func (o *WorkerOptions) Flags(f *pflag.FlagSet) {
	f.StringVar(&o.Device, "device", "auto", "auto, cpu or cuda[:N]; one worker for each GPU")
	f.IntVar(&o.Slots, "slots", 1, "segments at the same time; each needs the memory of a run; 0 takes none, only plans and joins")
	f.IntVar(&o.Threads, "threads", 0, "threads of the CPU engine; 0 is all cores")
	f.StringVar(&o.Scratch, "scratch", "", "`folder` for work under way and copies of what lies in S3; workers of a machine may share it (default: vsr-fleet in the temporary folder)")
	f.Var((*gigabytes)(&o.CacheBytes), "cache", "how much of the scratch folder copies may take, in `GB`; it must hold an input and its output (default: 64)")
	f.DurationVar(&o.Grace, "grace", 30*time.Second, "after SIGTERM, how long work under way may take to be given back")
	f.StringVar(&o.Metrics, "metrics", "", "serve Prometheus metrics at this `address`, as in 127.0.0.1:9464")
}

// Flags adds the flags of a job but those that say what the output is to be.
func (j *Job) Flags(f *pflag.FlagSet) {
	f.StringVarP(&j.Output, "output", "o", "", "file to write, or s3://BUCKET/KEY; for several inputs a folder")
	f.BoolVar(&j.Recursive, "recursive", false, "with folders: the folders inside them too")
	f.BoolVar(&j.Restart, "restart", false, "do again what was done")
	f.StringVar(&j.Work, "work", "", "`folder` for plans and segments that all workers see, or s3://BUCKET/FOLDER (default: .vsr-fleet beside the output)")
	f.StringVar(&j.OnFailure, "on-failure", OnFailureFail, "when a segment cannot be made: fail, or fallback, which resamples it and says so in the report")
	f.IntVar(&j.Priority, "priority", 3, "from 1 (first) to 5 (last)")
	f.IntVar(&j.InFlight, "segments", 200, "segments of a video that run or wait at the same time")
	f.IntVar(&j.Videos, "videos", 20, "of many videos, how many are worked on at the same time")
	f.DurationVar(&j.Heartbeat, "heartbeat", 30*time.Second, "a worker that is silent for this long is lost, and its segment made by another")
	f.IntVar(&j.Attempts, "attempts", 5, "at a segment before it counts as one that cannot be made")
	f.BoolVar(&j.Keep, "keep", false, "keep the segments of what is finished")
}

// Flags adds the flags of a development server.
func (d *DevOptions) Flags(f *pflag.FlagSet) {
	f.StringVar(&d.Temporal, "temporal", "", "the program `temporal` (default: the one on the PATH)")
	f.IntVar(&d.Port, "port", 7233, "of the server; its web page is at this and 1000")
	f.StringVar(&d.Database, "database", "", "SQLite `file` that keeps jobs (default: temporal.db in the scratch folder)")
}

// gigabytes is a flag in GB over a number of bytes.
type gigabytes int64

func (g *gigabytes) String() string { return showGB(int64(*g)) }
func (g *gigabytes) Type() string   { return "GB" }
func (g *gigabytes) Set(text string) (err error) {
	n, err := parseGB(text)
	*g = gigabytes(n)
	return err
}

func showGB(n int64) string {
	if n == 0 {
		return ""
	}
	return strconv.FormatFloat(float64(n)/1e9, 'f', -1, 64)
}

func parseGB(text string) (int64, error) {
	v, err := strconv.ParseFloat(text, 64)
	if err != nil || v <= 0 || v > 1e6 {
		return 0, errors.New("want a number of gigabytes above 0")
	}
	return int64(v * 1e9), nil
}
