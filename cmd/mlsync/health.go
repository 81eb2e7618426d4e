package main

import (
	"net/http"

	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// handler answers health checks and metrics.
func (p *process) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("ok\n")) })
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, r *http.Request) {
		for _, d := range p.daemons {
			if err := d.store.Ping(r.Context()); err != nil {
				http.Error(w, "the journal does not answer"+p.of(d), http.StatusServiceUnavailable)
				return
			}
			if !d.metrics.ready.Load() {
				http.Error(w, "the repository has not been read yet"+p.of(d), http.StatusServiceUnavailable)
				return
			}
		}
		_, _ = w.Write([]byte("ready\n"))
	})
	if p.flags.webhookListen == "" {
		p.routeWebhooks(mux)
	}
	mux.Handle("GET /metrics", promhttp.HandlerFor(p.registry, promhttp.HandlerOpts{}))
	return mux
}

// of names the project, if there are several.
func (p *process) of(d *daemon) string {
	if len(p.daemons) == 1 {
		return ""
	}
	return " (project " + d.name + ")"
}
