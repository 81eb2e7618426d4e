package window_test

import (
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"mlsync.dev/mlsync/internal/window"
)

func zone(t testing.TB, name string) *time.Location {
	t.Helper()
	z, err := time.LoadLocation(name)
	if err != nil {
		t.Fatal(err)
	}
	return z
}

func when(t testing.TB, s string) time.Time {
	t.Helper()
	at, err := time.Parse(time.RFC3339, s)
	if err != nil {
		t.Fatal(err)
	}
	return at
}

func TestWindows(t *testing.T) {
	berlin, york := zone(t, "Europe/Berlin"), zone(t, "America/New_York")
	office := window.Span{Cron: "0 9 * * 1-5", Duration: 6 * time.Hour, Zone: berlin}
	night := window.Span{Cron: "30 2 * * *", Duration: time.Hour, Zone: berlin}
	freeze := window.Span{Cron: "0 0 24 12 *", Duration: 10 * 24 * time.Hour, Zone: berlin}
	for _, c := range []struct {
		name       string
		rules      window.Rules
		now, turns string
		open       bool
	}{
		{"none", window.Rules{}, "2026-03-27T08:00:00Z", "", true},
		{"before", window.Rules{Allow: []window.Span{office}}, "2026-03-27T07:59:59Z", "2026-03-27T08:00:00Z", false},
		{"at its opening", window.Rules{Allow: []window.Span{office}}, "2026-03-27T08:00:00Z", "2026-03-27T14:00:00Z", true},
		{"at its end, over the change of clocks", window.Rules{Allow: []window.Span{office}}, "2026-03-27T14:00:00Z", "2026-03-30T07:00:00Z", false},
		{"over the change back", window.Rules{Allow: []window.Span{office}}, "2026-10-23T13:00:00Z", "2026-10-26T08:00:00Z", false},
		// 02:30 does not come on 2026-03-29 in Berlin: it opens when the clock jumps, at 01:00Z.
		{"jumped over", window.Rules{Allow: []window.Span{night}}, "2026-03-29T00:59:59Z", "2026-03-29T01:00:00Z", false},
		{"open after the jump", window.Rules{Allow: []window.Span{night}}, "2026-03-29T01:00:00Z", "2026-03-29T02:00:00Z", true},
		{"the day after", window.Rules{Allow: []window.Span{night}}, "2026-03-29T02:00:00Z", "2026-03-30T00:30:00Z", false},
		// 02:30 comes twice on 2026-10-25: at 00:30Z and at 01:30Z.
		{"the first of two", window.Rules{Allow: []window.Span{night}}, "2026-10-25T00:29:59Z", "2026-10-25T00:30:00Z", false},
		{"open in the first", window.Rules{Allow: []window.Span{night}}, "2026-10-25T00:30:00Z", "2026-10-25T01:30:00Z", true},
		{"not in the second", window.Rules{Allow: []window.Span{night}}, "2026-10-25T01:30:00Z", "2026-10-26T01:30:00Z", false},
		{"New York jumps on another day", window.Rules{Allow: []window.Span{{Cron: "30 2 * * *", Duration: time.Hour, Zone: york}}}, "2026-03-08T06:59:59Z", "2026-03-08T07:00:00Z", false},
		{"a freeze", window.Rules{Deny: []window.Span{freeze}}, "2026-12-25T12:00:00Z", "2027-01-02T23:00:00Z", false},
		{"before the freeze", window.Rules{Deny: []window.Span{freeze}}, "2026-12-01T12:00:00Z", "2026-12-23T23:00:00Z", true},
		{"within the window and the freeze", window.Rules{Allow: []window.Span{office}, Deny: []window.Span{freeze}}, "2026-12-28T09:00:00Z", "2027-01-04T08:00:00Z", false},
		{"the freeze cuts it off", window.Rules{Allow: []window.Span{{Cron: "0 22 * * *", Duration: 4 * time.Hour, Zone: berlin}}, Deny: []window.Span{freeze}}, "2026-12-23T22:00:00Z", "2026-12-23T23:00:00Z", true},
		{"windows that meet are one", window.Rules{Allow: []window.Span{{Cron: "0 * * * *", Duration: time.Hour, Zone: berlin}}}, "2026-12-23T22:10:00Z", "", true},
		{"windows that overlap", window.Rules{Allow: []window.Span{office, {Cron: "0 14 * * 5", Duration: 3 * time.Hour, Zone: berlin}}}, "2026-03-27T13:59:00Z", "2026-03-27T16:00:00Z", true},
		{"never", window.Rules{Deny: []window.Span{{Cron: "* * * * *", Duration: time.Hour, Zone: berlin}}}, "2026-03-27T13:59:00Z", "", false},
	} {
		got, err := c.rules.At(when(t, c.now))
		if err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
		turns := ""
		if !got.Turns.IsZero() {
			turns = got.Turns.UTC().Format(time.RFC3339)
		}
		if got.Open != c.open || turns != c.turns {
			t.Errorf("%s: at %s: open %v until %q, want %v until %q", c.name, c.now, got.Open, turns, c.open, c.turns)
		}
	}
	v, err := window.Rules{Allow: []window.Span{office}}.At(when(t, "2026-03-27T15:00:00Z"))
	if err != nil || v.Why != "the change window is shut until 2026-03-30 09:00 CEST" {
		t.Errorf("%q %v", v.Why, err)
	}
	if _, err := (window.Rules{Deny: []window.Span{{Cron: "x", Zone: berlin}}}).At(when(t, "2026-03-27T15:00:00Z")); err == nil || !strings.Contains(err.Error(), `schedule "x"`) {
		t.Error(err)
	}
}

