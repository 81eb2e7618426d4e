package state_test

import (
	"errors"
	"fmt"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"mlsync.dev/mlsync/asset"
	"mlsync.dev/mlsync/plan"
	"mlsync.dev/mlsync/state"
)

func TestApprovals(t *testing.T) {
	both(t, func(t *testing.T, url string) {
		ctx, c := t.Context(), newClock()
		s := open(t, url, state.Options{Clock: c.Now})
		j := target(t, s, "prod")
		_, err := j.Approve(ctx, state.Approval{Digest: "p1", Allow: []string{"replace:compute/gpu"}, Author: "anna", Expires: c.Now().Add(time.Hour)})
		must(t, err)
		forever, err := j.Approve(ctx, state.Approval{Digest: "p1", Author: "bob"})
		must(t, err)
		_, err = j.Approve(ctx, state.Approval{Digest: "p2", Author: "bob"})
		must(t, err)
		got, err := j.Approvals(ctx, "p1")
		must(t, err)
		if len(got) != 2 || got[0].Author != "anna" || !reflect.DeepEqual(got[0].Allow, []string{"replace:compute/gpu"}) || got[0].At.IsZero() || !got[1].Expires.IsZero() || got[1].ID != forever {
			t.Fatalf("approvals: %+v", got)
		}
		c.Add(time.Hour)
		if got, err = j.Approvals(ctx, "p1"); err != nil || len(got) != 1 || got[0].Author != "bob" {
			t.Errorf("after an hour: %+v %v", got, err)
		}
		if got, err := target(t, s, "dev").Approvals(ctx, "p1"); err != nil || len(got) != 0 {
			t.Errorf("of another target: %+v %v", got, err)
		}
		must(t, j.Revoke(ctx, forever, "anna"))
		if err := j.Revoke(ctx, forever, "anna"); !errors.Is(err, state.ErrNotFound) {
			t.Errorf("revoking twice: %v", err)
		}
		if got, err = j.Approvals(ctx, "p1"); err != nil || len(got) != 0 {
			t.Errorf("after revoking: %+v %v", got, err)
		}
	})
}

func TestEventsAreAppendOnly(t *testing.T) {
	both(t, func(t *testing.T, url string) {
		ctx := t.Context()
		s := open(t, url, state.Options{Clock: newClock().Now})
		j := target(t, s, "prod")
		for i := range 5 {
			must(t, j.Note(ctx, state.Event{What: "sync", Author: "anna", Text: fmt.Sprint(i), Asset: env("x", "1")}))
		}
		must(t, s.Note(ctx, state.Event{What: "start"}))
		for _, query := range []string{`UPDATE events SET author = 'bob'`, `DELETE FROM events`} {
			if _, err := s.DB().ExecContext(ctx, query); err == nil || !strings.Contains(err.Error(), "append-only") {
				t.Errorf("%s: %v", query, err)
			}
		}
		first, err := s.Events(ctx, "prod", 2, 0)
		must(t, err)
		rest, err := s.Events(ctx, "prod", 10, first[1].ID)
		must(t, err)
		if len(first) != 2 || first[0].Text != "4" || first[0].Asset != env("x", "1") || first[0].Target != "prod" || len(rest) != 3 || rest[0].Text != "2" {
			t.Errorf("events: %+v then %+v", first, rest)
		}
		if got, err := s.Events(ctx, "", 10, 0); err != nil || len(got) != 1 || got[0].What != "start" || !got[0].Asset.IsZero() {
			t.Errorf("events of no target: %+v %v", got, err)
		}
	})
}

func TestDriftAndReverts(t *testing.T) {
	both(t, func(t *testing.T, url string) {
		ctx, c := t.Context(), newClock()
		s := open(t, url, state.Options{Clock: c.Now})
		j := target(t, s, "prod")
		run := begin(t, j)
		a, b := env("a", "1"), env("b", "1")
		from := c.Now()
		saw := []plan.Drift{{ID: a, Paths: []string{"tags.x", "tags.y"}, By: "carl", At: "2026-03-01", Revert: true}, {ID: b, Paths: []string{"image"}}}
		must(t, j.Saw(ctx, run.Generation, saw))
		c.Add(time.Hour)
		later := c.Now()
		must(t, j.Saw(ctx, run.Generation, []plan.Drift{{ID: a, Paths: []string{"tags.x"}, Revert: true}}))
		got, err := j.Drift(ctx, from)
		must(t, err)
		if len(got) != 3 || got[0].ID != a || got[0].ChangedBy != "carl" || got[0].ChangedAt != "2026-03-01" || !got[0].Revert || got[1].Revert || got[0].Run != run.ID || !reflect.DeepEqual(got[0].Paths, saw[0].Paths) {
			t.Errorf("drift: %+v", got)
		}
		for since, want := range map[time.Time]map[asset.ID]map[string]int{
			from: {a: {"tags.x": 2, "tags.y": 1}}, later: {a: {"tags.x": 1}}, later.Add(time.Hour): {},
		} {
			if got, err := j.Reverts(ctx, since); err != nil || !reflect.DeepEqual(got, want) {
				t.Errorf("reverts since %v: got %v %v, want %v", since, got, err, want)
			}
		}
	})
}

