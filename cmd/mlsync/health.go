package main

import (
	"context"
	"net/http"

	"github.com/prometheus/client_golang/prometheus/promhttp"

	"mlsync.dev/mlsync/web"
)

// handler answers health checks and metrics.
func (p *process) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("ok\n")) })
	mux.HandleFunc("GET /readyz", p.ready)
	if p.flags.webhookListen == "" {
		p.routeWebhooks(mux)
	}
	if p.api != nil && p.flags.apiListen == "" {
		mux.Handle(web.Base, p.api)
	}
	mux.Handle("GET /metrics", promhttp.HandlerFor(p.registry, promhttp.HandlerOpts{}))
	return mux
}

// ready answers whether the process can work: with several projects, whether any
// of them can, so that one that cannot takes the others out of no service.
func (p *process) ready(w http.ResponseWriter, r *http.Request) {
	var why []string
	for _, d := range p.daemons {
		if text := d.unready(r.Context()); text != "" {
			why = append(why, text)
		}
	}
	if len(why) == len(p.daemons) {
		http.Error(w, why[0], http.StatusServiceUnavailable)
		return
	}
	_, _ = w.Write([]byte("ready\n"))
	for _, text := range why {
		_, _ = w.Write([]byte("not ready: " + text + "\n"))
	}
}

// unready is why the project cannot work, "" if it can.
func (d *daemon) unready(ctx context.Context) string {
	of := ""
	if d.project != nil {
		of = " (project " + d.name + ")"
	}
	switch {
	case !d.up.Load():
		return "it has not been started" + of
	case d.store.Ping(ctx) != nil:
		return "the journal does not answer" + of
	case !d.metrics.ready.Load():
		return "the repository has not been read yet" + of
	}
	return ""
}
