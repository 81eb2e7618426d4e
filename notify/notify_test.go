package notify_test

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"mlsync.dev/mlsync/asset"
	"mlsync.dev/mlsync/diff"
	"mlsync.dev/mlsync/internal/egress"
	"mlsync.dev/mlsync/internal/limit"
	"mlsync.dev/mlsync/notify"
	"mlsync.dev/mlsync/plan"
)

func id(name string) asset.ID { return asset.ID{Kind: "environment", Name: name, Version: "1"} }

func outcome(name string, how plan.State, code string) plan.Outcome {
	return plan.Outcome{Key: plan.Key{ID: id(name)}, Action: plan.Update, State: how, Err: "it says no", Code: code}
}

func drift(name string, revert bool, held string) plan.Drift {
	return plan.Drift{ID: id(name), Paths: []string{"tags.team"}, By: "ann", Revert: revert, Held: held, Changes: []diff.Change{}}
}

// TestConditions: what is wrong after a pass, and what the pass has looked at.
func TestConditions(t *testing.T) {
	ended := plan.Run{ID: "dev-1", Commit: "c1", State: plan.Done}
	full := func() *plan.Plan { return &plan.Plan{Options: plan.Options{Full: true}} }
	whole := notify.Condition{What: notify.Failing}
	one := notify.Condition{What: notify.Failing, Asset: id("a")}
	drifted := notify.Condition{What: notify.Drift, Asset: id("a")}
	waiting := notify.Condition{What: notify.Waiting}
	for name, tt := range map[string]struct {
		pass  notify.Pass
		want  []string
		known []notify.Condition
	}{
		"a good pass over everything": {notify.Pass{Run: ended, Plan: full()}, nil, []notify.Condition{whole, one, drifted, waiting}},
		"a good pass over a commit":   {notify.Pass{Run: ended, Plan: &plan.Plan{}}, nil, []notify.Condition{whole, one, waiting}},
		"not everything was read": {
			notify.Pass{Run: ended, Plan: &plan.Plan{Options: plan.Options{Full: true}, Observed: plan.Observed{Partial: map[asset.Kind]string{"data": "403", "code": "404"}}}}, []string{"failing  not_read error: not read: code: 404; data: 403"}, []notify.Condition{whole, waiting},
		},
		"it failed":        {notify.Pass{Err: errors.New("no\nnetwork"), Code: "AuthorizationFailed"}, []string{"failing  AuthorizationFailed error: no network"}, []notify.Condition{whole}},
		"without a code":   {notify.Pass{Err: errors.New("x")}, []string{"failing  error error: x"}, []notify.Condition{whole}},
		"nothing was done": {notify.Pass{Plan: full()}, nil, nil},
		"a release waits": {
			notify.Pass{Run: plan.Run{State: plan.Waiting, Err: "soak", Release: plan.Release{Name: "r1"}}}, []string{"waiting  r1 info: soak"}, []notify.Condition{whole, waiting},
		},
		"a release is refused": {
			notify.Pass{Run: plan.Run{State: plan.Waiting, Err: "late", Release: plan.Release{Name: "r1"}}, Refused: true}, []string{"refused  r1 error: late"}, []notify.Condition{whole, waiting},
		},
		"rolled back": {
			notify.Pass{Run: ended, Plan: full(), RolledBack: "r2", RolledBackWhy: "errors"}, []string{"rolled_back  r2 warning: errors"}, []notify.Condition{whole, one, drifted, waiting},
		},
		"steps": {
			notify.Pass{Run: plan.Run{State: plan.Failed, Outcomes: []plan.Outcome{outcome("a", plan.Failed, "Conflict"), outcome("a", plan.Failed, "Conflict"), outcome("b", plan.Failed, ""), outcome("c", plan.Skipped, "")}}, Plan: full()},
			[]string{"failing a Conflict error: it says no", "failing b error error: it says no"},
			[]notify.Condition{whole, one, drifted, waiting},
		},
		"drift": {
			notify.Pass{
				Run:  plan.Run{State: plan.Failed, Outcomes: []plan.Outcome{outcome("b", plan.Done, ""), outcome("d", plan.Failed, "X")}},
				Plan: &plan.Plan{Options: plan.Options{Full: true}, Drift: []plan.Drift{drift("a", false, ""), drift("b", true, ""), drift("c", true, "3 times"), drift("d", true, "")}},
			},
			[]string{
				"failing d X error: it says no", "drift a  warning: changed in tags.team by ann", "drift b corrected info: changed in tags.team by ann; changed back",
				"drift c left error: changed in tags.team by ann; left: 3 times", "drift d  warning: changed in tags.team by ann",
			},
			[]notify.Condition{whole, one, drifted, waiting},
		},
		"approvals, what is blocked, and what was returned": {
			notify.Pass{Run: ended, Plan: &plan.Plan{Options: plan.Options{Full: true}, Steps: []plan.Step{
				{Key: plan.Key{ID: id("a")}, Action: plan.Replace, Needs: "replace:a"},
				{Key: plan.Key{ID: id("b")}, Action: plan.Blocked, Code: "protected", Blocked: "it is protected"},
				{Key: plan.Key{ID: id("c")}, Action: plan.Blocked, Code: "rollout_returned", Blocked: "errors"},
				{Key: plan.Key{ID: id("d")}, Action: plan.Blocked, Code: plan.Busy, Blocked: "an operation goes on"},
				{Key: plan.Key{ID: id("e")}, Action: plan.Blocked, Code: plan.WaitsFor, Blocked: "waits for b"},
			}}},
			[]string{"approval a replace:a warning: needs the approval replace:a", "blocked b protected warning: it is protected", "returned c rollout_returned error: errors"},
			[]notify.Condition{whole, one, drifted, waiting},
		},
	} {
		now, known := notify.Conditions(tt.pass)
		var got []string
		for _, c := range now {
			got = append(got, fmt.Sprintf("%s %s %s %s: %s", c.What, c.Asset.Name, c.Code, c.Severity, c.Text))
		}
		if !slices.Equal(got, tt.want) {
			t.Errorf("%s:\ngot  %q\nwant %q", name, got, tt.want)
		}
		for _, c := range []notify.Condition{whole, one, drifted, waiting} {
			if known(c) != slices.Contains(tt.known, c) {
				t.Errorf("%s: known %s %s is %v", name, c.What, c.Asset.Name, known(c))
			}
		}
	}
}

