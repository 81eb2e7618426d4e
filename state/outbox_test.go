package state_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"mlsync.dev/mlsync/asset"
	"mlsync.dev/mlsync/state"
)

func drifted(name string) state.Condition {
	return state.Condition{What: "drift", Asset: env(name, "1"), Severity: "warning", Text: "changed in tags", Commit: "c1", Run: "r1"}
}

func failed(code, text string) state.Condition {
	return state.Condition{What: "failing", Code: code, Severity: "error", Text: text}
}

// post is a Turn that knows everything and tells one channel.
func post(t *testing.T, s *state.Store, target string, now ...state.Condition) []string {
	t.Helper()
	channels, err := s.Turn(t.Context(), target, state.Turn{
		Now: now, Bound: 5, Known: func(state.Condition) bool { return true }, To: func(state.Condition, bool) []string { return []string{"ops"} },
	})
	must(t, err)
	return channels
}

// loose is what waits, as target, what, code and whether it is over.
func loose(t *testing.T, s *state.Store) []string {
	t.Helper()
	box, err := s.Outbox(t.Context(), "ops", time.Time{})
	must(t, err)
	var out []string
	for _, n := range box.Loose {
		out = append(out, fmt.Sprintf("%s %s %s %s %v", n.Target, n.What, n.Asset.Name, n.Code, n.Over))
	}
	return out
}

// seal puts all that is loose into a letter and sends it.
func seal(t *testing.T, s *state.Store, letter string) {
	t.Helper()
	box, err := s.Outbox(t.Context(), "ops", time.Time{})
	must(t, err)
	must(t, s.Seal(t.Context(), "ops", letter, box.Loose))
	must(t, s.Sent(t.Context(), "ops", letter, time.Time{}))
}

// Only what turns is told: once when it begins, once when it is over, whatever
// its text says.
func TestTurn(t *testing.T) {
	both(t, func(t *testing.T, url string) {
		s := open(t, url, state.Options{Clock: newClock().Now})
		if got := post(t, s, "dev", drifted("a"), failed("X", "one")); !slices.Equal(got, []string{"ops"}) {
			t.Errorf("channels %v", got)
		}
		if got := post(t, s, "dev", drifted("a"), failed("X", "another text")); got != nil {
			t.Errorf("the same again: %v", got)
		}
		if got, want := loose(t, s), []string{"dev drift a  false", "dev failing  X false"}; !slices.Equal(got, want) {
			t.Errorf("got %q", got)
		}
		seal(t, s, "l1")
		post(t, s, "dev", drifted("a"), failed("Y", "another cause"))
		if got, want := loose(t, s), []string{"dev failing  Y false"}; !slices.Equal(got, want) {
			t.Errorf("what gives way is not over: %q", got)
		}
		seal(t, s, "l2")
		post(t, s, "test", drifted("a"))
		post(t, s, "dev")
		if got, want := loose(t, s), []string{"test drift a  false", "dev drift a  true", "dev failing  Y true"}; !slices.Equal(got, want) {
			t.Errorf("got %q", got)
		}
		// What ends before anybody was told, and what comes back before
		// anybody was told that it is over, is not told.
		post(t, s, "test")
		post(t, s, "dev", drifted("a"))
		if got, want := loose(t, s), []string{"dev failing  Y true"}; !slices.Equal(got, want) {
			t.Errorf("got %q", got)
		}
		kept, err := s.Conditions(t.Context(), "dev")
		must(t, err)
		if len(kept) != 1 || kept[0].Asset != env("a", "1") || kept[0].Text != "changed in tags" || kept[0].Since.IsZero() || kept[0].Commit != "c1" || kept[0].Run != "r1" {
			t.Errorf("kept %+v", kept)
		}
	})
}

// What a pass did not look at stays as it was, unless another takes its place.
func TestTurnOfWhatIsNotKnown(t *testing.T) {
	both(t, func(t *testing.T, url string) {
		s := open(t, url, state.Options{Clock: newClock().Now})
		post(t, s, "dev", drifted("a"), drifted("b"))
		left := drifted("b")
		left.Code = "left"
		_, err := s.Turn(t.Context(), "dev", state.Turn{
			Now: []state.Condition{left}, Bound: 5, Known: func(c state.Condition) bool { return c.What == "failing" }, To: func(state.Condition, bool) []string { return nil },
		})
		must(t, err)
		kept, err := s.Conditions(t.Context(), "dev")
		must(t, err)
		if len(kept) != 2 || kept[0].Asset.Name != "a" || kept[1].Code != "left" {
			t.Errorf("kept %+v", kept)
		}
	})
}

