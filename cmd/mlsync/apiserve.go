package main

import (
	"net/http"
	"slices"
	"sort"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"mlsync.dev/mlsync/access"
	"mlsync.dev/mlsync/web"
)

// openAPI makes the API of the projects, behind a door.
func (p *process) openAPI(door access.Door, life time.Duration) *web.Server {
	api := web.New(web.Options{
		Door: door, Projects: func() []web.Project { return p.told(life) }, Version: version, Now: time.Now,
		Told: newAnswers(p.registry).observe,
		Failed: func(request string, err error) {
			p.log.Error("api", "request", request, "err", err)
		},
	})
	p.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "mlsync_api_streams", Help: "Streams of events that are open."}, func() float64 { return float64(api.Streams()) }))
	return api
}

// apiAlone answers below /api/v1, and to nothing else.
func (p *process) apiAlone() http.Handler {
	mux := http.NewServeMux()
	mux.Handle(web.Base, p.api)
	return mux
}

// told are the projects of which the API tells: those that are open.
func (p *process) told(life time.Duration) []web.Project {
	var out []web.Project
	for _, d := range p.daemons {
		if !d.up.Load() {
			continue
		}
		one := web.Project{Name: d.name, Book: &book{d, life}}
		for _, t := range d.targets() {
			one.Targets = append(one.Targets, t.Name)
		}
		slices.Sort(one.Targets)
		out = append(out, one)
	}
	sort.Slice(out, func(i, j int) bool { return out[i].Name < out[j].Name })
	return out
}

// answers are the numbers of the API. Labels are operations of its table and
// statuses, never what was asked for.
type answers struct {
	requests *prometheus.CounterVec
	seconds  *prometheus.HistogramVec
}

func newAnswers(register prometheus.Registerer) *answers {
	a := &answers{
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "mlsync_api_requests_total", Help: "Requests to the API, by operation and status."}, []string{"operation", "status"}),
		seconds:  prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "mlsync_api_request_duration_seconds", Help: "How long answers of the API take, streams aside.", Buckets: []float64{.005, .025, .1, .5, 2, 10, 30}}, []string{"operation"}),
	}
	register.MustRegister(a.requests, a.seconds)
	return a
}

func (a *answers) observe(operation string, status int, took time.Duration) {
	a.requests.WithLabelValues(operation, strconv.Itoa(status)).Inc()
	if operation != web.StreamOperation {
		a.seconds.WithLabelValues(operation).Observe(took.Seconds())
	}
}
