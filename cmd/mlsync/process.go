package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"path/filepath"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/errgroup"

	"mlsync.dev/mlsync/access"
	"mlsync.dev/mlsync/azureml"
	"mlsync.dev/mlsync/internal/trace"
	"mlsync.dev/mlsync/internal/webhook"
	"mlsync.dev/mlsync/state"
	"mlsync.dev/mlsync/web"
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
	// door finds out who a request is of; nil if no access is configured.
	door access.Door
	// api answers below /api/v1; nil without a door.
	api *web.Server
	// members are those of the file as it is now.
	members atomic.Pointer[[]access.Member]
	// tokenLife is the longest life of a token of mlsync.
	tokenLife time.Duration
	file      followed
}

func (a *app) runDaemon(ctx context.Context, f daemonFlags) (err error) {
	p := &process{app: a, flags: f, registry: newRegistry()}
	a.budget, a.connections = azureml.NewBudget(nil), azureml.NewConnections()
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
	if p.flags.projects != "" {
		if err := p.setUpProjects(); err != nil || p.api != nil || p.flags.apiListen == "" {
			return err
		}
		return fmt.Errorf("--api-listen: nobody may ask: add access.issuers to %s", p.flags.projects)
	}
	if p.flags.apiListen != "" {
		return errors.New("--api-listen: the API needs --projects, with access.issuers and members")
	}
	d := p.daemon(defaultProject, p.registry)
	return d.setUp(ctx)
}

// daemon adds what runs for one project.
func (p *process) daemon(name string, register prometheus.Registerer) *daemon {
	d := &daemon{app: p.app, name: name, flags: p.flags, log: p.log, tracer: p.tracer, metrics: newMetrics(register), workers: map[string]*worker{}, due: make(chan struct{}, 1), stale: make(chan error, 1)}
	p.daemons = append(p.daemons, d)
	return d
}

// setUpProjects prepares the projects of the file. Each is opened when it runs.
func (p *process) setUpProjects() error {
	p.file.sum, _ = p.projectsSum() // before it is read: what comes in between is seen
	list, err := p.readProjects(p.flags.projects)
	if err != nil {
		return err
	}
	if p.flags.database != "" && !state.IsPostgres(p.flags.database) {
		return errors.New("--database: with --projects it is postgres://…; without it each project has a file in its folder below --data")
	}
	for i := range list.Projects {
		q := &list.Projects[i]
		d := p.daemon(q.Name, prometheus.WrapRegistererWith(prometheus.Labels{"project": q.Name}, p.registry))
		d.project, d.flags.data, d.log = &project{q}, filepath.Join(p.flags.data, q.Name), p.log.With("project", q.Name)
	}
	if err := p.guard(list); err != nil || p.door == nil {
		return err
	}
	p.api = p.openAPI(p.door, list.Access.TokenLife)
	return nil
}

// run answers and works until ctx ends.
func (p *process) run(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	for _, at := range []struct {
		address, message string
		handler          func() http.Handler
	}{{p.flags.listen, "listening", p.handler}, {p.flags.webhookListen, "listening for webhooks", p.webhooks}, {p.flags.apiListen, "listening for the API", p.apiAlone}} {
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
	if p.api != nil {
		defer context.AfterFunc(ctx, p.api.Close)() // streams have no end of their own
	}
	targets := 0
	for _, d := range p.daemons {
		targets += len(d.workers) // none yet of those that are opened when they run
	}
	tracing, untrace := context.WithCancel(context.WithoutCancel(ctx))
	work, ctx := errgroup.WithContext(ctx)
	for _, d := range p.daemons {
		work.Go(func() error { return d.run(ctx) })
	}
	g.Go(func() error {
		defer untrace() // when the last pass has ended
		return work.Wait()
	})
	if p.flags.projects != "" {
		g.Go(func() error { return p.follow(ctx) })
	}
	if p.tracer != nil {
		g.Go(func() error { return p.tracer.Run(tracing) })
	}
	p.log.Info("started", "version", version, "projects", len(p.daemons), "targets", targets)
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
		take := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if !d.up.Load() || d.hooks == nil {
				http.NotFound(w, r)
				return
			}
			d.hooks.ServeHTTP(w, r)
		})
		if d.project != nil {
			mux.Handle("POST /webhook/{provider}/"+d.name, take)
		}
		if len(p.daemons) == 1 {
			mux.Handle("POST /webhook/{provider}", take)
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
