package plan

import (
	"testing"

	"mlsync.dev/mlsync/asset"
	"mlsync.dev/mlsync/kind"
)

// An approval is for what is done and lost, from one commit, however it was
// found out; anything else needs another.
func TestConsent(t *testing.T) {
	made := func(change func(w *world)) string {
		w := newWorld(t)
		w.rule(Rule{OnRemove: kind.Confirm})
		w.owned(dat, `'path':'x'`, `'path':'x'`)
		w.want(env, `'image':'a'`)
		w.in.Source.Tree = "sha256:1"
		change(w)
		return Make(w.in).Consent()
	}
	same := made(func(*world) {})
	for name, change := range map[string]func(w *world){
		"everything was read again": func(w *world) { w.in.Options.Full = true },
		"more requests":             func(w *world) { w.in.Observed.Requests = 99 },
		"another address":           func(w *world) { w.in.Source.Repo = "ssh://git@git/x" },
		"the approval itself":       func(w *world) { w.in.Options.Allow = []string{"delete:" + dat} },
		"an asset of somebody else": func(w *world) { w.live("data/other:1", `'path':'y'`) },
	} {
		if got := made(change); got != same {
			t.Errorf("%s: the approval does not hold", name)
		}
	}
	seen := map[string]string{same: "the same"}
	for name, change := range map[string]func(w *world){
		"another commit":           func(w *world) { w.in.Source.Commit = "aaaaaaa" },
		"another tree":             func(w *world) { w.in.Source.Tree = "sha256:2" },
		"another target":           func(w *world) { w.in.Target.Name = "dev" },
		"one more removal":         func(w *world) { w.owned("data/e:1", `'path':'x'`, `'path':'x'`) },
		"one more asset":           func(w *world) { w.want("data/e:1", `'path':'x'`) },
		"another content to write": func(w *world) { w.owned(env, `'image':'a','description':'b'`, `'image':'a','description':'c'`) },
		"another content to lose":  func(w *world) { w.in.Live.Assets.Get(mustID(dat)).Body.Set("description", asset.NewString("new")) },
	} {
		got := made(change)
		if other, ok := seen[got]; ok {
			t.Errorf("%s: the approval for %s holds", name, other)
		}
		seen[got] = name
	}
}
