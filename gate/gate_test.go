package gate_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"mlsync.dev/mlsync/asset"
	"mlsync.dev/mlsync/gate"
)

// world is all that gates look at, as values.
type world struct {
	runs      []gate.Run // newest first
	asked     []string
	champion  *gate.Model
	answer    gate.Answer
	err       error
	calls     int
	approvals map[string][]gate.Approval
}

func (w *world) Runs(_ context.Context, _ string, done func(gate.Run) bool) error {
	for _, r := range w.runs {
		if done(r) {
			break
		}
	}
	return w.err
}

func (w *world) Ask(_ context.Context, target string) error {
	w.asked = append(w.asked, target)
	return nil
}

func (w *world) Champion(context.Context, asset.ID) (*gate.Model, error) { return w.champion, w.err }

func (w *world) Invoke(context.Context, gate.Call) (gate.Answer, error) {
	w.calls++
	return w.answer, w.err
}

func (w *world) Fetch(context.Context, gate.Request) (gate.Answer, error) {
	w.calls++
	return w.answer, w.err
}

func (w *world) Approvals(_ context.Context, name string) ([]gate.Approval, error) {
	return w.approvals[name], w.err
}

func (w *world) approve(name, author string) {
	if w.approvals == nil {
		w.approvals = map[string][]gate.Approval{}
	}
	w.approvals[name] = append(w.approvals[name], gate.Approval{Author: author, At: time.Now()})
}

func (w *world) probe(body string) { w.answer = gate.Answer{Status: 200, Body: []byte(body)} }

var taxi = asset.ID{Kind: "model", Name: "taxi", Version: "3"}

func (w *world) at() *gate.Case {
	return &gate.Case{
		Target: "prod",
		Release: gate.Release{
			Name: "r3", Fingerprint: "f3", Source: "dev", Commit: "c3",
			Models: []gate.Model{{ID: taxi, Metrics: map[string]string{"rmse": "3.5"}, Tags: map[string]string{"rmse": "9", "auc": "0.91", "word": "good"}}},
		},
		Committers: []string{"Ann Author", "ann@example.com"},
		History:    w, Champions: w, Probe: w, Consent: w,
	}
}