func TestBoth(t *testing.T) {
	at := when(t, "2026-03-27T15:00:00Z")
	open, shut := window.Verdict{Open: true, Turns: at}, window.Verdict{Turns: at}
	later := window.Verdict{Turns: at.Add(time.Hour)}
	for _, c := range []struct{ a, b, want window.Verdict }{
		{open, window.Verdict{Open: true}, open},
		{open, shut, shut},
		{shut, open, shut},
		{shut, later, later},
		{later, window.Verdict{}, window.Verdict{}},
	} {
		if got := window.Both(c.a, c.b); got != c.want {
			t.Errorf("Both(%+v, %+v) = %+v", c.a, c.b, got)
		}
	}
}

// The verdict holds until it turns, and has turned then, whatever the zone.
func TestTurnsWhenItSays(t *testing.T) {
	zones := []string{"UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu", "Pacific/Apia"}
	rapid.Check(t, func(t *rapid.T) {
		span := func() window.Span {
			z, err := time.LoadLocation(rapid.SampledFrom(zones).Draw(t, "zone"))
			if err != nil {
				t.Fatal(err)
			}
			cron := rapid.SampledFrom([]string{"30 2 * * *", "0 0 * * 0", "15 1,13 * * *", "0 */7 * * *", "0 0 1 * *"}).Draw(t, "cron")
			return window.Span{Cron: cron, Duration: time.Duration(rapid.IntRange(1, 72*60).Draw(t, "minutes")) * time.Minute, Zone: z}
		}
		var r window.Rules
		for range rapid.IntRange(0, 2).Draw(t, "allow") {
			r.Allow = append(r.Allow, span())
		}
		for range rapid.IntRange(0, 2).Draw(t, "deny") {
			r.Deny = append(r.Deny, span())
		}
		now := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC).Add(time.Duration(rapid.IntRange(0, 400*24*60).Draw(t, "now")) * time.Minute)
		v, err := r.At(now)
		if err != nil {
			t.Fatal(err)
		}
		if v.Turns.IsZero() {
			return
		}
		if !v.Turns.After(now) {
			t.Fatalf("it turns at %s, which is past at %s", v.Turns, now)
		}
		mid := now.Add(time.Duration(rapid.Int64Range(0, int64(v.Turns.Sub(now))-1).Draw(t, "between")))
		for _, c := range []struct {
			at   time.Time
			open bool
		}{{mid, v.Open}, {v.Turns, !v.Open}} {
			if got, err := r.At(c.at); err != nil || got.Open != c.open {
				t.Fatalf("at %s open is %v, want %v (%v); asked at %s", c.at, got.Open, c.open, err, now)
			}
		}
	})
}
