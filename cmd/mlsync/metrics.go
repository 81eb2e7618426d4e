package main

import (
	"net/http"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"mlsync.dev/mlsync/gate"
	"mlsync.dev/mlsync/plan"
)

// metrics are the numbers of the daemon. Labels are bounded by the
// configuration: targets, channels, tasks, actions and states, never names of
// assets.
type metrics struct {
	registry *prometheus.Registry
	runs     *prometheus.CounterVec
	seconds  *prometheus.HistogramVec
	steps    *prometheus.CounterVec
	drift    *prometheus.GaugeVec
	left     *prometheus.GaugeVec
	pending  *prometheus.GaugeVec
	synced   *prometheus.GaugeVec
	last     *prometheus.GaugeVec
	waiting  *prometheus.GaugeVec
	gate     *prometheus.GaugeVec
	requests *prometheus.CounterVec
	fetches  *prometheus.CounterVec
	hooks    *prometheus.CounterVec
	told     *prometheus.CounterVec
	ready    atomic.Bool
}

func newMetrics() *metrics {
	m := &metrics{
		registry: prometheus.NewRegistry(),
		runs:     prometheus.NewCounterVec(prometheus.CounterOpts{Name: "mlsync_runs_total", Help: "Passes over a target, by how they ended."}, []string{"target", "task", "state"}),
		seconds:  prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "mlsync_run_seconds", Help: "How long passes take.", Buckets: []float64{.1, .5, 1, 5, 15, 60, 300, 900, 1800}}, []string{"target", "task"}),
		steps:    prometheus.NewCounterVec(prometheus.CounterOpts{Name: "mlsync_steps_total", Help: "Steps carried out, by action and how they ended."}, []string{"target", "action", "state"}),
		drift:    prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "mlsync_drift_assets", Help: "Assets that were changed behind git's back, at the last look."}, []string{"target"}),
		left:     prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "mlsync_drift_left_assets", Help: "Drifted assets that are left at the last look: they come back again and again, or the budget of corrections is used up."}, []string{"target"}),
		pending:  prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "mlsync_approvals_pending", Help: "Steps that wait for an approval."}, []string{"target"}),
		synced:   prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "mlsync_in_sync", Help: "1 if the last pass compared everything and left nothing undone."}, []string{"target"}),
		last:     prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "mlsync_last_success_timestamp_seconds", Help: "When a pass ended well last."}, []string{"target"}),
		waiting:  prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "mlsync_release_waiting", Help: "1 if a new release waits before a gate, or is refused, at the last pass."}, []string{"target"}),
		gate:     prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "mlsync_gates", Help: "Gates of the target, by how they stood at the last look."}, []string{"target", "state"}),
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "mlsync_read_requests_total", Help: "Requests that plans took to read the workspace."}, []string{"target"}),
		told:     prometheus.NewCounterVec(prometheus.CounterOpts{Name: "mlsync_notifications_total", Help: "Messages to channels that were sent or failed, and changes that were dropped."}, []string{"channel", "state"}),
		fetches:  prometheus.NewCounterVec(prometheus.CounterOpts{Name: "mlsync_fetches_total", Help: "Looks at the repository, by how they ended."}, []string{"state"}),
		hooks:    prometheus.NewCounterVec(prometheus.CounterOpts{Name: "mlsync_webhook_deliveries_total", Help: "Deliveries of webhooks, by how they ended."}, []string{"provider", "state"}),
	}
	m.registry.MustRegister(m.runs, m.seconds, m.steps, m.drift, m.left, m.pending, m.synced, m.last, m.waiting, m.gate, m.requests, m.fetches, m.hooks, m.told,
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

func (m *metrics) fetched(err error) {
	state := "ok"
	if err != nil {
		state = "failed"
	}
	m.fetches.WithLabelValues(state).Inc()
}

// notified notes what became of messages to a channel.
func (m *metrics) notified(channel, state string, n int) {
	m.told.WithLabelValues(channel, state).Add(float64(n))
}

// looked notes that the repository was read once.
func (m *metrics) looked() { m.ready.Store(true) }

// ran notes a pass.
func (m *metrics) ran(target, task string, run plan.Run, p *plan.Plan, err error, took time.Duration) {
	state := string(run.State)
	if err != nil || state == "" {
		state = string(plan.Failed)
	}
	m.runs.WithLabelValues(target, task, state).Inc()
	m.seconds.WithLabelValues(target, task).Observe(took.Seconds())
	for _, o := range run.Outcomes {
		m.steps.WithLabelValues(target, string(o.Action), string(o.State)).Inc()
	}
	waiting := 0.0
	if err == nil && run.State == plan.Waiting {
		waiting = 1
	}
	m.waiting.WithLabelValues(target).Set(waiting)
	inSync := 0.0
	if p != nil {
		m.drift.WithLabelValues(target).Set(float64(len(p.Drift)))
		left := 0.0
		for _, d := range p.Drift {
			if d.Held != "" {
				left++
			}
		}
		m.left.WithLabelValues(target).Set(left)
		m.pending.WithLabelValues(target).Set(float64(len(p.Refusals())))
		m.requests.WithLabelValues(target).Add(float64(p.Observed.Requests))
		if err == nil && run.State == plan.Done && p.Complete() && len(p.Refusals()) == 0 && left == 0 && !p.Unfinished() {
			inSync = 1
			m.last.WithLabelValues(target).SetToCurrentTime()
		}
	}
	m.synced.WithLabelValues(target).Set(inSync)
}

// gates notes how the gates of a target stand.
func (m *metrics) gates(target string, d gate.Decision) {
	count := map[gate.State]float64{gate.Open: 0, gate.Shut: 0, gate.Failed: 0}
	for _, v := range d {
		count[v.State]++
	}
	for s, n := range count {
		m.gate.WithLabelValues(target, string(s)).Set(n)
	}
}

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
