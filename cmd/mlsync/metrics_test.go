package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	dto "github.com/prometheus/client_model/go"
	"gopkg.in/yaml.v3"

	"mlsync.dev/mlsync/asset"
	"mlsync.dev/mlsync/azureml"
	"mlsync.dev/mlsync/gate"
	"mlsync.dev/mlsync/internal/queue"
	"mlsync.dev/mlsync/plan"
	"mlsync.dev/mlsync/state"
)

// measured are metrics after a pass over n assets, with everything set.
func measured(t *testing.T, n int) map[string]*dto.MetricFamily {
	t.Helper()
	ctx := context.Background()
	store, err := state.Open(ctx, filepath.Join(t.TempDir(), "mlsync.db"), state.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = store.Close() })
	if _, err := store.Target(ctx, "dev", "/workspace"); err != nil {
		t.Fatal(err)
	}
	q, err := queue.OpenSQLite(ctx, store.DB(), queue.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = q.Close() })
	if err := q.Register(taskSync, func(context.Context, []byte) error { return nil }, queue.TaskOptions{}); err != nil {
		t.Fatal(err)
	}
	if err := q.Enqueue(ctx, taskSync, "dev", nil, time.Time{}); err != nil {
		t.Fatal(err)
	}
	registry := newRegistry()
	m := newMetrics(registry)
	api := (&process{registry: registry}).openAPI(roleDoor{}, time.Hour)
	api.ServeHTTP(httptest.NewRecorder(), httptest.NewRequestWithContext(ctx, http.MethodGet, "/api/v1/version", nil))
	registry.MustRegister(newUpkeep(store, q, t.TempDir(), slog.New(slog.NewTextHandler(io.Discard, nil))))
	m.expect("dev")
	m.fetched(nil)
	m.gates("dev", gate.Decision{})
	m.spent("dev", azureml.Counters{Reads: 3, Throttled: 1})
	run, p := plan.Run{State: plan.Done}, &plan.Plan{}
	for i := range n {
		id := asset.ID{Kind: "model", Name: fmt.Sprint("m", i), Version: "1"}
		run.Outcomes = append(run.Outcomes, plan.Outcome{Key: plan.Key{ID: id}, Action: plan.Create, State: plan.Done})
		p.Drift = append(p.Drift, plan.Drift{ID: id})
	}
	m.ran("dev", taskSync, run, p, nil, time.Second)
	got, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]*dto.MetricFamily{}
	for _, f := range got {
		out[f.GetName()] = f
	}
	return out
}

// Labels are bounded by the configuration, whatever stands in the repository.
func TestAttackLMetricsStayBounded(t *testing.T) {
	labels := []string{"target", "task", "state", "action", "class", "way", "version", "goversion", "operation", "status"}
	few, many := measured(t, 1), measured(t, 500)
	for name, f := range many {
		if !strings.HasPrefix(name, "mlsync_") {
			continue
		}
		if got := len(f.GetMetric()); few[name] == nil || got != len(few[name].GetMetric()) {
			t.Errorf("%s: %d series with 500 assets, another number with one", name, got)
		}
		for _, series := range f.GetMetric() {
			for _, l := range series.GetLabel() {
				if !slices.Contains(labels, l.GetName()) {
					t.Errorf("%s has the label %s, which is not known to be bounded", name, l.GetName())
				}
			}
		}
	}
}

// Names are as Prometheus wants them: the unit at the end, counters with
// _total, everything with help.
func TestMetricNames(t *testing.T) {
	for name, f := range measured(t, 1) {
		if !strings.HasPrefix(name, "mlsync_") {
			continue
		}
		if counter := f.GetType() == dto.MetricType_COUNTER; counter != strings.HasSuffix(name, "_total") {
			t.Errorf("%s is %s", name, f.GetType())
		}
		if f.GetHelp() == "" || strings.Contains(name, "_ms") || strings.HasSuffix(name, "_duration") {
			t.Errorf("%s: no help, or no unit of Prometheus", name)
		}
	}
}

// named are the metrics that a PromQL expression names.
func named(expr string) []string {
	var out []string
	for _, name := range regexp.MustCompile(`\b(mlsync|process|go)_[a-z_]+`).FindAllString(expr, -1) {
		for _, part := range []string{"_bucket", "_count", "_sum"} {
			name = strings.TrimSuffix(name, part)
		}
		out = append(out, name)
	}
	return out
}

func read(t *testing.T, path string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("..", "..", filepath.FromSlash(path)))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// Each metric that an alert, the dashboard or the page of the metrics names is
// there, and the page has all of them.
func TestOperatorsSeeWhatIsThere(t *testing.T) {
	have := measured(t, 1)
	check := func(where, expr string) {
		names := named(expr)
		if len(names) == 0 {
			t.Errorf("%s: %q names no metric", where, expr)
		}
		for _, name := range names {
			if have[name] == nil {
				t.Errorf("%s: there is no metric %s", where, name)
			}
		}
	}
	var rules struct {
		Groups []struct {
			Rules []struct {
				Alert, Expr string
				Annotations struct{ Summary, Description string }
				Labels      struct{ Severity string }
			}
		}
	}
	if err := yaml.Unmarshal(read(t, "deploy/prometheus/alerts.yml"), &rules); err != nil {
		t.Fatal(err)
	}
	operate := string(read(t, "docs/how-to/operate.md"))
	alerts := 0
	for _, g := range rules.Groups {
		for _, r := range g.Rules {
			alerts++
			check(r.Alert, r.Expr)
			if r.Alert == "" || r.Annotations.Summary == "" || r.Annotations.Description == "" || r.Labels.Severity == "" {
				t.Errorf("alert %q lacks a summary, a description or a severity", r.Alert)
			}
			if !strings.Contains(operate, "`"+r.Alert+"`") {
				t.Errorf("docs/how-to/operate.md does not say what to do about %s", r.Alert)
			}
		}
	}
	if alerts < 5 {
		t.Errorf("%d alerts were read", alerts)
	}
	var board struct {
		Panels []struct {
			Type, Title string
			Targets     []struct{ Expr string }
		}
	}
	if err := json.Unmarshal(read(t, "deploy/grafana/mlsync.json"), &board); err != nil {
		t.Fatal(err)
	}
	for _, p := range board.Panels {
		if p.Type != "row" && len(p.Targets) == 0 {
			t.Errorf("panel %s shows nothing", p.Title)
		}
		for _, q := range p.Targets {
			check("panel "+p.Title, q.Expr)
		}
	}
	page := string(read(t, "docs/reference/metrics.md"))
	for _, name := range named(page) {
		if have[name] == nil {
			t.Errorf("docs/reference/metrics.md: there is no metric %s", name)
		}
	}
	for name := range have {
		if strings.HasPrefix(name, "mlsync_") && !strings.Contains(page, "`"+name+"`") {
			t.Errorf("docs/reference/metrics.md does not have %s", name)
		}
	}
}