func (w *world) decide(t *testing.T, gates []gate.Gate, before []gate.Verdict) gate.Decision {
	t.Helper()
	d, err := w.at().Decide(t.Context(), time.Now(), gates, before, false)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// pass lets time go by, in a bubble of synctest.
func pass(d time.Duration) { <-time.After(d) }

func f(x float64) *float64 { return &x }

func one(rule gate.Rule) []gate.Gate {
	return []gate.Gate{{Name: rule.Type(), Deadline: time.Hour, Rule: rule}}
}

func TestMetrics(t *testing.T) {
	live := &gate.Model{ID: asset.ID{Kind: "model", Name: "taxi", Version: "2"}, Tags: map[string]string{"rmse": "4", "auc": "0.9"}}
	for _, tc := range []struct {
		rule     gate.Rule
		champion *gate.Model
		state    gate.State
		why      string
	}{
		{gate.Metric{Asset: "model/taxi", Name: "rmse", Max: f(3.5)}, nil, gate.Open, "rmse of taxi:3 is 3.5"},
		{gate.Metric{Asset: "model/t*", Name: "rmse", Max: f(3.4)}, nil, gate.Failed, "rmse of taxi:3 is 3.5, more than 3.4"},
		{gate.Metric{Asset: "model/taxi", Name: "auc", Min: f(0.95)}, nil, gate.Failed, "auc of taxi:3 is 0.91, less than 0.95"},
		{gate.Metric{Asset: "model/taxi", Name: "word", Min: f(0)}, nil, gate.Failed, `word of taxi:3 is "good", which is no number`},
		{gate.Metric{Asset: "model/taxi", Name: "f1", Min: f(0)}, nil, gate.Failed, "the release says nothing of f1 of taxi:3: name it in lineage.metrics, or tag the model with it"},
		{gate.Metric{Asset: "model/bus", Name: "f1", Min: f(0)}, nil, gate.Failed, "the release r3 holds no model/bus"},
		{gate.Champion{Asset: "model/taxi", Metric: "rmse", Lower: true}, nil, gate.Open, "no version of taxi is live"},
		{gate.Champion{Asset: "model/taxi", Metric: "rmse", Lower: true}, live, gate.Open, "rmse of taxi:3 is 3.5 and that of taxi:2, which is live, is 4"},
		{gate.Champion{Asset: "model/taxi", Metric: "rmse", Lower: true, By: 0.5}, live, gate.Open, "rmse of taxi:3 is 3.5 and that of taxi:2, which is live, is 4"},
		{gate.Champion{Asset: "model/taxi", Metric: "rmse", Lower: true, By: 13, Percent: true}, live, gate.Failed, "rmse of taxi:3 is 3.5 and that of taxi:2, which is live, is 4: not better by 13%"},
		{gate.Champion{Asset: "model/taxi", Metric: "auc", By: 0.1}, live, gate.Failed, "auc of taxi:3 is 0.91 and that of taxi:2, which is live, is 0.9: not better by 0.1"},
		{gate.Champion{Asset: "model/taxi", Metric: "rmse"}, live, gate.Failed, "rmse of taxi:3 is 3.5 and that of taxi:2, which is live, is 4: not better by 0"},
		{gate.Champion{Asset: "model/taxi", Metric: "rmse"}, &gate.Model{ID: live.ID}, gate.Failed, "the champion: the release says nothing of rmse of taxi:2: name it in lineage.metrics, or tag the model with it"},
		{gate.Champion{Asset: "model/taxi", Metric: "rmse"}, &gate.Model{ID: taxi, Metrics: map[string]string{"rmse": "3.5"}}, gate.Open, "rmse of taxi:3 is 3.5 and that of taxi:3, which is live, is 3.5"},
	} {
		w := &world{champion: tc.champion}
		got := w.decide(t, one(tc.rule), nil)[0]
		if got.State != tc.state || got.Why != tc.why {
			t.Errorf("%+v:\n got %s: %s\nwant %s: %s", tc.rule, got.State, got.Why, tc.state, tc.why)
		}
	}
}

func TestAnswers(t *testing.T) {
	const body = `{"ok": true, "n": 3.0, "list": [{"score": 0.7}], "text": "x", "none": null}`
	for _, tc := range []struct {
		expect gate.Expect
		why    string // "" is good
	}{
		{gate.Expect{Path: "ok", Is: asset.NewBool(true)}, ""},
		{gate.Expect{Path: "n", Is: asset.NewInt(3)}, ""},
		{gate.Expect{Path: "n", Is: asset.NewString("3")}, `n is 3, not "3"`},
		{gate.Expect{Path: "list.0.score", Min: f(0.7), Max: f(0.7)}, ""},
		{gate.Expect{Path: "list.0.score", Min: f(0.8)}, "list.0.score is 0.7, less than 0.8"},
		{gate.Expect{Path: "list.0.score", Max: f(0.6)}, "list.0.score is 0.7, more than 0.6"},
		{gate.Expect{Path: "list.1.score", Max: f(0.6)}, "list.1.score is not there"},
		{gate.Expect{Path: "list.-1", Max: f(0.6)}, "list.-1 is not there"},
		{gate.Expect{Path: "text", Max: f(0.6)}, `text is "x", which is no number`},
		{gate.Expect{Path: "text", Not: asset.NewString("x")}, `text is "x"`},
		{gate.Expect{Path: "text.a", Not: asset.NewString("x")}, `text.a is not there`},
		{gate.Expect{Path: "none", Not: asset.NewString("x")}, ""},
	} {
		w := &world{}
		w.probe(body)
		got := w.decide(t, one(gate.HTTP{URL: "https://x", Method: "GET", Good: gate.Good{Status: 200, Expect: []gate.Expect{tc.expect}}}), nil)[0]
		want := "https://x answers as it should"
		if tc.why != "" {
			want = "https://x answers, but " + tc.why
		}
		if got.Why != want || (got.State == gate.Open) != (tc.why == "") {
			t.Errorf("%s: %s: %s, want %s", tc.expect.Path, got.State, got.Why, want)
		}
	}
	for _, tc := range []struct {
		answer gate.Answer
		err    error
		why    string
	}{
		{gate.Answer{Status: 503, Body: []byte("busy")}, nil, "endpoint taxi of test answers with status 503, not 200"},
		{gate.Answer{}, errors.New("refused"), "endpoint taxi of test does not answer: refused"},
		{gate.Answer{Status: 200, Body: []byte("<html>")}, nil, "endpoint taxi of test answers, but not with JSON"},
	} {
		w := &world{answer: tc.answer, err: tc.err}
		got := w.decide(t, one(gate.Smoke{Target: "test", Endpoint: "taxi", Good: gate.Good{Status: 200, Expect: []gate.Expect{{Path: "a", Is: asset.NewInt(1)}}}}), nil)[0]
		if got.State != gate.Shut || got.Why != tc.why || got.Next.Sub(got.At) != 5*time.Second {
			t.Errorf("%s: %s, next %s", got.State, got.Why, got.Next.Sub(got.At))
		}
	}
}

func TestSoak(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &world{}
		gates := one(gate.Soak{Target: "test", For: 30 * time.Minute})
		gates[0].Deadline = 10 * time.Hour
		run := func(r gate.Run) {
			r.Ended = time.Now()
			w.runs = append([]gate.Run{r}, w.runs...)
		}
		var before []gate.Verdict
		look := func(state gate.State, why string) gate.Verdict {
			t.Helper()
			before = w.decide(t, gates, nil)
			if v := before[0]; v.State != state || !strings.HasPrefix(v.Why, why) {
				t.Errorf("%s: %s\nwant %s: %s", v.State, v.Why, state, why)
			}
			return before[0]
		}
		look(gate.Shut, "the journal knows no pass over test")
		run(gate.Run{ID: "test-1", Release: "f2"})
		look(gate.Shut, "test is not well with the release: run test-1 was of another release")
		run(gate.Run{ID: "test-2", Release: "f3", Ill: "1 step failed"})
		look(gate.Shut, "test is not well with the release: run test-2: 1 step failed")
		run(gate.Run{ID: "test-3", Release: "f3"})
		began := time.Now()
		if v := look(gate.Shut, "test has been well with the release for 0s of 30m0s"); !v.Next.Equal(began.Add(30 * time.Minute)) {
			t.Errorf("next look at %s", v.Next)
		}
		// Drift begins it anew.
		pass(20 * time.Minute)
		run(gate.Run{ID: "test-4", Release: "f3", Ill: "drift"})
		look(gate.Shut, "test is not well with the release: run test-4: drift")
		run(gate.Run{ID: "test-5", Release: "f3"})
		pass(10 * time.Minute)
		run(gate.Run{ID: "test-6", Release: "f3"})
		look(gate.Shut, "test has been well with the release for 10m0s of 30m0s")
		// When the time is over nobody has looked, so it asks.
		pass(25 * time.Minute)
		if len(w.asked) != 0 {
			t.Error("asked too early")
		}
		look(gate.Shut, "test has been well with the release for 10m0s of 30m0s, and is looked at now")
		if !slices.Equal(w.asked, []string{"test"}) {
			t.Errorf("asked %q", w.asked)
		}
		run(gate.Run{ID: "test-7", Release: "f3"})
		if v := look(gate.Open, "test has been well with the release for 35m0s"); v.Evidence["first_run"] != "test-5" || v.Evidence["last_run"] != "test-7" {
			t.Errorf("evidence %v", v.Evidence)
		}
		run(gate.Run{ID: "test-8", Release: "f4"})
		look(gate.Shut, "test is not well with the release: run test-8 was of another release")
	})
}

