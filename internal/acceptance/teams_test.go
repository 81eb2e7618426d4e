package acceptance_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"mlsync.dev/mlsync/emulator"
)

// Two repositories with paths of their own in one workspace change, remove and
// bring back assets at the same time, round for round; neither removes or
// overwrites what is the other's, and both are in sync in the end.
func TestTwoTeamsDoNotDisturbEachOther(t *testing.T) {
	t.Parallel()
	rounds := 12
	if os.Getenv(sweep) != "" {
		rounds = 200
	}
	base := newWorld(t, emulator.Options{})
	teams := make([]*half, 2)
	for i := range teams {
		root := t.TempDir()
		w := &world{t: t, em: base.em, service: base.service, dir: filepath.Join(root, "tree"), journal: filepath.Join(root, "journal.db"), env: base.env}
		owner := fmt.Sprintf("team-%d", i)
		w.write("mlsync.yaml", strings.Replace(w.configText("prune: {max: 1000}"), "owner: acceptance", "owner: "+owner, 1))
		teams[i] = &half{w: w, prefix: owner + "-", rand: rand.New(rand.NewPCG(uint64(i), 7)), have: map[int]string{}}
	}
	for round := range rounds {
		results := make([]result, len(teams))
		var wg sync.WaitGroup
		for i, m := range teams {
			m.change(round)
			wg.Go(func() { results[i] = m.w.mlsync("apply", "--full") })
		}
		wg.Wait()
		for i, m := range teams {
			if results[i].code != exitDone {
				t.Fatalf("round %d: %s", round, results[i])
			}
			m.check(round)
		}
	}
	for _, m := range teams {
		m.w.apply("--full") // the second look
		m.w.settled("--full")
		m.check(rounds)
		for n := range names {
			if path := m.prefix + fmt.Sprint(n); m.have[n] == "" && m.w.get("data/"+path+"/versions/1") != nil && !m.w.archivedData(path) {
				t.Errorf("%s was removed from git and stays", path)
			}
		}
	}
	// The same asset in both is told by the one that does not own it.
	teams[0].w.write("data/shared.yml", dataFile("shared"))
	teams[0].w.apply()
	teams[1].w.write("data/shared.yml", dataFile("shared"))
	if p, r := teams[1].w.plan(); !strings.Contains(p.step("data/shared:1").Blocked, "it belongs to team-0#dev, and this is team-1#dev") {
		t.Errorf("the conflict is not told: %s", r)
	}
}

// names is how many names a team has.
const names = 8

// half is one of two teams.
type half struct {
	w      *world
	prefix string
	rand   *rand.Rand
	have   map[int]string
}

// change writes, changes or removes some files.
func (h *half) change(round int) {
	for range 3 {
		n := h.rand.IntN(names)
		file := fmt.Sprintf("data/%d.yml", n)
		if h.have[n] != "" && h.rand.IntN(3) == 0 {
			delete(h.have, n)
			h.w.remove(file)
			continue
		}
		h.have[n] = fmt.Sprintf("round %d", round)
		h.w.write(file, dataFile(h.prefix+fmt.Sprint(n))+"description: "+h.have[n]+"\n")
	}
}

// check fails unless all that git has is there as git says.
func (h *half) check(round int) {
	h.w.t.Helper()
	for n, text := range h.have {
		name := h.prefix + fmt.Sprint(n)
		a := h.w.get("data/" + name + "/versions/1")
		if a == nil || h.w.archivedData(name) || a["properties"].(map[string]any)["description"] != text {
			h.w.t.Fatalf("round %d: %s is not as git says (%s): %v", round, name, text, a)
		}
	}
}
