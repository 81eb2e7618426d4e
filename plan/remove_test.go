package plan

import (
	"fmt"
	"strings"
	"testing"

	"mlsync.dev/mlsync/asset"
	"mlsync.dev/mlsync/internal/problem"
	"mlsync.dev/mlsync/kind"
)

func TestRemovals(t *testing.T) {
	tests := []struct {
		name  string
		setup func(w *world)
		plan  string
	}{
		{"archived by default", func(w *world) {}, "data/d:1 archive"},
		{"prune is off", func(w *world) { w.in.Options.Prune = false }, "data/d:1 noop(prune_off)"},
		{"seen once", func(w *world) { w.in.Guard.Observations = 0 }, "data/d:1 noop(first_seen)"},
		{"seen twice", func(w *world) {
			w.in.Guard.Observations = 0
			w.change(dat, func(o *Owned) { o.Missing = 1 })
		}, "data/d:1 archive"},
		{"tree not complete", func(w *world) { w.in.Complete = false }, "data/d:1 blocked(tree_incomplete)"},
		{"problems in the tree", func(w *world) { w.in.Problems.Addf(problem.Pos{File: "x.yml"}, "bad", "bad") }, "data/d:1 blocked(tree_incomplete)"},
		{"protected", func(w *world) { w.rule(Rule{Protect: true}) }, "data/d:1 blocked(protected)"},
		{"rule: delete", func(w *world) { w.rule(Rule{OnRemove: kind.Delete}) }, "data/d:1 delete"},
		{"rule: confirm", func(w *world) { w.rule(Rule{OnRemove: kind.Confirm}) }, "data/d:1 delete !delete:data/d:1"},
		{"rule: orphan", func(w *world) { w.rule(Rule{OnRemove: kind.Orphan}) }, "data/d:1 orphan"},
		{"the kind is not readable", func(w *world) {
			w.in.Live.Assets.Remove(mustID(dat))
			w.in.Observed.Partial = map[asset.Kind]string{"data": "403"}
		}, "data/d:1 unknown(not_read)"},
		{"the rest of the kind is not readable", func(w *world) {
			w.in.Observed.Partial = map[asset.Kind]string{"data": "403"}
		}, "data/d:1 unknown(not_read)"},
		{"the kind was not listed", func(w *world) {
			w.in.Live.Assets.Remove(mustID(dat))
			delete(w.in.Live.Listed, "data")
		}, "data/d:1 unknown(not_read)"},
		{"known from the journal only", func(w *world) {
			w.in.Live.Assets.Remove(mustID(dat))
			w.in.Live.Known[mustID(dat)] = true
		}, "data/d:1 unknown(not_read)"},
		{"gone already", func(w *world) { w.in.Live.Assets.Remove(mustID(dat)) }, "data/d:1 orphan(gone)"},
		{"archived already", func(w *world) { w.in.Live.Archived[mustID(dat)] = true }, "data/d:1 orphan(gone)"},
		{"stamp of another", func(w *world) { w.in.Live.Assets.Get(mustID(dat)).Stamps["owner"] = "x/y" }, "data/d:1 orphan"},
		{"no stamp", func(w *world) { w.in.Live.Assets.Get(mustID(dat)).Stamps = nil }, "data/d:1 orphan"},
		{"the target was removed", func(w *world) { w.in.Retire = true }, "data/d:1 orphan"},
		{"referenced by git", func(w *world) {
			w.want("job/j#command", `'inputs':{'x':{'type':'uri_file','path':'azureml:d:1'}}`)
			w.in.Live.Assets.Add(w.asset("job/j#command", ``))
		}, "data/d:1 noop(referenced)\njob/j noop"},
		{"versions of an environment of which one is used", func(w *world) {
			w.in.Live.Assets.Remove(mustID(dat))
			delete(w.in.Owned, mustID(dat))
			for _, v := range []string{"1", "2"} {
				w.owned("environment/e:"+v, `'image':'a'`, `'image':'a'`)
			}
			w.live("online-endpoint/end#managed", ``)
			w.live("online-deployment/end/blue#managed", `'environment':'azureml:e:1'`)
		}, "environment/e:1 noop(referenced)\nenvironment/e:2 noop(referenced)"},
		{"versions of an environment of which one has to wait", func(w *world) {
			w.in.Live.Assets.Remove(mustID(dat))
			delete(w.in.Owned, mustID(dat))
			for _, v := range []string{"1", "2"} {
				w.owned("environment/e:"+v, `'image':'a'`, `'image':'a'`)
			}
			w.owned("online-deployment/end/blue#managed", `'environment':'azureml:e:2'`, `'environment':'azureml:e:2'`)
			w.live("online-endpoint/end#managed", `'traffic':{'blue':100}`)
		}, "online-deployment/end/blue blocked(live_traffic)\nenvironment/e:1 blocked(waits_for) <- online-deployment/end/blue\nenvironment/e:2 blocked(waits_for) <- online-deployment/end/blue"},
		{"versions of an environment of which one cannot be read", func(w *world) {
			w.in.Live.Assets.Remove(mustID(dat))
			delete(w.in.Owned, mustID(dat))
			for _, v := range []string{"1", "2"} {
				w.owned("environment/e:"+v, `'image':'a'`, `'image':'a'`)
			}
			w.in.Live.Assets.Remove(mustID("environment/e:2"))
			w.in.Live.Known[mustID("environment/e:2")] = true
		}, "environment/e:2 unknown(not_read)\nenvironment/e:1 blocked(waits_for) <- environment/e:2"},
		{
			"a later version in the same file", func(w *world) {
				w.want("data/d:2", `'path':'p'`).Pos.File = "d.yml"
				w.owned("data/d:2", `'path':'p'`, `'path':'p'`)
			},
			"data/d:2 noop",
		},
		{
			"a later version in another file", func(w *world) {
				w.want("data/d:2", `'path':'p'`).Pos.File = "e.yml"
				w.owned("data/d:2", `'path':'p'`, `'path':'p'`)
				w.change("data/d:2", func(o *Owned) { o.File = "e.yml" })
			},
			"data/d:1 archive\ndata/d:2 noop",
		},
		{
			"the file of a later version was moved", func(w *world) {
				w.want("data/d:2", `'path':'p'`).Pos.File = "moved/d.yml"
				w.owned("data/d:2", `'path':'p'`, `'path':'p'`)
			},
			"data/d:2 noop",
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t)
			w.owned(dat, `'path':'azureml://x'`, `'path':'azureml://x'`)
			tt.setup(w)
			check(t, Make(w.in), tt.plan)
		})
	}
}