// Where the release was made nothing pins it: it counts from its commit on.
func TestSoakWhereItWasMade(t *testing.T) {
	now := time.Now()
	w := &world{runs: []gate.Run{
		{ID: "dev-3", Commit: "c4", Ended: now}, {ID: "dev-2", Commit: "c3", Ended: now.Add(-time.Hour)}, {ID: "dev-1", Commit: "c2", Ended: now.Add(-2 * time.Hour)},
	}}
	if got := w.decide(t, one(gate.Soak{Target: "dev", For: time.Hour}), nil)[0]; got.State != gate.Open || got.Evidence["first_run"] != "dev-2" {
		t.Errorf("%s: %s %v", got.State, got.Why, got.Evidence)
	}
	w.runs = w.runs[:1]
	if got := w.decide(t, one(gate.Soak{Target: "dev", For: time.Hour}), nil)[0]; got.Why != "dev is not well with the release: no pass that went well brought it to c3, of which the release was made" {
		t.Errorf("%s: %s", got.State, got.Why)
	}
}

func TestWindow(t *testing.T) {
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	gates := one(gate.Window{Cron: "0 9 * * 1-5", Duration: 6 * time.Hour, Zone: berlin})
	for _, tc := range []struct {
		now, next string
		state     gate.State
		why       string
	}{
		{"2026-03-27T07:59:59Z", "2026-03-27T08:00:00Z", gate.Shut, "the window opens at 2026-03-27 09:00 CET"},
		{"2026-03-27T08:00:00Z", "", gate.Open, "the window is open until 2026-03-27 15:00 CET"},
		{"2026-03-27T13:59:59Z", "", gate.Open, "the window is open until 2026-03-27 15:00 CET"},
		// The next day of work is after the clocks are changed.
		{"2026-03-27T14:00:00Z", "2026-03-30T07:00:00Z", gate.Shut, "the window opens at 2026-03-30 09:00 CEST"},
	} {
		now, err := time.Parse(time.RFC3339, tc.now)
		if err != nil {
			t.Fatal(err)
		}
		gates[0].Deadline = 1000 * time.Hour
		d, err := (&world{}).at().Decide(t.Context(), now, gates, nil, false)
		if err != nil {
			t.Fatal(err)
		}
		next := ""
		if v := d[0]; !v.Next.IsZero() {
			next = v.Next.UTC().Format(time.RFC3339)
		}
		if d[0].State != tc.state || d[0].Why != tc.why || next != tc.next {
			t.Errorf("%s: %s: %s, next %s", tc.now, d[0].State, d[0].Why, next)
		}
	}
}

