package plan

import (
	"bytes"
	"maps"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"mlsync.dev/mlsync/asset"
	"mlsync.dev/mlsync/internal/problem"
	"mlsync.dev/mlsync/kind"
)

// cast are the assets of drawn worlds, with bodies that differ in fields of
// every class, refer to each other, and move traffic.
var cast = []struct {
	id     string
	bodies []string
}{
	{"environment/e:1", []string{`'image':'a'`, `'image':'b'`, `'image':'a','description':'x'`}},
	{"environment/e:2", []string{`'image':'a'`, `'image':'b'`}},
	{"data/d:1#uri_file", []string{`'path':'azureml://a'`, `'path':'azureml://a','description':'x'`, `'path':'azureml://a','tags':{'k':'1'}`, `'path':'azureml://b'`}},
	{"model/m:1#custom_model", []string{`'path':'azureml://a'`, `'path':'azureml://a','properties':{'p':'1'}`, `'path':'azureml://a','stage':'x'`}},
	{"model/m:2#custom_model", []string{`'path':'azureml://a'`}},
	{"job/j#command", []string{`'command':'a'`, `'command':'b'`}},
	{"online-endpoint/end#managed", []string{``, `'description':'x'`, `'auth_mode':'aad_token'`, `'traffic':{'blue':100}`, `'traffic':{'green':100}`, `'traffic':{'blue':50,'green':50}`, `'traffic':{'blue':100,'green':0}`}},
	{"online-deployment/end/blue#managed", []string{`'instance_count':1`, `'instance_count':2,'environment':'azureml:e:1'`, `'instance_type':'B'`, `'environment':'azureml:e:2','model':'azureml:m:1'`}},
	{"online-deployment/end/green#managed", []string{`'instance_count':1`, `'model':'azureml:m:2'`, `'environment_variables':{'A':'1'}`}},
	{"batch-endpoint/bat", []string{``, `'defaults':{'deployment_name':'azureml:one'}`}},
	{"batch-deployment/bat/one", []string{`'description':'x'`, `'model':'azureml:m:1'`}},
}

// drawWorld draws a tree, a workspace and a journal that need not fit.
func drawWorld(t *rapid.T, tb testing.TB) *world {
	w := newWorld(tb)
	for _, c := range cast {
		body := rapid.SampledFrom(c.bodies)
		state := rapid.IntRange(0, 11).Draw(t, c.id)
		if state%2 == 0 {
			a := w.want(c.id, body.Draw(t, "want "+c.id))
			a.Pos = problem.Pos{File: rapid.SampledFrom([]string{"a.yml", a.ID.Name + ".yml"}).Draw(t, "file")}
		}
		switch state / 2 {
		case 1:
			w.live(c.id, body.Draw(t, "live "+c.id))
		case 2, 3:
			b := body.Draw(t, "live "+c.id)
			w.owned(c.id, b, b)
		case 4:
			w.owned(c.id, body.Draw(t, "live "+c.id), body.Draw(t, "last "+c.id))
			if rapid.Bool().Draw(t, "adopted") {
				id := w.asset(c.id, "").ID
				w.change(id.String(), func(o *Owned) { o.Origin = Adopted })
			}
		case 5:
			a := w.owned(c.id, body.Draw(t, "live "+c.id), body.Draw(t, "last "+c.id))
			a.Stamps = rapid.SampledFrom([]map[string]string{nil, {"owner": "other"}, {"owner": owner}}).Draw(t, "stamps")
			if rapid.Bool().Draw(t, "no journal") {
				delete(w.in.Owned, a.ID)
			}
		}
	}
	mode := rapid.SampledFrom([]DriftMode{"", DriftOff, Report, Correct}).Draw(t, "drift")
	how := rapid.SampledFrom([]kind.Removal{"", kind.Delete, kind.Orphan}).Draw(t, "on_remove")
	w.rule(Rule{Drift: mode, OnRemove: how, AllowReplace: rapid.Bool().Draw(t, "allow replace"), Protect: rapid.IntRange(0, 9).Draw(t, "protect") == 0})
	if rapid.IntRange(0, 3).Draw(t, "unlisted") == 0 {
		delete(w.in.Live.Listed, rapid.SampledFrom(kind.All()).Draw(t, "kind").Kind)
	}
	if rapid.IntRange(0, 3).Draw(t, "partial") == 0 {
		w.in.Observed.Partial = map[asset.Kind]string{rapid.SampledFrom(kind.All()).Draw(t, "kind").Kind: "403"}
	}
	w.in.Complete = rapid.IntRange(0, 9).Draw(t, "complete") != 0
	w.in.Options.Prune = rapid.IntRange(0, 9).Draw(t, "prune") != 0
	return w
}

