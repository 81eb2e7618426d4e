package main

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/errgroup"

	"mlsync.dev/mlsync/internal/trace"
	"mlsync.dev/mlsync/internal/webhook"
)

// defaultProject is the name of the project of a daemon that is given no file of
// projects.
const defaultProject = "default"

// process is the running program: the daemons of its projects, and what they
// share.
type process struct {
	*app
	flags    daemonFlags
	log      *slog.Logger
	tracer   *trace.Tracer // nil if nobody collects
	registry *prometheus.Registry
	daemons  []*daemon // in the order of the file
}

func (a *app) runDaemon(ctx context.Context, f daemonFlags) (err error) {
	p := &process{app: a, flags: f, registry: newRegistry()}
	p.log = jsonLog(a.streams.err, slog.LevelInfo)
	if p.tracer, err = trace.FromEnv(a.env, version, p.log, time.Now); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, p.close()) }()
	if err := p.setUp(ctx); err != nil {
		return err
	}
	return p.run(ctx)
}

// setUp opens the projects.
func (p *process) setUp(ctx context.Context) error {
	d := &daemon{app: p.app, name: defaultProject, flags: p.flags, log: p.log, tracer: p.tracer, metrics: newMetrics(p.registry), workers: map[string]*worker{}, wakes: newWakes()}
	p.daemons = append(p.daemons, d)
	return d.setUp(ctx)
}

// run answers and works until ctx ends.
func (p *process) run(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	for _, at := range []struct {
		address, message string
		handler          func() http.Handler
	}{{p.flags.listen, "listening", p.handler}, {p.flags.webhookListen, "listening for webhooks", p.webhooks}} {
		if at.address == "" {
			continue
		}
		listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", at.address)
		if err != nil {
			return err
		}
		p.log.Info(at.message, "address", listener.Addr().String())
		g.Go(func() error { return serve(ctx, listener, at.handler()) })
	}
	targets := 0
	tracing, untrace := context.WithCancel(context.WithoutCancel(ctx))
	work, ctx := errgroup.WithContext(ctx)
	for _, d := range p.daemons {
		work.Go(func() error { return d.run(ctx) })
		targets += len(d.workers)
	}
	g.Go(func() error {
		defer untrace() // when the last pass has ended
		return work.Wait()
	})
	if p.tracer != nil {
		g.Go(func() error { return p.tracer.Run(tracing) })
	}
	p.log.Info("started", "version", version, "targets", targets)
	err := g.Wait()
	p.log.Info("stopped")
	return err
}

func (p *process) close() error {
	var err error
	for _, d := range p.daemons {
		err = errors.Join(err, d.close())
	}
	return err
}

// webhooks answers to deliveries.
func (p *process) webhooks() http.Handler {
	mux := http.NewServeMux()
	p.routeWebhooks(mux)
	return mux
}

func (p *process) routeWebhooks(mux *http.ServeMux) {
	for _, d := range p.daemons {
		if d.hooks != nil {
			mux.Handle("POST /webhook/{provider}", d.hooks)
		}
	}
}

// serve answers on the listener until ctx is cancelled.
func serve(ctx context.Context, listener net.Listener, handler http.Handler) error {
	server := webhook.HTTP(handler)
	stop := context.AfterFunc(ctx, func() {
		end, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
		defer cancel()
		_ = server.Shutdown(end)
	})
	defer stop()
	if err := server.Serve(webhook.Listen(listener)); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}
