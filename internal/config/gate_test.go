package config_test

import (
	"testing"
	"time"
)

const gated = `targets:
  dev: {subscription: s, resource_group: r, workspace: w1}
  test: {subscription: s, resource_group: r, workspace: w2, overlay: test, from: dev}
  prod:
    subscription: s
    resource_group: r
    workspace: w3
    overlay: prod
    from: test
    gates:
`

func TestGates(t *testing.T) {
	c, bad := read(t, gated+`
    - soak: {for: 30m}
    - soak: {target: dev, for: 1h}
      deadline: 48h
    - metric: {asset: "model/taxi-*", name: rmse, max: 4.5, min: 0}
      name: quality
    - champion: {asset: model/taxi, metric: rmse, better: lower, by: 2.5%}
    - smoke:
        endpoint: taxi
        deployment: green
        body: {input: [1, 2]}
        expect: {predictions.0: {min: 0.5, max: 1}, status: ok, error: {not: true}}
    - window: {cron: "0 9 * * 1-4", duration: 6h, timezone: Europe/Berlin}
    - http: {url: "https://status.example/x", expect: {ready: true}}
    - approval: {count: 2, not_committer: true}
`)
	if len(bad) > 0 {
		t.Fatal(bad)
	}
	g := c.Targets[2].Gates
	var names []string
	for _, one := range g {
		names = append(names, one.Name)
	}
	if got := len(g); got != 8 || names[0] != "soak" || names[1] != "soak-2" || names[2] != "quality" {
		t.Fatalf("%d gates: %q", got, names)
	}
	if s := g[0].Soak; s.Target != "test" || s.For != 30*time.Minute || g[0].Deadline != 24*time.Hour || g[1].Deadline != 48*time.Hour {
		t.Errorf("soak: %+v", s)
	}
	if m := g[2].Metric; *m.Max != 4.5 || *m.Min != 0 || m.Asset != "model/taxi-*" {
		t.Errorf("metric: %+v", m)
	}
	if ch := g[3].Champion; !ch.Lower || ch.By != 2.5 || !ch.Percent {
		t.Errorf("champion: %+v", ch)
	}
	if s := g[4].Smoke; s.Target != "test" || s.Status != 200 || s.Timeout != 30*time.Second || len(s.Expect) != 3 || *s.Expect[0].Min != 0.5 || !s.Expect[2].Not.Bool() {
		t.Errorf("smoke: %+v", s)
	}
	if w := g[5].Window; w.Zone.String() != "Europe/Berlin" || w.Duration != 6*time.Hour {
		t.Errorf("window: %+v", w)
	}
	if h := g[6].HTTP; h.Method != "GET" || h.Status != 200 {
		t.Errorf("http: %+v", h)
	}
	if a := g[7].Approval; a.Count != 2 || !a.NotCommitter {
		t.Errorf("approval: %+v", a)
	}
}

