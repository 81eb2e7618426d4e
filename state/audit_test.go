package state_test

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib"

	"mlsync.dev/mlsync/plan"
	"mlsync.dev/mlsync/state"
)

// rows are all rows of the audit as short texts, the oldest first.
func rows(t testing.TB, s *state.Store) []string {
	t.Helper()
	var out []string
	var chain state.AuditChain
	must(t, s.EachAudit(t.Context(), func(a state.Audit) error {
		out = append(out, fmt.Sprintf("%s %s %s %s %s", a.Actor, a.Via, a.Action, a.Target, a.Outcome))
		return chain.Next(a)
	}))
	return out
}

// Whatever changes something is in the audit, under the name of who is known to
// do it, and what changes nothing is not.
func TestAuditSaysWhoDidWhat(t *testing.T) {
	both(t, func(t *testing.T, url string) {
		ctx := t.Context()
		s := open(t, url, state.Options{Clock: newClock().Now})
		dev := target(t, s, "dev")
		api := state.Acting(ctx, state.Actor{Subject: "user:entra/ada", Via: "api", From: "10.1.2.3", Project: "vision"})
		must(t, dev.Hold(ctx, "anna", "release day"))
		must(t, dev.Release(api, "Ada"))
		_, err := dev.Approve(api, state.Approval{Digest: "p", Allow: []string{"delete:x"}, Author: "Ada"})
		must(t, err)
		idle := begin(t, dev)
		must(t, dev.EndRun(ctx, plan.Run{Generation: idle.Generation, State: plan.Done}))
		id := env("train", "3")
		wrote := begin(t, dev)
		n := intend(t, dev, wrote.Generation, id)
		must(t, dev.Finish(ctx, wrote.Generation, state.End{Intent: n, Outcome: done(id)}))
		must(t, dev.EndRun(api, plan.Run{Generation: wrote.Generation, State: plan.Done, Commit: "4f1c2ab"}))
		lost := begin(t, dev)
		intend(t, dev, lost.Generation, id)
		begin(t, dev)
		must(t, s.Audited(api, state.Audit{Action: "sync", Target: "dev"}))
		got := strings.Join(rows(t, s), "\n")
		want := `anna  hold dev done
user:entra/ada api release dev done
user:entra/ada api approve dev done
user:entra/ada api run dev done
mlsync  run dev interrupted
user:entra/ada api sync dev done`
		if got != want {
			t.Errorf("got\n%s", got)
		}
		list, err := s.Audit(ctx, state.AuditFilter{Actor: "user:entra/ada", Action: "run"})
		must(t, err)
		if len(list) != 1 || list[0].From != "10.1.2.3" || list[0].Project != "vision" || !strings.Contains(list[0].Detail, "create done 1") || !strings.Contains(list[0].Detail, "4f1c2ab") {
			t.Errorf("%+v", list)
		}
		list, err = s.Audit(ctx, state.AuditFilter{Target: "dev", Limit: 2, Before: 4})
		must(t, err)
		if len(list) != 2 || list[0].Seq != 3 || list[1].Seq != 2 || !strings.Contains(list[0].Detail, "as Ada") {
			t.Errorf("%+v", list)
		}
		list, err = s.Audit(ctx, state.AuditFilter{Since: list[0].At, Until: list[0].At.Add(1)})
		must(t, err)
		if len(list) != 1 || list[0].Seq != 3 {
			t.Errorf("%+v", list)
		}
	})
}

// Credentials are not in the audit, whoever puts them into a text.
func TestAttackK60NoSecretInTheAudit(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "journal.db"), state.Options{})
	secret := "mlsync_vision.k3v9x2m1q8ab_" + strings.Repeat("0f", 32)
	must(t, target(t, s, "dev").Hold(t.Context(), "https://anna:hunter2hunter2@host", "with "+secret+" and Bearer abcdefghijkl\x00"+strings.Repeat("x", 10_000)))
	var out bytes.Buffer
	must(t, s.EachAudit(t.Context(), func(a state.Audit) error {
		_, err := fmt.Fprintf(&out, "%+v", a)
		return err
	}))
	for _, canary := range []string{"hunter2", "0f0f", "abcdefghijkl", "\x00"} {
		if strings.Contains(out.String(), canary) {
			t.Errorf("%q is in it", canary)
		}
	}
	if out.Len() > 6000 || len(rows(t, s)) != 1 {
		t.Errorf("%d bytes", out.Len())
	}
}

