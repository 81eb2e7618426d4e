package state_test

import (
	"bufio"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"mlsync.dev/mlsync/plan"
	"mlsync.dev/mlsync/state"
)

// childEnv makes the test binary a child that writes the journal at the path
// it holds until it is killed.
const childEnv = "STATE_TEST_CHILD"

// child prints a line after each write that the journal has accepted.
func child(url string) {
	ctx := context.Background()
	fail := func(err error) {
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
	s, err := state.Open(ctx, url, state.Options{})
	fail(err)
	j, err := s.Target(ctx, "prod", workspace)
	fail(err)
	run, err := j.Begin(ctx, plan.Run{Commit: "c"})
	fail(err)
	for i := 0; ; i++ {
		id := env("e"+strconv.Itoa(i), strconv.FormatInt(run.Generation, 10))
		n, err := j.Intend(ctx, run.Generation, plan.Key{ID: id}, plan.Create, "d")
		fail(err)
		fmt.Println("intend", id)
		if i%7 == 3 {
			continue // an outcome that is never known
		}
		own := ownedEnv(id)
		fail(j.Finish(ctx, run.Generation, state.End{Intent: n, Outcome: done(id), Own: &own}))
		fmt.Println("finish", id)
	}
}

// sweep is set for the long form of tests that try many moments: a thousand
// kills in make sweep, thirty without.
const sweep = "MLSYNC_SWEEP"

func kills() int {
	if os.Getenv(sweep) != "" {
		return 1000
	}
	return 30
}

// After kill -9 the journal holds every write that was accepted, and at most
// the one more that was under way.
func TestKillLosesNothing(t *testing.T) {
	both(t, func(t *testing.T, url string) {
		finished, open := map[string]bool{}, map[string]bool{}
		rounds := kills()
		if state.IsPostgres(url) {
			rounds /= 10 // the server lives on
		}
		for round := range rounds {
			lines := killAfter(t, url, 1+rand.IntN(60))
			for _, line := range lines {
				what, id, _ := strings.Cut(line, " ")
				if what == "intend" {
					open[id] = true
				} else {
					delete(open, id)
					finished[id] = true
				}
			}
			s := openOnce(t, url)
			j := target(t, s, "prod")
			owned, err := j.Owned(t.Context())
			must(t, err)
			intents, err := j.Unfinished(t.Context())
			must(t, err)
			must(t, s.Close())
			have := map[string]bool{}
			for id := range owned {
				have[id.String()] = true
			}
			for id := range finished {
				if !have[id] {
					t.Errorf("round %d: %s was finished and is not owned", round, id)
				}
			}
			waiting := map[string]bool{}
			for _, in := range intents {
				waiting[in.Key.ID.String()] = true
			}
			for id := range open {
				if !waiting[id] && !have[id] {
					t.Errorf("round %d: the intent for %s is lost", round, id)
				}
			}
			if extra := len(have) + len(waiting) - len(finished) - len(open); extra > round+1 || extra < 0 {
				t.Errorf("round %d: %d writes that were never accepted", round, extra)
			}
		}
	})
}

func openOnce(t *testing.T, url string) *state.Store {
	t.Helper()
	s, err := state.Open(t.Context(), url, state.Options{})
	must(t, err)
	return s
}

// killAfter runs a child, kills it after it has printed n lines and returns
// all lines that it printed.
func killAfter(t *testing.T, url string, n int) []string {
	t.Helper()
	exe, err := os.Executable()
	must(t, err)
	cmd := exec.Command(exe)
	cmd.Env = append(os.Environ(), childEnv+"="+url)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	must(t, err)
	must(t, cmd.Start())
	var lines []string
	for scan := bufio.NewScanner(out); scan.Scan(); {
		lines = append(lines, scan.Text())
		if len(lines) == n {
			must(t, cmd.Process.Kill())
		}
	}
	if err := cmd.Wait(); err == nil || len(lines) < n {
		t.Fatalf("the child ended by itself after %d lines: %v", len(lines), err)
	}
	return lines
}

func TestFileAndFolderAreThePrivateOnesOfTheUser(t *testing.T) {
	path := filepath.Join(t.TempDir(), "new", "folder", "a b?c#d%41.db")
	s := open(t, "sqlite://"+path, state.Options{})
	begin(t, target(t, s, "prod"))
	for name, want := range map[string]os.FileMode{path: 0o600, path + "-wal": 0o600, path + "-shm": 0o600, filepath.Dir(path): 0o700 | os.ModeDir} {
		info, err := os.Stat(name)
		must(t, err)
		if info.Mode() != want {
			t.Errorf("%s is %v, want %v", name, info.Mode(), want)
		}
	}
}