func TestGateProblems(t *testing.T) {
	for _, tc := range []struct{ text, want string }{
		{"    - {}\n", `mlsync.yaml:11:7: targets.prod.gates: want exactly one condition in a gate, not 0 (one of soak, metric, champion, smoke, window, http, approval)`},
		{"    - soak\n", `mlsync.yaml:11:7: targets.prod.gates: want a map, not "soak"`},
		{"    - {soak: {for: 1m}, http: {url: 'https://a.b'}}\n", `mlsync.yaml:11:7: targets.prod.gates: want exactly one condition in a gate, not 2 (one of soak, metric, champion, smoke, window, http, approval)`},
		{"    - sook: {for: 1m}\n", "mlsync.yaml:11:7: targets.prod.gates: want exactly one condition in a gate, not 0 (one of soak, metric, champion, smoke, window, http, approval)\nmlsync.yaml:11:13: targets.prod.gates: unknown key \"sook\" (did you mean \"soak\"?)"},
		{"    - soak: {target: tset, for: 1m}\n", `mlsync.yaml:11:7: targets.prod.gates.soak: there is no target "tset" (did you mean "test"?)`},
		{"    - soak: {target: prod, for: 1m}\n", `mlsync.yaml:11:7: targets.prod.gates.soak: a target cannot wait for itself (name the target that has the release before)`},
		{"    - soak: {target: dev}\n", `mlsync.yaml:11:13: targets.prod.gates.soak: for is missing (add it)`},
		{"    - metric: {asset: taxi, name: rmse}\n", "mlsync.yaml:11:15: targets.prod.gates.metric: nothing says what the metric may be (add min: or max:)\nmlsync.yaml:11:23: targets.prod.gates.metric.asset: \"taxi\": write model/NAME"},
		{"    - metric: {asset: model/taxi, name: rmse, max: much}\n", `mlsync.yaml:11:52: targets.prod.gates.metric.max: want a number, not "much"`},
		{"    - metric: {asset: model/taxi, name: rmse, max: .nan}\n", `mlsync.yaml:11:52: targets.prod.gates.metric.max: want a number, not "nan"`},
		{"    - metric: {asset: model/taxi, name: rmse, max: 1, min: 2}\n", `mlsync.yaml:11:60: targets.prod.gates.metric: min is more than max, so the gate can never open`},
		{"    - champion: {asset: model/taxi, metric: rmse, by: -1}\n", `mlsync.yaml:11:55: targets.prod.gates.champion.by: want a number from 0 on or a share such as 2%, not "-1"`},
		{"    - smoke: {deployment: blue}\n", `mlsync.yaml:11:14: targets.prod.gates.smoke: endpoint is missing (add it)`},
		{"    - smoke: {endpoint: taxi, expect: {a: [1]}}\n", `mlsync.yaml:11:43: targets.prod.gates.smoke.expect.a: want a value or bounds, not a list (write the value, or min:, max:, not:)`},
		{"    - window: {cron: '0 9 * * *', duration: 1h, timezone: Mars/Olympus}\n", `mlsync.yaml:11:59: targets.prod.gates.window.timezone: "Mars/Olympus": it is not the name of a time zone`},
		{"    - window: {cron: '0 9 30 2 *', duration: 1h}\n", `mlsync.yaml:11:22: targets.prod.gates.window.cron: "0 9 30 2 *" is not a cron schedule (write five fields such as "*/15 * * * *", @hourly, @every 15m, or off)`},
		{"    - window: {cron: '@every 1h', duration: 1h}\n", `mlsync.yaml:11:22: targets.prod.gates.window: a window opens at times of the day (write five fields such as "0 9 * * 1-5")`},
		{"    - http: {url: 'http://169.254.169.254/metadata'}\n", `mlsync.yaml:11:19: targets.prod.gates.http.url: "http://169.254.169.254/metadata": an address begins with https://`},
		{"    - http: {url: 'https://a.b', body: {}}\n", `mlsync.yaml:11:40: targets.prod.gates.http: a GET has no body (add method: POST)`},
		{"    - {approval: {count: 0}}\n", `mlsync.yaml:11:26: targets.prod.gates.approval.count: want a whole number from 1 to 20, not "0"`},
		{"    - {approval: {}, deadline: 5}\n", `mlsync.yaml:11:32: targets.prod.gates.deadline: want a time from 1s to 2160h0m0s, not "5" (write it like 30s, 15m or 2h)`},
		{"    - {approval: {}, name: a}\n    - {http: {url: 'https://a.b'}, name: a}\n", `mlsync.yaml:12:7: targets.prod.gates: there are two gates "a" (give it another name:)`},
	} {
		_, bad := read(t, gated+tc.text)
		if got := bad.Error(); got != tc.want {
			t.Errorf("%s\ngot:  %s\nwant: %s", tc.text, got, tc.want)
		}
	}
	_, bad := read(t, "targets: {a: {subscription: s, resource_group: r, workspace: w, gates: [{smoke: {endpoint: e}}]}}\n")
	const want = "mlsync.yaml:1:73: targets.a.gates.smoke: nothing says which target it looks at (add target:, or from: to the target)\nmlsync.yaml:1:73: targets.a.gates: the target has no overlay, so it takes no release (add overlay: with the folder that mlsync promote writes to)"
	if got := bad.Sorted().Error(); got != want {
		t.Errorf("got:  %s\nwant: %s", got, want)
	}
}