func TestOutbox(t *testing.T) {
	both(t, func(t *testing.T, url string) {
		ctx, c := t.Context(), newClock()
		s := open(t, url, state.Options{Clock: c.Now})
		post(t, s, "dev", drifted("a"), drifted("b"))
		box, err := s.Outbox(ctx, "ops", time.Time{})
		must(t, err)
		first := box.Loose
		post(t, s, "dev", drifted("a")) // b is taken back
		must(t, s.Seal(ctx, "ops", "l1", first))
		must(t, s.Seal(ctx, "ops", "l2", first)) // nothing is left for it
		post(t, s, "dev")                        // a was told: it is told to be over
		box, err = s.Outbox(ctx, "ops", time.Time{})
		must(t, err)
		if len(box.Letters) != 1 || box.Letters[0].ID != "l1" || len(box.Letters[0].Notices) != 1 || box.Letters[0].Notices[0].Asset.Name != "a" {
			t.Errorf("letters %+v", box.Letters)
		}
		if len(box.Loose) != 1 || !box.Loose[0].Over || box.Loose[0].Severity != "warning" || box.Loose[0].Since.IsZero() {
			t.Errorf("loose %+v", box.Loose)
		}
		must(t, s.Sent(ctx, "ops", "l1", time.Time{}))
		must(t, s.Sent(ctx, "ops", "l1", time.Time{}))
		box, err = s.Outbox(ctx, "ops", time.Time{})
		must(t, err)
		if len(box.Letters) != 0 || len(box.Sent) != 1 || len(box.Loose) != 1 {
			t.Errorf("after it went: %+v", box)
		}
		c.Add(time.Hour)
		must(t, s.Seal(ctx, "ops", "l3", box.Loose))
		must(t, s.Sent(ctx, "ops", "l3", c.Now().Add(-time.Minute)))
		if box, err = s.Outbox(ctx, "ops", time.Time{}); err != nil || len(box.Sent) != 1 {
			t.Errorf("what went long ago is forgotten: %+v %v", box, err)
		}
	})
}

// The queue of a channel is bounded, and what is dropped is counted until a
// letter that tells of it has gone.
func TestOutboxIsBounded(t *testing.T) {
	both(t, func(t *testing.T, url string) {
		ctx := t.Context()
		s := open(t, url, state.Options{Clock: newClock().Now})
		var all []state.Condition
		for i := range 8 {
			all = append(all, drifted(fmt.Sprint("e", i)))
		}
		post(t, s, "dev", all...)
		box, err := s.Outbox(ctx, "ops", time.Time{})
		must(t, err)
		if len(box.Loose) != 5 || box.Dropped != 3 || box.Loose[0].Asset.Name != "e3" {
			t.Fatalf("%d wait, %d dropped", len(box.Loose), box.Dropped)
		}
		must(t, s.Seal(ctx, "ops", "l1", box.Loose))
		must(t, s.GiveUp(ctx, "ops", "l1"))
		post(t, s, "test", drifted("a"))
		box, err = s.Outbox(ctx, "ops", time.Time{})
		must(t, err)
		if box.Dropped != 8 || len(box.Letters) != 0 {
			t.Errorf("%+v", box)
		}
		must(t, s.Seal(ctx, "ops", "l2", box.Loose))
		box, err = s.Outbox(ctx, "ops", time.Time{})
		must(t, err)
		if box.Dropped != 0 || len(box.Letters) != 1 || box.Letters[0].Dropped != 8 {
			t.Errorf("%+v", box)
		}
		until := time.Date(2026, 3, 1, 13, 0, 0, 0, time.UTC)
		must(t, s.Quiet(ctx, "ops", until))
		must(t, s.KeepTold(ctx, []string{"ops"}, []string{"test"}))
		if box, err = s.Outbox(ctx, "ops", time.Time{}); err != nil || len(box.Letters) != 1 || !box.Until.Equal(until) {
			t.Errorf("%+v %v", box, err)
		}
		for name, want := range map[string]int{"dev": 0, "test": 1} {
			if kept, err := s.Conditions(ctx, name); err != nil || len(kept) != want {
				t.Errorf("%s: %+v %v", name, kept, err)
			}
		}
		must(t, s.KeepTold(ctx, nil, nil))
		if box, err = s.Outbox(ctx, "ops", time.Time{}); err != nil || len(box.Letters) != 0 {
			t.Errorf("of a channel that is no more: %+v %v", box, err)
		}
	})
}

// Texts and names of others are kept as far as the database can.
func TestAttackU20TextsOfConditions(t *testing.T) {
	both(t, func(t *testing.T, url string) {
		s := open(t, url, state.Options{Clock: newClock().Now})
		bad := state.Condition{What: "drift", Asset: asset.ID{Kind: "environment", Name: "a'; --"}, Text: "x\x00\xff'; DROP TABLE outbox; --", Severity: "error"}
		post(t, s, "dev", bad)
		post(t, s, "dev", bad)
		if got := loose(t, s); len(got) != 1 {
			t.Errorf("%q", got)
		}
	})
}

// Passes of several processes that find the same tell it once.
func TestTurnsAtOnce(t *testing.T) {
	both(t, func(t *testing.T, url string) {
		first := open(t, url, state.Options{})
		stores := []*state.Store{first, open(t, url, state.Options{})}
		for _, now := range [][]state.Condition{{drifted("a"), failed("X", "x")}, nil} {
			var g errgroup.Group
			for i := range 8 {
				g.Go(func() error {
					_, err := stores[i%2].Turn(t.Context(), "dev", state.Turn{
						Now: now, Bound: 100, Known: func(state.Condition) bool { return true }, To: func(state.Condition, bool) []string { return []string{"ops"} },
					})
					return err
				})
			}
			must(t, g.Wait())
			if got := loose(t, first); len(got) != 2 {
				t.Errorf("told %q", got)
			}
			seal(t, first, fmt.Sprint("l", len(now)))
		}
	})
}
