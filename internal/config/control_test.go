package config_test

import (
	"reflect"
	"strings"
	"testing"
	"time"

	"mlsync.dev/mlsync/internal/config"
)

func TestControl(t *testing.T) {
	c, bad := read(t, `approvals: {four_eyes: true}
previews: {label: ok-to-plan, poll: 2m, comment: false}
statuses: true
defaults:
  windows:
    deny:
    - {cron: "0 0 24 12 *", duration: 240h, timezone: Europe/Berlin}
targets:
  dev: {subscription: s, resource_group: r, workspace: w1}
  prod:
    subscription: s
    resource_group: r
    workspace: w2
    windows:
      allow: [{cron: "0 9 * * 1-4", duration: 6h}]
      always: [environment]
      overrun: stop
`)
	if len(bad) > 0 {
		t.Fatal(bad)
	}
	if !c.Approvals.FourEyes || !c.Statuses || !reflect.DeepEqual(c.Previews, config.Previews{On: true, Label: "ok-to-plan", Poll: 2 * time.Minute, NoComment: true}) {
		t.Errorf("%+v %+v %v", c.Approvals, c.Previews, c.Statuses)
	}
	dev, prod := c.Targets[0].Windows, c.Targets[1].Windows
	if len(dev.Deny) != 1 || dev.Deny[0].Zone.String() != "Europe/Berlin" || dev.Deny[0].Duration != 240*time.Hour || dev.None() {
		t.Errorf("%+v", dev)
	}
	if len(prod.Deny) != 1 || len(prod.Allow) != 1 || prod.Allow[0].Zone != time.UTC || prod.Overrun != "stop" || !reflect.DeepEqual(prod.Always, []string{"environment"}) {
		t.Errorf("%+v", prod)
	}
	c, bad = read(t, "previews: {label: off}\n")
	if len(bad) > 0 || !c.Previews.On || c.Previews.Label != "" {
		t.Errorf("%+v %v", c.Previews, bad)
	}
	if c, _ = read(t, "owner: x\n"); c.Previews.On || c.Previews.Label != "mlsync-preview" || c.Statuses || c.Approvals.FourEyes {
		t.Errorf("%+v", c)
	}
}

func TestControlMistakes(t *testing.T) {
	target := "targets:\n  p: {subscription: s, resource_group: r, workspace: w, windows: {%s}}\n"
	for text, want := range map[string]string{
		"allow: [{duration: 1h}]":                                         "cron is missing",
		`allow: [{cron: "0 9 * * *"}]`:                                    "duration is missing",
		`allow: [{cron: "@every 1h", duration: 1h}]`:                      "a window opens at times of the day",
		`allow: [{cron: "TZ=Europe/Berlin 0 9 * * *", duration: 1h}]`:     "the time zone has a key of its own",
		`allow: [{cron: "0 9 * * *", duration: 1h, timezone: Mars/Base}]`: "it is not the name of a time zone",
		`deny: {cron: "0 9 * * *", duration: 1h}`:                         "want a list of windows",
		`overrun: maybe`: "overrun",
		`allow: [{cron: "0 0 30 2 *", duration: 1h}]`:                      "is not a cron schedule",
		`allow: [{cron: "0 9 * * *", duration: 1h, kinds: [environment]}]`: "unknown key",
	} {
		_, bad := read(t, strings.Replace(target, "%s", text, 1))
		if len(bad) == 0 || !strings.Contains(bad.Err().Error(), want) {
			t.Errorf("%s: %v", text, bad)
		}
	}
	for text, want := range map[string]string{
		"previews: {comment: false, status: false}\n": "nothing would tell of the plan",
		"previews: {label: \"a,b\"}\n":                "it cannot be the name of a label",
		"previews: {poll: 1s}\n":                      "poll",
		"approvals: {four_eyes: maybe}\n":             "want true or false",
	} {
		_, bad := read(t, text)
		if len(bad) == 0 || !strings.Contains(bad.Err().Error(), want) {
			t.Errorf("%s: %v", text, bad)
		}
	}
	if _, bad := read(t, strings.Replace(target, "%s", "always: [enviroment]", 1)); len(bad) == 0 || !strings.Contains(bad.Err().Error(), `there is no kind "enviroment"`) {
		t.Error(bad)
	}
}