// approved is the plan with every approval that it asks for.
func approved(in Input) (Input, *Plan) {
	p := Make(in)
	for range 10 {
		needs := p.needed()
		if len(needs) == 0 {
			break
		}
		in.Options.Allow = append(slices.Clone(in.Options.Allow), needs...)
		p = Make(in)
	}
	return in, p
}

func TestPlansAreDeterministic(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		in := drawWorld(rt, t).in
		a, err := Make(in).EncodeJSON("x")
		if err != nil {
			rt.Fatal(err)
		}
		in.Owned, in.Live.Listed = maps.Clone(in.Owned), maps.Clone(in.Live.Listed)
		want, live := in.Want.All(), in.Live.Assets.All()
		slices.Reverse(want)
		slices.Reverse(live)
		in.Want, in.Live.Assets = asset.NewSet(want...), asset.NewSet(live...)
		b, err := Make(in).EncodeJSON("x")
		if err != nil {
			rt.Fatal(err)
		}
		if !bytes.Equal(a, b) {
			rt.Fatalf("two plans of one input:\n%s\n%s", a, b)
		}
		if _, err := ParseJSON(a); err != nil {
			rt.Fatal(err)
		}
	})
}

func TestStepsComeAfterWhatTheyRequire(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		_, p := approved(drawWorld(rt, t).in)
		done := map[Key]Action{}
		for _, s := range p.Steps {
			for _, k := range s.Requires {
				action, ok := done[k]
				if !ok {
					rt.Fatalf("%s requires %s, which does not come before it:\n%s", s.Key, k, outline(p))
				}
				if (action == Blocked || action == Unknown) && s.Action.Writes() {
					rt.Fatalf("%s is done although %s is not:\n%s", s.Key, k, outline(p))
				}
			}
			done[s.Key] = s.Action
		}
	})
}

func TestOnlyOwnedAndReadIsRemoved(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		in, p := approved(drawWorld(rt, t).in)
		for _, s := range p.Steps {
			id := s.Key.ID
			unread := !in.Live.Listed[id.Kind] || in.Observed.Partial[id.Kind] != ""
			live := in.Live.Assets.Get(id)
			if (s.Action == Create || s.Action == NewVersion) && unread && live == nil {
				rt.Fatalf("%s is created although nobody knows whether it exists", id)
			}
			if s.Action != Delete && s.Action != Archive {
				continue
			}
			_, owned := in.Owned[id]
			switch {
			case in.Want.Get(id) != nil:
				rt.Fatalf("%s is wanted and removed", id)
			case in.Observed.Partial[id.Kind] != "" || in.Observed.Partial[kind.Of(id.Kind).Parent] != "":
				rt.Fatalf("%s is removed, and not all of its kind was read", id)
			case !owned || live == nil || live.Stamps["owner"] != owner && kind.Of(id.Kind).Tags != "" && !(kind.Of(id.Kind).StampsFixed && in.Owned[id].Origin == Adopted):
				rt.Fatalf("%s is removed and not ours", id)
			case !in.Complete || !in.Options.Prune:
				rt.Fatalf("%s is removed, complete %v, prune %v", id, in.Complete, in.Options.Prune)
			}
		}
	})
}

func TestAfterApplyThePlanIsEmpty(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		in, p := approved(drawWorld(rt, t).in)
		sim := simulate(rt, in, p)
		_, again := approved(sim)
		if len(again.work()) > 0 && len(p.Blocked())+len(p.Unknown()) == 0 {
			rt.Fatalf("after apply, the plan is not empty.\nfirst:\n%s\nsecond:\n%s", outline(p), outline(again))
		}
		if len(p.work()) == 0 && outline(p) != outline(again) {
			rt.Fatalf("nothing was done, and the plan is another.\nfirst:\n%s\nsecond:\n%s", outline(p), outline(again))
		}
	})
}
