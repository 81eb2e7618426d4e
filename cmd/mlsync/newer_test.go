package main

import (
	"testing"

	"mlsync.dev/mlsync/reconcile"
)

// What the pass works on and what was seen of the repository meanwhile decide
// whether it is overtaken, in whichever order they come.
func TestNewer(t *testing.T) {
	commit := func(hash string) reconcile.Commit { return reconcile.Commit{Hash: hash} }
	for name, test := range map[string]struct {
		do   func(n *newer)
		want bool
	}{
		"nothing seen":                  {func(n *newer) { n.at(commit("1")) }, false},
		"its own commit":                {func(n *newer) { n.at(commit("1")); n.seen(commit("1")) }, false},
		"another commit":                {func(n *newer) { n.at(commit("1")); n.seen(commit("2")) }, true},
		"another one twice":             {func(n *newer) { n.at(commit("1")); n.seen(commit("2")); n.seen(commit("3")) }, true},
		"seen while it was fetching":    {func(n *newer) { n.seen(commit("2")); n.at(commit("1")) }, true},
		"seen what it fetched":          {func(n *newer) { n.seen(commit("2")); n.at(commit("2")) }, false},
		"a folder that changed":         {func(n *newer) { n.at(commit("1")); n.seen(reconcile.Commit{Hash: "1", Dirty: true}) }, true},
		"a folder in no repository":     {func(n *newer) { n.at(reconcile.Commit{}); n.seen(reconcile.Commit{Dirty: true}) }, false},
		"seen before the pass began":    {func(n *newer) { n.seen(commit("9")); n.watch(); n.at(commit("1")) }, false},
		"seen after the pass had ended": {func(n *newer) { n.at(commit("1")); n.seen(commit("2")); n.seen(commit("1")) }, true},
	} {
		t.Run(name, func(t *testing.T) {
			var n newer
			n.seen(commit("0")) // of no pass
			ch := n.watch()
			test.do(&n)
			got := false
			select {
			case <-ch:
				got = true
			default:
			}
			if got != test.want {
				t.Errorf("overtaken: %v", got)
			}
		})
	}
}
