package state_test

import (
	"bytes"
	"database/sql"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"mlsync.dev/mlsync/asset"
	"mlsync.dev/mlsync/plan"
	"mlsync.dev/mlsync/state"
)

func TestJournalLastsAndKnowsWhoseItIs(t *testing.T) {
	both(t, func(t *testing.T, url string) {
		ctx := t.Context()
		s, err := state.Open(ctx, url, state.Options{Installation: "ours"})
		must(t, err)
		secret := asset.NewSecret("canary")
		print1 := s.Fingerprint(secret)
		begin(t, target(t, s, "prod"))
		must(t, s.Close())

		if _, err := state.Open(ctx, url, state.Options{Installation: "theirs"}); !errors.Is(err, state.ErrOtherInstallation) {
			t.Errorf("opening another's journal: %v", err)
		}
		s = open(t, url, state.Options{})
		if s.Installation() != "ours" {
			t.Errorf("installation %q", s.Installation())
		}
		if got := s.Fingerprint(secret); got != print1 || strings.Contains(got, "canary") || got == s.Fingerprint(asset.NewSecret("canary2")) {
			t.Errorf("fingerprint %q, before %q", got, print1)
		}
		if _, err := s.Target(ctx, "prod", workspace+"2"); !errors.Is(err, state.ErrOtherTarget) {
			t.Errorf("the same name for another workspace: %v", err)
		}
		if run := begin(t, target(t, s, "prod")); run.ID != "prod-2" {
			t.Errorf("second run is %s", run.ID)
		}
		must(t, s.Ping(ctx))
	})
}

func TestMemoryJournal(t *testing.T) {
	s, other := open(t, ":memory:", state.Options{}), open(t, ":memory:", state.Options{})
	begin(t, target(t, s, "prod"))
	if infos, err := other.Targets(t.Context()); err != nil || len(infos) != 0 {
		t.Errorf("two journals in memory share: %v %v", infos, err)
	}
	if s.Fingerprint(asset.NewSecret("x")) == other.Fingerprint(asset.NewSecret("x")) {
		t.Error("two installations have one key")
	}
	if s.Installation() == "" || s.Installation() == other.Installation() {
		t.Errorf("installations %q and %q", s.Installation(), other.Installation())
	}
}