func TestNeverRemoved(t *testing.T) {
	w := newWorld(t)
	w.live(dat, `'path':'x'`) // of nobody
	w.live("data/stamped:1", `'path':'x'`).Stamps = map[string]string{"owner": owner}
	w.live("data/other:1", `'path':'x'`).Stamps = map[string]string{"owner": "x/y"}
	w.live("environment/AzureML-x:1", `'image':'x'`)
	p := Make(w.in)
	check(t, p, "")
	if got := fmt.Sprint(p.Unmanaged); got != "[data/d:1]" {
		t.Errorf("unmanaged: %s", got)
	}
}

func TestCostlyAndArchive(t *testing.T) {
	w := newWorld(t)
	w.owned("online-endpoint/end#managed", `'auth_mode':'key'`, `'auth_mode':'key'`)
	check(t, Make(w.in), "online-endpoint/end delete !delete:online-endpoint/end")
	w.in.Options.Allow = []string{"delete:online-endpoint/end"}
	if p := Make(w.in); len(p.Refusals()) != 0 || len(p.Work()) != 1 {
		t.Errorf("approved: refusals %v, work %v", p.Refusals(), p.Work())
	}
	w.rule(Rule{OnRemove: kind.Archive})
	check(t, Make(w.in), "online-endpoint/end blocked(bad_rule)")
}

