package state_test

import (
	"bytes"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"mlsync.dev/mlsync/asset"
	"mlsync.dev/mlsync/plan"
	"mlsync.dev/mlsync/state"
)

// lived makes a journal with a record of each kind.
func lived(t *testing.T, url string) *state.Store {
	t.Helper()
	ctx := t.Context()
	s := open(t, url, state.Options{Clock: newClock().Now, Installation: "ours"})
	for _, name := range []string{"dev", "prod"} {
		j := target(t, s, name)
		r := plan.Release{Name: "r1", Fingerprint: "f1"}
		run, err := j.Begin(ctx, plan.Run{Commit: "4f1c2ab", Trigger: "push", Digest: "p", Release: r})
		must(t, err)
		must(t, j.Judge(ctx, r, "c1", verdictOf("quality", "open"), verdictOf("window", "shut")))
		own := ownedEnv(env("train", "3"))
		own.Secrets = map[string]string{"credentials.key": s.Fingerprint(asset.NewSecret("canary"))}
		must(t, j.Finish(ctx, run.Generation, state.End{Intent: intend(t, j, run.Generation, own.ID), Outcome: done(own.ID), Own: &own}))
		_, err = j.IntendAll(ctx, run.Generation, []state.Intent{{Key: plan.Key{ID: env("open", "1"), Part: "late"}, Action: plan.Update, Want: &own}})
		must(t, err)
		must(t, j.Saw(ctx, run.Generation, []plan.Drift{{ID: own.ID, Paths: []string{"tags.x"}, Revert: true}}))
		must(t, j.Own(ctx, run.Generation, plan.Owned{ID: env("no-body", "1"), Origin: plan.Adopted, Done: true, Missing: 2}))
		must(t, j.Roll(ctx, run.Generation, rollout("taxi")))
		run.State, run.Summary = plan.Done, map[string]int{"create": 1}
		must(t, j.EndRun(ctx, run))
		_, err = j.Approve(ctx, state.Approval{Digest: "p", Allow: []string{"delete:x"}, Author: "anna", Expires: time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)})
		must(t, err)
		must(t, j.Hold(ctx, "anna", "release <day>"))
		must(t, j.See(ctx, run.Generation, "4f1c2ab"))
	}
	must(t, s.Note(ctx, state.Event{What: "start"}))
	return s
}

func export(t *testing.T, s *state.Store, opts state.ExportOptions) string {
	t.Helper()
	var b bytes.Buffer
	must(t, s.Export(t.Context(), &b, opts))
	return b.String()
}

// records are the lines of an export but the header, with generations of
// targets as they were before an import.
func records(text string) string {
	_, rest, _ := strings.Cut(text, "\n")
	return strings.ReplaceAll(rest, `workspaces/w","generation":2`, `workspaces/w","generation":1`)
}

func TestExportAndImportKeepEverything(t *testing.T) {
	both(t, func(t *testing.T, url string) {
		from := lived(t, filepath.Join(t.TempDir(), "from.db"))
		text := export(t, from, state.ExportOptions{Fingerprints: true})
		to := open(t, url, state.Options{Installation: "ours"})
		must(t, to.Import(t.Context(), strings.NewReader(text), state.ImportOptions{}))
		if got, want := records(export(t, to, state.ExportOptions{Fingerprints: true})), records(text); got != want {
			t.Errorf("after import and export:\n%s\nwant\n%s", got, want)
		}
		secret := asset.NewSecret("x")
		if to.Fingerprint(secret) != from.Fingerprint(secret) {
			t.Error("the key of the fingerprints was not taken over")
		}
		j := target(t, to, "prod")
		must(t, j.Release(t.Context(), "anna"))
		open, err := j.Unfinished(t.Context())
		must(t, err)
		if len(open) != 1 || open[0].Want == nil || open[0].Key.Part != "late" {
			t.Errorf("unfinished: %+v", open)
		}
		if run := begin(t, j); run.Generation != 3 {
			t.Errorf("the first run after the import is generation %d", run.Generation)
		}
		if err := to.Import(t.Context(), strings.NewReader(text), state.ImportOptions{}); !errors.Is(err, state.ErrNotEmpty) {
			t.Errorf("importing twice: %v", err)
		}
	})
}