// Rows cannot be changed or taken away in the database, and who takes the
// triggers away is found out.
func TestAttackZ10AuditIsOnlyAddedTo(t *testing.T) {
	both(t, func(t *testing.T, url string) {
		ctx := t.Context()
		s := open(t, url, state.Options{})
		for n := range 5 {
			must(t, s.Audited(ctx, state.Audit{Action: "sync", Actor: "anna", Target: fmt.Sprint("t", n)}))
		}
		driver := "sqlite"
		if strings.HasPrefix(url, "postgres") {
			driver = "pgx"
		}
		db, err := sql.Open(driver, url)
		must(t, err)
		defer func() { must(t, db.Close()) }()
		statements := []string{
			`UPDATE audit SET actor = 'eve' WHERE seq = 2`, `DELETE FROM audit WHERE seq = 2`, `DELETE FROM audit`,
			`INSERT INTO audit SELECT 2, at, 'eve', via, origin, action, project, target, asset, outcome, detail, prev, hash FROM audit WHERE seq = 1`,
		}
		if driver == "sqlite" {
			statements = append(statements, `INSERT OR REPLACE INTO audit SELECT seq, at, 'eve', via, origin, action, project, target, asset, outcome, detail, prev, hash FROM audit WHERE seq = 2`)
		} else {
			statements = append(statements, `TRUNCATE audit`, `INSERT INTO audit SELECT * FROM audit WHERE seq = 2 ON CONFLICT (seq) DO UPDATE SET actor = 'eve'`)
		}
		for _, q := range statements {
			if _, err := db.ExecContext(ctx, q); err == nil {
				t.Errorf("%s is done", q)
			}
		}
		if got := rows(t, s); len(got) != 5 {
			t.Fatalf("%d rows are left", len(got))
		}
		untie := []string{`DROP TRIGGER audit_update`, `DROP TRIGGER audit_delete`, `DROP TRIGGER audit_replace`}
		if driver == "pgx" {
			untie = []string{`ALTER TABLE audit DISABLE TRIGGER ALL`}
		}
		for _, q := range untie {
			_, err := db.ExecContext(ctx, q)
			must(t, err)
		}
		verify := func() error {
			var chain state.AuditChain
			return s.EachAudit(ctx, chain.Next)
		}
		for _, c := range [][2]string{
			{`UPDATE audit SET actor = 'eve' WHERE seq = 2`, `UPDATE audit SET actor = 'anna' WHERE seq = 2`},
			{`UPDATE audit SET at = at + 1 WHERE seq = 5`, `UPDATE audit SET at = at - 1 WHERE seq = 5`},
			{`UPDATE audit SET via = 'anna', actor = '' WHERE seq = 5`, `UPDATE audit SET via = '', actor = 'anna' WHERE seq = 5`},
			{`UPDATE audit SET seq = 7 WHERE seq = 5`, `UPDATE audit SET seq = 5 WHERE seq = 7`},
			{`DELETE FROM audit WHERE seq = 3`, ``},
		} {
			_, err := db.ExecContext(ctx, c[0])
			must(t, err)
			if err := verify(); !errors.Is(err, state.ErrTampered) {
				t.Errorf("%s: %v", c[0], err)
			}
			if c[1] == "" {
				continue
			}
			_, err = db.ExecContext(ctx, c[1])
			must(t, err)
			must(t, verify())
		}
	})
}

