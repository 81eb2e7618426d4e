package plan

import (
	"testing"

	"mlsync.dev/mlsync/asset"
)

// What was not said of an asset is unread, whatever is asked about it.
func TestUnknownIsTheZeroOfReadings(t *testing.T) {
	for name, owned := range map[string]bool{"of nobody": false, "ours": true} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.in.Live = Live{Assets: asset.NewSet()}
			w.want(env, `'image':'a'`)
			if owned {
				w.journal(env, `'image':'a'`)
				w.journal(dat, `'path':'x'`)
			}
			p := Make(w.in)
			for _, s := range p.Steps {
				if s.Action != Unknown || s.Code != NotRead || s.Blocked == "" {
					t.Errorf("%s is %s", s.Key, s.Action)
				}
			}
			if len(p.Work()) != 0 || p.ExitCode(true) != ExitError || p.Complete() {
				t.Errorf("work %v, exit code %d", p.Work(), p.ExitCode(true))
			}
		})
	}
}

// An asset that was read and of which something is not known, such as its
// secret, is not compared as if it were.
func TestUnknownOverridesWhatWasRead(t *testing.T) {
	w := newWorld(t)
	w.want(env, `'image':'b'`)
	w.owned(env, `'image':'a'`, `'image':'a'`)
	w.owned(dat, `'path':'x'`, `'path':'x'`)
	w.in.Live.Unknown = map[asset.ID]string{mustID(env): "why", mustID(dat): "why"}
	check(t, Make(w.in), "data/d:1 unknown(not_read)\nenvironment/e:1 unknown(not_read)")
}

// Steps of an asset on which an operation goes on wait, and so does what
// needs them; the rest goes on.
func TestBusyAssetsAreLeftAlone(t *testing.T) {
	w := newWorld(t)
	w.want("online-endpoint/ep#managed", `'auth_mode':'key','description':'new'`)
	w.owned("online-endpoint/ep#managed", `'auth_mode':'key'`, `'auth_mode':'key'`)
	w.want("online-endpoint/idle#managed", `'auth_mode':'key'`)
	w.owned("online-endpoint/gone#managed", `'auth_mode':'key'`, `'auth_mode':'key'`)
	w.in.Live.Busy = map[asset.ID]string{mustID("online-endpoint/ep"): "busy", mustID("online-endpoint/gone"): "busy"}
	check(t, Make(w.in), `
		online-endpoint/ep blocked(busy) description:git
		online-endpoint/gone blocked(busy)
		online-endpoint/idle create`)
}

const sibling = "repo/dev"

// An asset whose file moves from one target of a repository to another in the
// same workspace changes its owner and nothing else, whichever runs first.
func TestHandOverBetweenTargets(t *testing.T) {
	giver := newWorld(t)
	giver.owned(dat, `'path':'x'`, `'path':'x'`)
	giver.owned("data/other:1", `'path':'x'`, `'path':'x'`)
	giver.in.Siblings = map[string]map[asset.ID]bool{sibling: {mustID("data/d"): true}}
	check(t, Make(giver.in), "data/d:1 orphan(handed_over)\ndata/other:1 archive")

	taker := newWorld(t)
	taker.want(dat, `'path':'x'`)
	taker.live(dat, `'path':'x'`).Stamps = map[string]string{"owner": sibling}
	taker.in.Siblings = map[string]map[asset.ID]bool{sibling: {}}
	check(t, Make(taker.in), "data/d:1 adopt(handed_over)")

	taker.want(dat, `'path':'x','description':'new'`)
	check(t, Make(taker.in), "data/d:1 update(handed_over) description:adopt")

	// The stamp of some kinds stays that of their creation.
	taker.want(dat, `'path':'x'`)
	taker.journal(dat, `'path':'x'`)
	check(t, Make(taker.in), "data/d:1 noop")
}

// As long as both targets have a file of it, the second is refused.
func TestNoHandOverOfWhatBothWant(t *testing.T) {
	w := newWorld(t)
	w.want(dat, `'path':'x'`)
	w.live(dat, `'path':'x'`).Stamps = map[string]string{"owner": sibling}
	w.in.Siblings = map[string]map[asset.ID]bool{sibling: {mustID("data/d"): true}}
	check(t, Make(w.in), "data/d:1 blocked(other_owner)")
}

// A tree that could not be read completely hands nothing over: the file may
// only be out of sight.
func TestNoHandOverOfAnIncompleteTree(t *testing.T) {
	w := newWorld(t)
	w.owned(dat, `'path':'x'`, `'path':'x'`)
	w.in.Complete = false
	w.in.Siblings = map[string]map[asset.ID]bool{sibling: {mustID("data/d"): true}}
	check(t, Make(w.in), "data/d:1 blocked(tree_incomplete)")
}