func TestExportLeavesFingerprintsOut(t *testing.T) {
	s := lived(t, filepath.Join(t.TempDir(), "from.db"))
	text := export(t, s, state.ExportOptions{})
	for _, leak := range []string{"canary", s.Fingerprint(asset.NewSecret("canary")), `"key":`} {
		if strings.Contains(text, leak) {
			t.Errorf("the export holds %q", leak)
		}
	}
	if !strings.Contains(export(t, s, state.ExportOptions{Fingerprints: true}), s.Fingerprint(asset.NewSecret("canary"))) {
		t.Error("the full export has no fingerprint")
	}
}

func TestImportOfAnotherInstallation(t *testing.T) {
	text := export(t, lived(t, filepath.Join(t.TempDir(), "from.db")), state.ExportOptions{})
	path := filepath.Join(t.TempDir(), "to.db")
	s := open(t, path, state.Options{})
	if err := s.Import(t.Context(), strings.NewReader(text), state.ImportOptions{}); !errors.Is(err, state.ErrOtherInstallation) {
		t.Errorf("without being asked: %v", err)
	}
	must(t, s.Import(t.Context(), strings.NewReader(text), state.ImportOptions{TakeOver: true}))
	if s.Installation() != "ours" {
		t.Errorf("installation %q", s.Installation())
	}
	open(t, path, state.Options{Installation: "ours"})
}

func TestBadImportsChangeNothing(t *testing.T) {
	text := export(t, lived(t, filepath.Join(t.TempDir(), "from.db")), state.ExportOptions{})
	head, rest, _ := strings.Cut(text, "\n")
	head += "\n"
	s := open(t, filepath.Join(t.TempDir(), "to.db"), state.Options{Installation: "ours"})
	for what, bad := range map[string]struct {
		text, want string
		opts       state.ImportOptions
	}{
		"nothing":         {"", "it is empty or torn", state.ImportOptions{}},
		"no header":       {rest, "line 1: this is not an export of a journal", state.ImportOptions{}},
		"another format":  {strings.Replace(text, "journal/1", "journal/2", 1), "mlsync.journal/1", state.ImportOptions{}},
		"a torn end":      {text[:len(text)-20], fmt.Sprintf("line %d: unexpected EOF", strings.Count(text, "\n")), state.ImportOptions{}},
		"only a header":   {head, "empty or torn", state.ImportOptions{}},
		"torn at a line":  {text[:strings.LastIndex(strings.TrimSpace(text), "\n")+1], "empty or torn", state.ImportOptions{}},
		"a lost line":     {head + rest[strings.Index(rest, "\n")+1:], `target "dev" comes after`, state.ImportOptions{}},
		"a bad step":      {head + `{"target":{"name":"x","workspace":"y","generation":1}}` + "\n" + `{"step":{"target":"x","run":"x-1","asset":"","action":"create","started":1}}`, "is not an asset id", state.ImportOptions{}},
		"an unknown key":  {head + `{"target":{"name":"x","wrokspace":"y"}}`, `unknown field "wrokspace"`, state.ImportOptions{}},
		"an empty record": {head + `{}`, "no kind that is known", state.ImportOptions{}},
		"wrong order":     {head + `{"run":{"target":"dev","generation":1}}`, `target "dev" comes after`, state.ImportOptions{}},
		"a bad id":        {head + `{"target":{"name":"x","workspace":"y","generation":1}}` + "\n" + `{"owned":{"target":"x","asset":"nonsense","body":{}}}`, "is not an asset id", state.ImportOptions{}},
		"a long line":     {text, "a line of more than 100 bytes", state.ImportOptions{MaxLine: 100}},
		"many lines":      {text, "line 6: more than 5 lines", state.ImportOptions{MaxLines: 5}},
	} {
		err := s.Import(t.Context(), strings.NewReader(bad.text), bad.opts)
		if err == nil || !strings.Contains(err.Error(), bad.want) {
			t.Errorf("%s: got %v, want %s", what, err, bad.want)
		}
		if infos, err := s.Targets(t.Context()); err != nil || len(infos) != 0 {
			t.Fatalf("%s left %v %v", what, infos, err)
		}
	}
	must(t, s.Import(t.Context(), strings.NewReader(text), state.ImportOptions{}))
}