func TestManyOpenANewJournalAtOnce(t *testing.T) {
	both(t, func(t *testing.T, url string) {
		var wg sync.WaitGroup
		ids := make([]string, 6)
		for i := range ids {
			wg.Go(func() {
				s, err := state.Open(t.Context(), url, state.Options{})
				if err != nil {
					t.Error(err)
					return
				}
				ids[i] = s.Installation()
				if _, err := s.Target(t.Context(), "prod", workspace); err != nil {
					t.Error(err)
				}
				if err := s.Close(); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		for _, id := range ids {
			if id == "" || id != ids[0] {
				t.Fatalf("installations differ: %q", ids)
			}
		}
	})
}

// A newer replica has migrated the journal: this one works on and starts beside
// it, until a migration says that it is too old. Then it stops writing.
func TestNewerSchema(t *testing.T) {
	both(t, func(t *testing.T, url string) {
		s := open(t, url, state.Options{})
		must(t, execute(t, s, `INSERT INTO goose_db_version (version_id, is_applied) VALUES (999, true)`))
		must(t, execute(t, s, `ALTER TABLE targets ADD COLUMN new_one TEXT NOT NULL DEFAULT ''`))
		j := target(t, open(t, url, state.Options{}), "prod")
		gen := begin(t, j).Generation
		intend(t, j, gen, env("a", "1"))

		must(t, execute(t, s, `UPDATE installation SET needs = 999`))
		ctx := t.Context()
		_, lock := j.Lock(ctx, "anna")
		_, begun := j.Begin(ctx, plan.Run{})
		_, intended := j.Intend(ctx, gen, plan.Key{ID: env("b", "1")}, plan.Create, "d")
		for what, err := range map[string]error{"a lock": lock, "a run": begun, "an intent": intended} {
			if !errors.Is(err, state.ErrNewer) {
				t.Errorf("%s in a journal that needs a newer program: %v", what, err)
			}
		}
		_, err := state.Open(t.Context(), url, state.Options{})
		if !errors.Is(err, state.ErrNewer) || !strings.Contains(err.Error(), "use the newer mlsync") {
			t.Errorf("a newer journal: %v", err)
		}
	})
}

func execute(t *testing.T, s *state.Store, query string) error {
	t.Helper()
	_, err := s.DB().ExecContext(t.Context(), query)
	return err
}

// filled makes a journal of many pages, closes it and returns its path.
func filled(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "journal.db")
	s, err := state.Open(t.Context(), path, state.Options{})
	must(t, err)
	j := target(t, s, "prod")
	gen := begin(t, j).Generation
	var all []plan.Owned
	for i := range 400 {
		o := ownedEnv(env("e"+strings.Repeat("x", 50), string(rune('a'+i%26))+strings.Repeat("1", i/26)))
		o.Body = typicalBody(i)
		all = append(all, o)
	}
	must(t, j.Own(t.Context(), gen, all...))
	must(t, s.Close())
	return path
}

func TestDamagedFileIsSaidAndKept(t *testing.T) {
	for what, damage := range map[string]func([]byte) []byte{
		"torn in the middle": func(b []byte) []byte { return b[:len(b)/2] },
		"torn in a page":     func(b []byte) []byte { return b[:len(b)-1000] },
		"no header":          func(b []byte) []byte { return append([]byte("maintenance page"), b[16:]...) },
		"zeroes":             func(b []byte) []byte { copy(b[8192:], make([]byte, 4*4096)); return b },
		"noise":              func(b []byte) []byte { copy(b[20000:], bytes.Repeat([]byte{0xa5, 3, 0xff}, 5000)); return b },
		"not a database":     func([]byte) []byte { return []byte("<html>502 Bad Gateway</html>") },
	} {
		t.Run(what, func(t *testing.T) {
			path := filled(t)
			sound, err := os.ReadFile(path)
			must(t, err)
			broken := damage(sound)
			must(t, os.WriteFile(path, broken, 0o600))

			_, err = state.Open(t.Context(), path, state.Options{})
			if !errors.Is(err, state.ErrDamaged) || !strings.Contains(err.Error(), "set the file aside") || !strings.Contains(err.Error(), path) {
				t.Fatalf("open: %v", err)
			}
			if after, err := os.ReadFile(path); err != nil || !bytes.Equal(after, broken) {
				t.Fatal("the damaged file was changed")
			}
			kept, err := state.SetAside(path, time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC))
			must(t, err)
			if after, err := os.ReadFile(kept); err != nil || !bytes.Equal(after, broken) || kept != path+".damaged-20260301T120000Z" {
				t.Fatalf("set aside as %s: %v", kept, err)
			}
			s := open(t, path, state.Options{})
			if owned, err := target(t, s, "prod").Owned(t.Context()); err != nil || len(owned) != 0 {
				t.Errorf("the new journal: %v %v", owned, err)
			}
		})
	}
}

func TestDamageWhileOpenIsSaid(t *testing.T) {
	path := filled(t)
	s := open(t, path, state.Options{})
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	must(t, err)
	defer f.Close()
	info, err := f.Stat()
	must(t, err)
	_, err = f.WriteAt(bytes.Repeat([]byte{0xa5}, int(info.Size())-4096), 4096)
	must(t, err)
	_, err = s.Targets(t.Context())
	if err == nil {
		_, err = target(t, s, "prod").Owned(t.Context())
	}
	if !errors.Is(err, state.ErrDamaged) {
		t.Errorf("reading noise: %v", err)
	}
}

func TestForeignDatabaseIsLeftAlone(t *testing.T) {
	path := filepath.Join(t.TempDir(), "other.db")
	db, err := sql.Open("sqlite", path)
	must(t, err)
	_, err = db.ExecContext(t.Context(), `CREATE TABLE customers (id INTEGER)`)
	must(t, err)
	must(t, db.Close())
	before, err := os.ReadFile(path)
	must(t, err)
	if _, err := state.Open(t.Context(), path, state.Options{}); !errors.Is(err, state.ErrForeign) {
		t.Errorf("open: %v", err)
	}
	if after, err := os.ReadFile(path); err != nil || !bytes.Equal(before, after) {
		t.Error("the database of another program was changed")
	}
}

func TestPlacesOfAJournal(t *testing.T) {
	for url, want := range map[string]string{
		"":                                      "needs a path or a URL",
		"mysql://host/db":                       `"mysql" is no kind of database that is known`,
		"sqlite://host/db":                      "an sqlite URL has no host",
		"sqlite:":                               "an sqlite URL has no host",
		"postgres://u:canary@127.0.0.1:1/db":    "postgres://127.0.0.1:1/db",
		"postgres://u:canary@127.0.0.1:port/db": "it may hold a password",
		"postgres://u:canary@h/db?sslmode=canary": "it may hold a password",
		"/dev/null/journal.db":                    "not a directory",
	} {
		_, err := state.Open(t.Context(), url, state.Options{})
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "canary") {
			t.Errorf("%s: %v", url, err)
		}
	}
	t.Chdir(t.TempDir())
	for _, url := range []string{"plain.db", "sqlite:relative.db", "sqlite://" + filepath.Join(t.TempDir(), "absolute.db")} {
		s := open(t, url, state.Options{})
		if _, err := os.Stat(s.String()); err != nil {
			t.Errorf("%s: %v", url, err)
		}
	}
}

func TestFullDiskIsSaid(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "journal.db"), state.Options{})
	j := target(t, s, "prod")
	gen := begin(t, j).Generation
	_, err := s.DB().ExecContext(t.Context(), `PRAGMA max_page_count = 1`)
	must(t, err)
	for i := 0; err == nil && i < 10_000; i++ {
		own := ownedEnv(env("e", string(rune('a'+i%26))+strings.Repeat("1", i/26)))
		err = j.Own(t.Context(), gen, own)
	}
	if err == nil || !strings.Contains(err.Error(), "no space is left for the journal") {
		t.Errorf("a full disk: %v", err)
	}
	if _, err := j.Owned(t.Context()); err != nil {
		t.Errorf("reading on a full disk: %v", err)
	}
}
