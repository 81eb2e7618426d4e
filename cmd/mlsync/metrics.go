package main

import (
	"slices"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"mlsync.dev/mlsync/azureml"
	"mlsync.dev/mlsync/gate"
	"mlsync.dev/mlsync/plan"
)

// metrics are the numbers of the daemon. Labels are bounded by the
// configuration: targets, channels, tasks, actions and states, never names of
// assets.
type metrics struct {
	register prometheus.Registerer
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
	read     prometheus.Gauge
	calls    *prometheus.CounterVec
	retries  *prometheus.CounterVec
	throttle *prometheus.CounterVec
	moved    *prometheus.CounterVec
	ready    atomic.Bool
}

// newRegistry has the numbers of the process.
func newRegistry() *prometheus.Registry {
	r := prometheus.NewRegistry()
	r.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return r
}

// newMetrics makes the numbers of one daemon.
func newMetrics(register prometheus.Registerer) *metrics {
	m := &metrics{
		register: register,
		runs:     prometheus.NewCounterVec(prometheus.CounterOpts{Name: "mlsync_runs_total", Help: "Passes over a target, by how they ended."}, []string{"target", "task", "state"}),
		seconds:  prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "mlsync_run_duration_seconds", Help: "How long passes take.", Buckets: []float64{.1, .5, 1, 5, 15, 60, 300, 900, 1800}}, []string{"target", "task"}),
		steps:    prometheus.NewCounterVec(prometheus.CounterOpts{Name: "mlsync_steps_total", Help: "Steps carried out, by action and how they ended."}, []string{"target", "action", "state"}),
		drift:    prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "mlsync_drift_assets", Help: "Assets that were changed behind git's back, at the last look."}, []string{"target"}),
		left:     prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "mlsync_drift_left_assets", Help: "Drifted assets that are left at the last look: they come back again and again, or the budget of corrections is used up."}, []string{"target"}),
		pending:  prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "mlsync_approvals_pending", Help: "Steps that wait for an approval."}, []string{"target"}),
		synced:   prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "mlsync_in_sync", Help: "1 if the last pass compared everything and left nothing undone, and nothing of the target changed in git since."}, []string{"target"}),
		last:     prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "mlsync_last_success_timestamp_seconds", Help: "When a pass ended well last."}, []string{"target"}),
		waiting:  prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "mlsync_release_waiting", Help: "1 if a new release waits before a gate, or is refused, at the last pass."}, []string{"target"}),
		gate:     prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "mlsync_gates", Help: "Gates of the target, by how they stood at the last look."}, []string{"target", "state"}),
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "mlsync_read_requests_total", Help: "Requests that plans took to read the workspace."}, []string{"target"}),
		told:     prometheus.NewCounterVec(prometheus.CounterOpts{Name: "mlsync_notifications_total", Help: "Messages to channels that were sent or failed, and changes that were dropped."}, []string{"channel", "state"}),
		fetches:  prometheus.NewCounterVec(prometheus.CounterOpts{Name: "mlsync_fetches_total", Help: "Looks at the repository, by how they ended."}, []string{"state"}),
		hooks:    prometheus.NewCounterVec(prometheus.CounterOpts{Name: "mlsync_webhook_deliveries_total", Help: "Deliveries of webhooks, by how they ended."}, []string{"provider", "state"}),
	}
	m.newRequests()
	m.register.MustRegister(m.runs, m.seconds, m.steps, m.drift, m.left, m.pending, m.synced, m.last, m.waiting, m.gate, m.requests, m.fetches, m.hooks, m.told,
		m.read, m.calls, m.retries, m.throttle, m.moved)
	return m
}

// newRequests makes the numbers of what is asked of others.
func (m *metrics) newRequests() {
	m.read = prometheus.NewGauge(prometheus.GaugeOpts{Name: "mlsync_last_fetch_timestamp_seconds", Help: "When the repository answered last."})
	m.calls = prometheus.NewCounterVec(prometheus.CounterOpts{Name: "mlsync_arm_requests_total", Help: "Requests to Resource Manager (read, write, delete) and to storage (blob), repeated ones included; added when a pass ends."}, []string{"target", "class"})
	m.retries = prometheus.NewCounterVec(prometheus.CounterOpts{Name: "mlsync_arm_retries_total", Help: "Requests that were sent again."}, []string{"target"})
	m.throttle = prometheus.NewCounterVec(prometheus.CounterOpts{Name: "mlsync_arm_throttled_total", Help: "Requests that were sent again because the service asked to wait."}, []string{"target"})
	m.moved = prometheus.NewCounterVec(prometheus.CounterOpts{Name: "mlsync_content_bytes_total", Help: "Bytes of content that were uploaded, downloaded, or copied within storage."}, []string{"target", "way"})
}

// expect makes the series of a target, so that an alert sees also one that
// never had a pass.
func (m *metrics) expect(target string) {
	m.synced.WithLabelValues(target).Set(0)
	m.last.WithLabelValues(target).Set(0)
	m.drift.WithLabelValues(target).Set(0)
	m.throttle.WithLabelValues(target).Add(0)
}

func (m *metrics) fetched(err error) {
	state := "ok"
	if err != nil {
		state = "failed"
	} else {
		m.read.SetToCurrentTime()
	}
	m.fetches.WithLabelValues(state).Inc()
}

// notified notes what became of messages to a channel.
func (m *metrics) notified(channel, state string, n int) {
	m.told.WithLabelValues(channel, state).Add(float64(n))
}

// spent adds what a pass asked of the service.
func (m *metrics) spent(target string, c azureml.Counters) {
	for class, n := range map[string]int64{"read": c.Reads, "write": c.Writes, "delete": c.Deletes, "blob": c.Blobs} {
		m.calls.WithLabelValues(target, class).Add(float64(n))
	}
	m.retries.WithLabelValues(target).Add(float64(c.Retries))
	m.throttle.WithLabelValues(target).Add(float64(c.Throttled))
	for way, n := range map[string]int64{"up": c.Uploaded, "down": c.Downloaded, "copy": c.Copied} {
		m.moved.WithLabelValues(target, way).Add(float64(n))
	}
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
	synced := 0.0
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
		if err == nil && inSync(run, p) {
			synced = 1
			m.last.WithLabelValues(target).SetToCurrentTime()
		}
	}
	m.synced.WithLabelValues(target).Set(synced)
}

// inSync reports whether a pass has compared everything and left nothing undone.
func inSync(run plan.Run, p *plan.Plan) bool {
	held := slices.ContainsFunc(p.Drift, func(d plan.Drift) bool { return d.Held != "" })
	return run.State == plan.Done && p.Complete() && len(p.Refusals()) == 0 && !held && !p.Unfinished()
}

// same notes that a target is in sync without a pass: nothing of it changed since
// it was compared.
func (m *metrics) same(target string, compared time.Time) {
	m.synced.WithLabelValues(target).Set(1)
	m.last.WithLabelValues(target).Set(float64(compared.UnixNano()) / 1e9)
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