func TestApprovals(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &world{}
		gates := []gate.Gate{{Name: "owners", Deadline: time.Hour, Rule: gate.Approvals{Count: 2, NotCommitter: true}}}
		before := w.decide(t, gates, nil)
		look := func(state gate.State, why string) {
			t.Helper()
			before = w.decide(t, gates, before)
			if v := before[0]; v.State != state || v.Why != why {
				t.Errorf("%s: %s\nwant %s: %s", v.State, v.Why, state, why)
			}
		}
		look(gate.Shut, "0 of 2 approvals: mlsync approve gate:owners")
		pass(time.Second)
		w.approve("owners", "Ann")
		// An approval is seen at once, not at the next look.
		look(gate.Shut, "0 of 2 approvals; that of who made the commit does not count: mlsync approve gate:owners")
		pass(time.Second)
		w.approve("owners", "bea")
		w.approve("owners", "Bea")
		look(gate.Shut, "1 of 2 approvals; that of who made the commit does not count: mlsync approve gate:owners")
		pass(2 * time.Hour)
		look(gate.Failed, "1 of 2 approvals; that of who made the commit does not count: mlsync approve gate:owners; its deadline passed at 2000-01-01T01:00:00Z")
		if !before.Next().IsZero() {
			t.Errorf("a refused release is looked at again at %s", before.Next())
		}
		w.approve("owners", "cy")
		look(gate.Open, "2 of 2 approvals; that of who made the commit does not count by bea, cy")
	})
}

// A gate that is shut at its deadline has failed for good, whatever comes
// later, until it is changed or somebody approves it.
func TestDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &world{answer: gate.Answer{Status: 500}}
		gates := []gate.Gate{{Name: "probe", Deadline: time.Hour, Rule: gate.HTTP{URL: "https://x", Method: "GET", Good: gate.Good{Status: 200}}}}
		began := time.Now()
		d := w.decide(t, gates, nil)
		calls := 0
		for d[0].State == gate.Shut {
			// Nothing is asked before the time of the next look, and a restart
			// changes nothing: all there is are verdicts.
			pass(time.Until(d.Next()) - time.Millisecond)
			if w.decide(t, gates, d)[0].At != d[0].At {
				t.Fatal("looked too early")
			}
			pass(time.Millisecond)
			d = w.decide(t, gates, d)
			if calls++; calls > 100 {
				t.Fatal("too many looks")
			}
		}
		if took := time.Since(began); d[0].State != gate.Failed || took != time.Hour || w.calls != calls+1 {
			t.Errorf("%s after %s and %d calls", d[0].State, took, w.calls)
		}
		if want := "https://x answers with status 500, not 200; its deadline passed at 2000-01-01T01:00:00Z"; d[0].Why != want || len(d.Failed()) != 1 {
			t.Errorf("why: %s", d[0].Why)
		}
		w.answer.Status = 200
		pass(time.Hour)
		if d = w.decide(t, gates, d); d.Open() || !d.Next().IsZero() {
			t.Error("it opened after its deadline")
		}
		changed := slices.Clone(gates)
		changed[0].Deadline = 2 * time.Hour
		if d := w.decide(t, changed, d); !d.Open() {
			t.Errorf("a gate that was changed: %s", d.Why())
		}
		w.approve("probe", "bea")
		if d = w.decide(t, gates, d); !d.Open() || d[0].Evidence["approved_by"] != "bea" {
			t.Errorf("approved: %s", d.Why())
		}
	})
}

// All gates must be open at the same time.
func TestAllAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &world{}
		w.probe("{}")
		gates := []gate.Gate{
			{Name: "probe", Deadline: 24 * time.Hour, Rule: gate.HTTP{URL: "https://x", Method: "GET", Good: gate.Good{Status: 200}}},
			{Name: "window", Deadline: 24 * time.Hour, Rule: gate.Window{Cron: "0 9 * * *", Duration: time.Hour, Zone: time.UTC}},
		}
		d := w.decide(t, gates, nil)
		if d.Open() || d.Next().Hour() != 9 || w.calls != 1 {
			t.Fatalf("%s, next %s", d.Why(), d.Next())
		}
		pass(time.Until(d.Next()))
		w.answer.Status = 500
		if d = w.decide(t, gates, d); d.Open() || d[0].State != gate.Shut || d[1].State != gate.Open {
			t.Errorf("what was open once counts: %s", d.Why())
		}
		pass(time.Until(d.Next()))
		w.answer.Status = 200
		if d = w.decide(t, gates, d); !d.Open() {
			t.Errorf("it does not open: %s", d.Why())
		}
	})
}
