package main

import (
	"testing"
	"time"

	"mlsync.dev/mlsync/asset"
	"mlsync.dev/mlsync/internal/config"
	"mlsync.dev/mlsync/plan"
)

func stepOf(kind string) *plan.Step {
	return &plan.Step{Key: plan.Key{ID: asset.ID{Kind: asset.Kind(kind), Name: "a"}}, Action: plan.Create}
}

// What began within a window is brought to its end, or no further step begins
// when it closes, as the rule says; what is always free goes on.
func TestOverrun(t *testing.T) {
	office := config.Windows{Allow: []config.Window{{Cron: "0 9 * * *", Duration: time.Hour, Zone: time.UTC}}, Always: []string{"environment"}, Overrun: "finish"}
	stop := office
	stop.Overrun = "stop"
	at := func(h, m int) time.Time { return time.Date(2026, 3, 2, h, m, 0, 0, time.UTC) }
	for _, c := range []struct {
		name        string
		rules       []config.Windows
		began, then time.Time
		kind, want  string
	}{
		{"no rules", []config.Windows{{}}, at(3, 0), at(3, 0), "model", ""},
		{"within", []config.Windows{office}, at(9, 30), at(9, 59), "model", ""},
		{"finishes", []config.Windows{office}, at(9, 30), at(10, 30), "model", ""},
		{"stops", []config.Windows{stop}, at(9, 30), at(10, 0), "model", "the change window is shut until 2026-03-03 09:00 UTC"},
		{"goes on before the end", []config.Windows{stop}, at(9, 30), at(9, 59), "model", ""},
		{"free after the end", []config.Windows{stop}, at(9, 30), at(10, 0), "environment", ""},
		{"shut at its beginning", []config.Windows{office}, at(8, 0), at(8, 30), "model", "the change window is shut until 2026-03-02 09:00 UTC"},
		{"opens meanwhile", []config.Windows{office}, at(8, 59), at(9, 0), "model", ""},
		{"one of two stops", []config.Windows{office, stop}, at(9, 30), at(10, 0), "model", "the change window is shut until 2026-03-03 09:00 UTC"},
		{"free only in one of two", []config.Windows{office, {Deny: stop.Allow}}, at(8, 0), at(8, 0), "environment", "the change window is shut until 2026-03-02 09:00 UTC"},
	} {
		now := c.began
		k := newTimekeeper(func() time.Time { return now }, c.rules...)
		began, err := k.verdict(now)
		if err != nil {
			t.Fatal(err)
		}
		withhold := k.withhold(began)
		now = c.then
		got := ""
		if withhold != nil {
			got = withhold(stepOf(c.kind))
		}
		if got != c.want {
			t.Errorf("%s: got %q, want %q", c.name, got, c.want)
		}
	}
}

func TestUntilWhen(t *testing.T) {
	now := time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		lasts time.Duration
		until string
		want  time.Time
		bad   bool
	}{
		{0, "", time.Time{}, false},
		{time.Hour, "", now.Add(time.Hour), false},
		{0, "2026-03-02T14:00:00+01:00", now.Add(time.Hour), false},
		{0, "2026-03-02T12:00:00Z", time.Time{}, true},
		{-time.Hour, "", time.Time{}, true},
		{time.Hour, "2026-03-02T14:00:00Z", time.Time{}, true},
		{0, "soon", time.Time{}, true},
	} {
		got, err := untilWhen(c.lasts, c.until, now)
		if (err != nil) != c.bad || !c.bad && !got.Equal(c.want) {
			t.Errorf("%v %q: %v %v", c.lasts, c.until, got, err)
		}
	}
}