// Many write at the same time, and there is one chain.
func TestAttackR60AuditOfMany(t *testing.T) {
	both(t, func(t *testing.T, url string) {
		const writers, each = 4, 10
		var all sync.WaitGroup
		for range writers {
			s := open(t, url, state.Options{})
			j := target(t, s, "dev")
			all.Go(func() {
				for range each {
					if err := j.Hold(context.Background(), "anna", "x"); err != nil {
						t.Error(err)
					}
				}
			})
		}
		all.Wait()
		if n := len(rows(t, open(t, url, state.Options{}))); n != writers*each {
			t.Errorf("%d rows", n)
		}
	})
}

func TestTokensAreKept(t *testing.T) {
	both(t, func(t *testing.T, url string) {
		ctx := t.Context()
		c := newClock()
		s := open(t, url, state.Options{Clock: c.Now})
		made := state.Token{ID: "vision.a", Project: "vision", Name: "ci", Role: "operator", Hash: []byte{1, 2}, Owner: "user:entra/ada", Has: []string{"group:entra/ops"}, By: "ada", Expires: c.Now().Add(time.Hour)}
		must(t, s.AddToken(ctx, made))
		if err := s.AddToken(ctx, made); err == nil {
			t.Error("an id is taken twice")
		}
		made.ID = "vision.b"
		must(t, s.AddToken(ctx, made))
		if _, err := s.Token(ctx, "vision.c"); !errors.Is(err, state.ErrNotFound) {
			t.Error(err)
		}
		at := c.Now()
		must(t, s.UseToken(ctx, "vision.a", at))
		must(t, s.UseToken(ctx, "vision.a", at.Add(-time.Hour)))
		must(t, s.KeepOwner(ctx, "user:entra/ada", []string{"user:entra/ada"}))
		must(t, s.KeepOwner(ctx, "user:entra/bob", nil))
		must(t, s.RevokeToken(ctx, "vision.a", "bob"))
		if err := s.RevokeToken(ctx, "vision.a", "bob"); !errors.Is(err, state.ErrRevoked) {
			t.Error(err)
		}
		if err := s.RevokeToken(ctx, "vision.c", "bob"); !errors.Is(err, state.ErrNotFound) {
			t.Error(err)
		}
		got, err := s.Token(ctx, "vision.a")
		must(t, err)
		if !got.LastUsed.Equal(at) || got.Revoked.IsZero() || strings.Join(got.Has, " ") != "user:entra/ada" || !bytes.Equal(got.Hash, made.Hash) || !got.Expires.Equal(made.Expires) {
			t.Errorf("%+v", got)
		}
		list, err := s.Tokens(ctx)
		must(t, err)
		if len(list) != 2 || list[0].ID != "vision.b" {
			t.Errorf("%+v", list)
		}
		if got := strings.Join(rows(t, s), "\n"); got != "ada  token_create  done\nada  token_create  done\nbob  token_revoke  done" {
			t.Errorf("got\n%s", got)
		}
		// They come along when the journal is moved, and the audit is looked at.
		var out bytes.Buffer
		must(t, s.Export(ctx, &out, state.ExportOptions{}))
		next := open(t, filepath.Join(t.TempDir(), "next.db"), state.Options{Installation: s.Installation()})
		must(t, next.Import(ctx, bytes.NewReader(out.Bytes()), state.ImportOptions{}))
		if moved, err := next.Token(ctx, "vision.a"); err != nil || !moved.Revoked.Equal(got.Revoked) || len(rows(t, next)) != 3 {
			t.Errorf("%+v %v", moved, err)
		}
		if err := next.Import(ctx, bytes.NewReader(out.Bytes()), state.ImportOptions{}); !errors.Is(err, state.ErrNotEmpty) {
			t.Errorf("into a journal with an audit: %v", err)
		}
		third := open(t, filepath.Join(t.TempDir(), "third.db"), state.Options{Installation: s.Installation()})
		forged := strings.Replace(out.String(), `"actor":"bob"`, `"actor":"eve"`, 1)
		if err := third.Import(ctx, strings.NewReader(forged), state.ImportOptions{}); !errors.Is(err, state.ErrTampered) {
			t.Errorf("a forged audit: %v", err)
		}
	})
}
