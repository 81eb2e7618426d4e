package main

import (
	"net/http"

	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// handler answers health checks and metrics.
func (d *daemon) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("ok\n")) })
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, r *http.Request) {
		if err := d.store.Ping(r.Context()); err != nil {
			http.Error(w, "the journal does not answer", http.StatusServiceUnavailable)
			return
		}
		if !d.metrics.ready.Load() {
			http.Error(w, "the repository has not been read yet", http.StatusServiceUnavailable)
			return
		}
		_, _ = w.Write([]byte("ready\n"))
	})
	if d.flags.webhookListen == "" {
		mux.Handle("POST /webhook/{provider}", d.webhooks())
	}
	mux.Handle("GET /metrics", promhttp.HandlerFor(d.metrics.registry, promhttp.HandlerOpts{}))
	return mux
}
