// Command temporal is a Temporal server for tests, on one address and with one SQLite file, that takes the part of the command line of
// Temporal's own program which vsr uses: temporal server start-dev --ip 127.0.0.1 --port N --db-filename FILE.
package main

import (
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"log"
	"net"
	"os"
	"os/signal"
	"strconv"
	"syscall"
	"time"

	"go.temporal.io/server/common/authorization"
	"go.temporal.io/server/common/cluster"
	"go.temporal.io/server/common/config"
	serverlog "go.temporal.io/server/common/log"
	"go.temporal.io/server/common/persistence/sql/sqlplugin/sqlite"
	schema "go.temporal.io/server/schema/sqlite"
	"go.temporal.io/server/temporal"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		log.Fatal(err)
	}
}

func run(args []string) error {
	if len(args) < 2 || args[0] != "server" || args[1] != "start-dev" {
		return errors.New("usage: temporal server start-dev [flags]")
	}
	f := flag.NewFlagSet("start-dev", flag.ContinueOnError)
	ip, port := f.String("ip", "127.0.0.1", "address"), f.Int("port", 7233, "port")
	file, level := f.String("db-filename", "", "SQLite file"), f.String("log-level", "warn", "of the log")
	f.Int("ui-port", 0, "of a web page, which this server has not")
	if err := f.Parse(args[2:]); err != nil {
		return err
	}
	if *file == "" {
		return errors.New("--db-filename is needed")
	}
	c, sql, err := settings(*ip, *port, *file)
	if err != nil {
		return err
	}
	if _, err := os.Stat(*file); errors.Is(err, fs.ErrNotExist) {
		if err := schema.SetupSchema(sql); err != nil {
			return fmt.Errorf("schema: %w", err)
		}
	}
	ns, err := schema.NewNamespaceConfig(c.ClusterMetadata.CurrentClusterName, "default", false, nil)
	if err == nil {
		err = schema.CreateNamespaces(sql, ns)
	}
	if err != nil {
		return fmt.Errorf("namespace: %w", err)
	}
	logger := serverlog.NewZapLogger(serverlog.BuildZapLogger(serverlog.Config{Stdout: false, Level: *level}))
	s, err := temporal.NewServer(temporal.WithConfig(c), temporal.ForServices(temporal.DefaultServices), temporal.WithLogger(logger),
		temporal.WithAuthorizer(authorization.NewNoopAuthorizer()))
	if err != nil {
		return err
	}
	if err := s.Start(); err != nil {
		return err
	}
	end := make(chan os.Signal, 1)
	signal.Notify(end, os.Interrupt, syscall.SIGTERM)
	<-end
	return s.Stop()
}

// settings are those of one process that is the whole cluster.
func settings(ip string, port int, file string) (*config.Config, *config.SQL, error) {
	const store = sqlite.PluginName
	sql := &config.SQL{PluginName: store, DatabaseName: file, ConnectAttributes: map[string]string{"mode": "rwc", "_journal_mode": "wal", "_synchronous": "1"}}
	services := map[string]config.Service{}
	for i, name := range []string{"frontend", "history", "matching", "worker"} {
		grpc := port
		var err error
		if i > 0 {
			grpc, err = freePort()
		}
		member, merr := freePort()
		if err := errors.Join(err, merr); err != nil {
			return nil, nil, err
		}
		services[name] = config.Service{RPC: config.RPC{GRPCPort: grpc, MembershipPort: member, BindOnIP: ip}}
	}
	front := net.JoinHostPort(ip, strconv.Itoa(port))
	return &config.Config{
		Global: config.Global{Membership: config.Membership{MaxJoinDuration: 30 * time.Second, BroadcastAddress: ip}},
		Persistence: config.Persistence{DefaultStore: store, VisibilityStore: store, NumHistoryShards: 1,
			DataStores: map[string]config.DataStore{store: {SQL: sql}}},
		ClusterMetadata: &cluster.Config{FailoverVersionIncrement: 10, MasterClusterName: "active", CurrentClusterName: "active",
			ClusterInformation: map[string]cluster.ClusterInformation{"active": {Enabled: true, InitialFailoverVersion: 1, RPCAddress: front}}},
		DCRedirectionPolicy: config.DCRedirectionPolicy{Policy: "noop"},
		Services:            services,
		Archival:            config.Archival{History: config.HistoryArchival{State: "disabled"}, Visibility: config.VisibilityArchival{State: "disabled"}},
		PublicClient:        config.PublicClient{HostPort: front},
		NamespaceDefaults: config.NamespaceDefaults{Archival: config.ArchivalNamespaceDefaults{
			History: config.HistoryArchivalNamespaceDefaults{State: "disabled"}, Visibility: config.VisibilityArchivalNamespaceDefaults{State: "disabled"}}},
	}, sql, nil
}

func freePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port, nil
}