func TestGuard(t *testing.T) {
	w := newWorld(t)
	w.in.Guard = Guard{Observations: 1}
	for i := range 60 {
		id := fmt.Sprintf("data/d%02d:1", i)
		w.owned(id, `'path':'x'`, `'path':'x'`)
		if i >= 6 {
			w.want(id, `'path':'x'`)
		}
	}
	p := Make(w.in)
	if n := len(p.Refusals()); n != 0 {
		t.Fatalf("6 of 60 are 10 %%, yet %d are refused", n)
	}
	w.in.Want.Remove(mustID("data/d06:1"))
	p = Make(w.in)
	if n := len(p.Refusals()); n != 7 {
		t.Fatalf("7 of 60 are more than max(5, 10 %%), yet %d are refused", n)
	}
	if len(p.Work()) != 0 || !p.Pending() {
		t.Error("a refused removal is pending and not to be carried out")
	}
	need := p.Refusals()[0].Needs
	if !strings.HasPrefix(need, "prune:") {
		t.Fatalf("needs %q", need)
	}
	w.in.Options.Allow = []string{need}
	if p = Make(w.in); len(p.Refusals()) != 0 {
		t.Error("approved and refused")
	}
	w.in.Want.Remove(mustID("data/d07:1"))
	if p = Make(w.in); len(p.Refusals()) != 8 {
		t.Error("an approval holds for another set of removals")
	}
}

func TestKeptAssetsKeepOthers(t *testing.T) {
	w := newWorld(t)
	w.live("online-deployment/foreign/blue#managed", `'model':'azureml:m:1','environment':'azureml:e:1'`)
	w.owned("model/m:1#custom_model", `'path':'x'`, `'path':'x'`)
	w.owned(env, `'image':'a'`, `'image':'a'`)
	w.owned("environment/free:1", `'image':'a'`, `'image':'a'`)
	check(t, Make(w.in), `
		environment/e:1 noop(referenced)
		environment/free:1 archive
		model/m:1 noop(referenced)`)
}

func TestJobs(t *testing.T) {
	w := newWorld(t)
	w.want("job/train-1#command", `'command':'x'`)
	check(t, Make(w.in), "job/train-1 create")
	for _, mode := range []JobMode{JobsOff, Manual} {
		w.rule(Rule{Jobs: mode})
		check(t, Make(w.in), "")
	}
	w.in.Rule = nil
	w.live("job/train-1#command", `'command':'other'`)
	check(t, Make(w.in), "job/train-1 noop")
	w.in.Live.Assets = asset.NewSet()
	w.journal("job/train-1#command", `'command':'x'`)
	check(t, Make(w.in), "job/train-1 noop")

	w = newWorld(t) // changed: a new run, and the old one is history
	w.want("job/train-2#command", `'command':'y'`).Pos.File = "train-1.yml"
	w.owned("job/train-1#command", `'command':'x'`, `'command':'x'`)
	check(t, Make(w.in), "job/train-2 create")
}

func TestTwoOwnersAreNamed(t *testing.T) {
	w := newWorld(t)
	w.want(env, `'image':'a'`)
	w.live(env, `'image':'a'`).Stamps = map[string]string{"owner": "team/dev"}
	p := Make(w.in)
	if text := p.Steps[0].Blocked; !strings.Contains(text, "team/dev") || !strings.Contains(text, owner) {
		t.Errorf("%q does not name both owners", text)
	}
	if p.ExitCode(true) != ExitFailed {
		t.Errorf("exit code %d", p.ExitCode(true))
	}
}

func TestBump(t *testing.T) {
	for _, tt := range []struct {
		versions []string
		next     string
	}{
		{nil, "2"},
		{[]string{"1", "2", "9"}, "10"},
		{[]string{"0999"}, "1000"},
		{[]string{"a", "2.0"}, "2"},
		{[]string{"99999999999999999999999"}, "100000000000000000000000"},
	} {
		w := newWorld(t)
		w.want(env, `'image':'b'`)
		w.owned(env, `'image':'a'`, `'image':'a'`)
		w.in.Live.Versions[mustID("environment/e")] = tt.versions
		p := Make(w.in)
		if len(p.Problems) != 1 || p.Problems[0].Hint != "bump to "+tt.next || p.ExitCode(false) != ExitProblems {
			t.Errorf("%v: problems %v, want bump to %s", tt.versions, p.Problems, tt.next)
		}
	}
}

func TestNeeds(t *testing.T) {
	w := newWorld(t)
	got := fmt.Sprint(Needs(kind.Scope{}, w.asset(blue, `'environment':'azureml:e:1','model':'azureml:m:2','description':'azureml:x:1'`)))
	if want := "[environment/e:1 model/m:2 online-endpoint/end]"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}