// An outage of many targets is one message; another cause is another one.
func TestCollapse(t *testing.T) {
	var all []notify.Notice
	for i := range 100 {
		n := notice(fmt.Sprint("t", i), "a")
		n.Condition = notify.Condition{What: notify.Failing, Code: "ServiceUnavailable", Severity: notify.Error, Text: fmt.Sprint("request ", i)}
		all = append(all, n)
	}
	all = append(all, notice("t0", "a"), notice("t0", "b"))
	gone := notice("t1", "a")
	gone.Over = true
	all = append(all, gone)
	var titles []string
	for _, g := range notify.Collapse(all, 10) {
		titles = append(titles, notify.Write("k", g, 0).Title)
	}
	if want := []string{"Failing in 100 targets", "Drift in t0: 2 assets", "Drift is gone in t1: environment/a:1"}; !slices.Equal(titles, want) {
		t.Errorf("got %q", titles)
	}
	titles = nil
	for _, g := range notify.Collapse(all, 2) {
		titles = append(titles, notify.Write("k", g, 0).Title)
	}
	if want := []string{"Failing in 100 targets", "3 changes in 2 targets"}; !slices.Equal(titles, want) {
		t.Errorf("got %q", titles)
	}
	if got := notify.Collapse(all, 0); len(got) != 0 {
		t.Errorf("none may go: %d", len(got))
	}
}

// Every event has words, and a sample of each goes to every channel.
func TestSamples(t *testing.T) {
	s, m := slack(t), teams(t)
	for _, what := range notify.Whats() {
		n := notify.Sample(what, at)
		for _, n.Over = range []bool{false, true} {
			message := notify.Write("k", []notify.Notice{n}, 0)
			if message.Title == "" || message.Title[0] == ' ' || len(message.Lines) != 1 {
				t.Errorf("%s: %+v", what, message)
			}
			send(t, s, notify.Slack, message)
			send(t, m, notify.Teams, message)
		}
	}
}

// One attempt is bounded in time, whatever the channel does.
func TestAttackL51SilentChannels(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		// A name that is never resolved stands for all that does not answer.
		c := notify.Channel{Type: notify.Webhook, URL: asset.NewSecret("https://silent.example/")}
		s := &notify.Sender{Client: egress.New(egress.Options{Still: true, Lookup: silence})}
		start := time.Now()
		err := s.Send(t.Context(), c, notify.Write("k", []notify.Notice{notice("dev", "a")}, 0), start)
		if took := time.Since(start); err == nil || took != limit.NotifyTime {
			t.Errorf("%v after %v", err, took)
		}
		time.Sleep(limit.ProbeTime) // in the bubble's time: what goes on in the back ends
	})
}

func silence(ctx context.Context, _ string) ([]netip.Addr, error) {
	<-ctx.Done()
	return nil, ctx.Err()
}
