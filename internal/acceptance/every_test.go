package acceptance_test

import (
	"path/filepath"
	"strings"
	"testing"

	"mlsync.dev/mlsync/emulator"
)

// Every kind and variant is applied in one run, and a second run writes
// nothing. A checkout without the journal finds nothing to do either.
func TestEveryKindIsAppliedOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t, emulator.Options{PageSize: 3})
	w.every()
	w.want(exitDone, "check")
	w.want(exitPending, "plan", "--exit-code")
	w.apply()
	if p, _ := w.plan(); len(p.Steps) != 36 || p.Summary["noop"] != 36 {
		t.Errorf("the plan has %d assets, %d unchanged: %s", len(p.Steps), p.Summary["noop"], w.mlsync("plan"))
	}
	w.quiet(func() {
		w.settled()
		w.settled("--full")
		w.apply()
		w.apply("--full")
	})
	w.quiet(func() {
		w.journal = filepath.Join(t.TempDir(), "another.db")
		w.settled()
		w.apply()
		w.settled()
	})
	w.want(exitDone, "drift")
}

// Two plans of the same thing are the same, byte for byte.
func TestPlansAreTheSameTwice(t *testing.T) {
	t.Parallel()
	w := newWorld(t, emulator.Options{})
	w.every()
	strip := func(r result) string {
		var out []string
		for line := range strings.Lines(r.out) {
			if !strings.Contains(line, `"at":`) && !strings.Contains(line, `"created":`) {
				out = append(out, line)
			}
		}
		return strings.Join(out, "")
	}
	if one, two := strip(w.mlsync("plan", "--json")), strip(w.mlsync("plan", "--json")); one != two {
		t.Errorf("two plans differ:\n%s\n%s", one, two)
	}
	if one, two := w.mlsync("plan"), w.mlsync("plan"); one.out != two.out {
		t.Errorf("two plans differ:\n%s\n%s", one, two)
	}
}
