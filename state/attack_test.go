package state_test

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"mlsync.dev/mlsync/internal/limit"
	"mlsync.dev/mlsync/plan"
	"mlsync.dev/mlsync/state"
)

// Clocks that jump or differ by an hour let the wrong process have the lock,
// and never two processes write: who lost it is fenced off.
func TestAttackR2ClocksThatJump(t *testing.T) {
	both(t, func(t *testing.T, url string) {
		for name, jump := range map[string]time.Duration{"ahead": time.Hour, "behind": -time.Hour} {
			ours, theirs := newClock(), newClock()
			anna := target(t, open(t, url, state.Options{Clock: ours.Now, LockTTL: time.Minute}), name)
			bob := target(t, open(t, url, state.Options{Clock: theirs.Now, LockTTL: time.Minute}), name)
			lock, err := anna.Lock(t.Context(), "anna")
			must(t, err)
			run := begin(t, anna)
			theirs.Add(jump)
			other, lost := bob.Lock(t.Context(), "bob")
			_, err = anna.Intend(t.Context(), run.Generation, plan.Key{ID: env("x", "1")}, plan.Create, "")
			if (lost == nil) != errors.Is(err, state.ErrFenced) || (lost == nil) != (jump > 0) {
				t.Errorf("%s: bob has the lock: %v, anna writes: %v", name, lost, err)
			}
			if lost == nil {
				if err := lock.Renew(t.Context()); !errors.Is(err, state.ErrFenced) {
					t.Errorf("%s: renewed by who lost it: %v", name, err)
				}
				must(t, other.Release(t.Context()))
			}
			// Our own clock goes back an hour: the lock does not end before its time
			// for others, and we are not locked out by ourselves.
			ours.Add(-time.Hour)
			must(t, lock.Release(t.Context()))
			if _, err := anna.Lock(t.Context(), "anna"); err != nil {
				t.Errorf("%s: after going back: %v", name, err)
			}
		}
	})
}

// A hostile export cannot make generations that no later run can pass, and is
// bounded in lines and their length.
func TestAttackL20HostileExports(t *testing.T) {
	text := export(t, lived(t, filepath.Join(t.TempDir(), "from.db")), state.ExportOptions{})
	head, _, _ := strings.Cut(text, "\n")
	for _, n := range []int64{math.MaxInt64, math.MaxInt64 - 1, -1, math.MinInt64} {
		s := open(t, filepath.Join(t.TempDir(), "to.db"), state.Options{Installation: "ours"})
		bad := fmt.Sprintf("%s\n{\"target\":{\"name\":\"x\",\"workspace\":\"y\",\"generation\":%d}}\n{\"end\":{\"lines\":2}}\n", head, n)
		if err := s.Import(t.Context(), strings.NewReader(bad), state.ImportOptions{}); err == nil || !strings.Contains(err.Error(), "generation") {
			t.Errorf("generation %d: %v", n, err)
		}
	}
	longest, lines := 0, strings.Count(text, "\n")
	for line := range strings.Lines(text) {
		longest = max(longest, len(line))
	}
	for name, f := range map[string]func(more int) state.ImportOptions{
		"line":  func(more int) state.ImportOptions { return state.ImportOptions{MaxLine: longest + 1 - more*2} },
		"lines": func(more int) state.ImportOptions { return state.ImportOptions{MaxLines: lines - more} },
	} {
		for more, ok := range map[int]bool{0: true, 1: false} {
			s := open(t, filepath.Join(t.TempDir(), "to.db"), state.Options{Installation: "ours"})
			if err := s.Import(t.Context(), strings.NewReader(text), f(more)); (err == nil) != ok {
				t.Errorf("%s, %d beyond: %v", name, more, err)
			}
		}
	}
	// By default a line has a limit too.
	s := open(t, filepath.Join(t.TempDir(), "to.db"), state.Options{Installation: "ours"})
	endless := head + "\n" + strings.Repeat(" ", limit.ImportLine+1) + "\n"
	if err := s.Import(t.Context(), strings.NewReader(endless), state.ImportOptions{}); err == nil || !strings.Contains(err.Error(), "a line of more than") {
		t.Errorf("got %v", err)
	}
}

// FuzzImport: whatever an import reads, it takes all of it or nothing, and what
// it took can be exported and taken again.
func FuzzImport(f *testing.F) {
	from, err := state.Open(f.Context(), ":memory:", state.Options{Installation: "ours"})
	if err != nil {
		f.Fatal(err)
	}
	var b bytes.Buffer
	if err := errors.Join(from.Export(f.Context(), &b, state.ExportOptions{}), from.Close()); err != nil {
		f.Fatal(err)
	}
	head, _, _ := strings.Cut(b.String(), "\n")
	for _, rest := range []string{
		`{"target":{"name":"x","workspace":"y","generation":1}}` + "\n" + `{"end":{"lines":2}}`,
		`{"target":{"name":"x","workspace":"y","generation":1}}` + "\n" + `{"owned":{"target":"x","asset":"environment/e:1","body":{"a":[1,null]}}}` + "\n" + `{"end":{"lines":3}}`,
		`{"target":{"name":"x","workspace":"y","generation":1}}` + "\n" + `{"run":{"target":"x","generation":1,"state":"done"}}` + "\n" + `{"step":{"target":"x","run":"x-1","asset":"data/d:1","action":"create","started":1}}` + "\n" + `{"end":{"lines":4}}`,
		`{"event":{"what":"a","text":"\u0000"}}` + "\n" + `{"end":{"lines":2}}`, `{}`, "", "null", `{"end":null}`,
	} {
		f.Add(rest)
	}
	f.Fuzz(func(t *testing.T, rest string) {
		s := open(t, ":memory:", state.Options{Installation: "ours"})
		if err := s.Import(t.Context(), strings.NewReader(head+"\n"+rest+"\n"), state.ImportOptions{}); err != nil {
			if infos, err := s.Targets(t.Context()); err != nil || len(infos) != 0 {
				t.Fatalf("a failed import left %v %v", infos, err)
			}
			return
		}
		again := open(t, ":memory:", state.Options{Installation: "ours"})
		if err := again.Import(t.Context(), strings.NewReader(export(t, s, state.ExportOptions{})), state.ImportOptions{}); err != nil {
			t.Fatalf("what it took is not taken again: %v", err)
		}
	})
}