// anyID draws ids that can be written and read back.
func anyID() *rapid.Generator[asset.ID] {
	name := rapid.StringMatching(`[A-Za-z0-9][A-Za-z0-9_.-]{0,12}`)
	return rapid.Custom(func(t *rapid.T) asset.ID {
		return asset.ID{
			Kind: asset.Kind(name.Draw(t, "kind")), Parent: rapid.OneOf(rapid.Just(""), name).Draw(t, "parent"),
			Name: name.Draw(t, "name"), Version: rapid.OneOf(rapid.Just(""), name, rapid.Just("1:2")).Draw(t, "version"),
		}
	})
}

// anyValue draws values that JSON keeps: all but timestamps.
func anyValue(depth int) *rapid.Generator[*asset.Value] {
	scalars := []*rapid.Generator[*asset.Value]{
		rapid.Just(asset.NewNull()), rapid.Map(rapid.Bool(), asset.NewBool), rapid.Map(rapid.Int64(), asset.NewInt),
		rapid.Map(rapid.Float64(), asset.NewFloat), rapid.Map(rapid.String(), asset.NewString),
	}
	if depth == 0 {
		return rapid.OneOf(scalars...)
	}
	list := rapid.Custom(func(t *rapid.T) *asset.Value {
		return asset.NewList(rapid.SliceOfN(anyValue(depth-1), 0, 4).Draw(t, "items")...)
	})
	object := rapid.Custom(func(t *rapid.T) *asset.Value {
		m := asset.NewMap()
		for _, key := range rapid.SliceOfN(rapid.String(), 0, 4).Draw(t, "keys") {
			m.Set(key, anyValue(depth-1).Draw(t, "item"))
		}
		return m
	})
	return rapid.OneOf(append(scalars, list, object)...)
}

func anyOwned() *rapid.Generator[plan.Owned] {
	text := rapid.StringMatching(`[^\x00]{0,20}`)
	return rapid.Custom(func(t *rapid.T) plan.Owned {
		return plan.Owned{
			ID: anyID().Draw(t, "id"), Origin: rapid.SampledFrom([]plan.Origin{plan.Created, plan.Adopted}).Draw(t, "origin"),
			Body: rapid.OneOf(rapid.Just[*asset.Value](nil), anyValue(3)).Draw(t, "body"), Digest: text.Draw(t, "digest"), Variant: text.Draw(t, "variant"),
			ARM: text.Draw(t, "arm"), File: text.Draw(t, "file"), Commit: text.Draw(t, "commit"),
			At:      time.Unix(0, rapid.Int64Range(1, 1<<62).Draw(t, "at")).UTC(),
			Secrets: rapid.MapOfN(rapid.String(), rapid.String(), 0, 3).Draw(t, "secrets"),
			Done:    rapid.Bool().Draw(t, "done"), Missing: rapid.IntRange(0, 1<<40).Draw(t, "missing"),
		}
	})
}

func TestOwnedIsReadBackAsWritten(t *testing.T) {
	both(t, func(t *testing.T, url string) {
		s := open(t, url, state.Options{})
		j := target(t, s, "prod")
		gen := begin(t, j).Generation
		rapid.Check(t, func(rt *rapid.T) {
			want := anyOwned().Draw(rt, "owned")
			n, err := j.IntendAll(t.Context(), gen, []state.Intent{{Key: plan.Key{ID: want.ID}, Action: plan.Create, Want: &want}})
			if err != nil {
				rt.Fatal(err)
			}
			open, err := j.Unfinished(t.Context())
			if err != nil || len(open) != 1 {
				rt.Fatal(open, err)
			}
			sameOwned(rt, *open[0].Want, want)
			if err := j.Finish(t.Context(), gen, state.End{Intent: n[0], Outcome: done(want.ID), Own: &want}); err != nil {
				rt.Fatal(err)
			}
			owned, err := j.Owned(t.Context())
			if err != nil {
				rt.Fatal(err)
			}
			sameOwned(rt, owned[want.ID], want)
		})
	})
}

// A name that would be read back as another must not get in.
func TestAmbiguousIDsAreRefused(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "journal.db"), state.Options{})
	j := target(t, s, "prod")
	gen := begin(t, j).Generation
	for _, id := range []asset.ID{{}, {Kind: "environment"}, {Kind: "a/b", Name: "x"}, {Kind: "environment", Name: "a:b"}, {Kind: "environment", Name: "a/b/c"}} {
		if err := j.Own(t.Context(), gen, plan.Owned{ID: id}); err == nil {
			t.Errorf("%#v was accepted", id)
		}
		if _, err := j.Intend(t.Context(), gen, plan.Key{ID: id}, plan.Create, ""); err == nil {
			t.Errorf("an intent for %#v was accepted", id)
		}
	}
}
