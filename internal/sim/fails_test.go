package sim_test

import (
	"errors"
	"net/http"
	"strings"
	"testing"

	"mlsync.dev/mlsync/asset"
	"mlsync.dev/mlsync/plan"
	"mlsync.dev/mlsync/reconcile"
)

// still is a world that does not move.
type still struct {
	docs    map[string]map[string]any
	leaking string
}

func (s still) peek(path string) map[string]any { return s.docs[path] }
func (s still) usedBy(string) string            { return "" }
func (s still) heldBy(string) string            { return "" }
func (s still) archivedName(string) bool        { return false }
func (s still) holdsOthers(string) bool         { return false }
func (s still) noVersion(item) string           { return "" }
func (s still) leak() string                    { return s.leaking }

// doc is an asset of ours with more members of its properties.
func doc(owner string, more map[string]any) map[string]any {
	p := map[string]any{"tags": map[string]any{"mlsync-owner": owner}}
	for k, v := range more {
		p[k] = v
	}
	return map[string]any{"properties": p}
}

const modelPath = "models/model-0/versions/1"

// pruned are facts by which the deletion of modelPath is right.
func pruned() *facts {
	f := newFacts()
	f.prune, f.gen = true, 4
	f.owned["model/model-0:1"], f.missing["model/model-0:1"] = true, 1
	p := f.pass(0)
	p.commit, p.begun = &commit{hash: "0123456789", forest: forest{}}, true
	p.seen[modelPath], p.lists["models"] = true, true
	f.head = p.commit
	return f
}

func archiving() *record {
	return &record{
		kind: requested, method: http.MethodPut, path: scope.WorkspaceID() + "/" + modelPath, asset: modelPath, gen: 4, known: true, effect: true, status: 200,
		body: []byte(`{"properties":{"isArchived":true}}`), before: doc(ours, nil), after: doc(ours, nil), world: still{},
	}
}

func noted(call string) *record {
	return &record{kind: journalled, call: call, effect: true, gen: 4, key: plan.Key{ID: asset.ID{Kind: "model", Name: "model-0", Version: "1"}}, world: still{}}
}

// TestInvariantsCanFail: what is right passes every invariant, and each breach
// is found by the invariant that it breaks.
func TestInvariantsCanFail(t *testing.T) {
	route := func(deployments map[string]string, shares string) *record {
		w := still{docs: map[string]map[string]any{}}
		for name, state := range deployments {
			w.docs["onlineEndpoints/e/deployments/"+name] = doc(ours, map[string]any{"provisioningState": state})
		}
		return &record{
			kind: requested, method: http.MethodPut, asset: "onlineEndpoints/e", body: []byte(`{"properties":{"traffic":` + shares + `}}`),
			effect: true, known: true, gen: 4, status: 200, world: w,
		}
	}
	endpoint := func(f *facts) {
		f.intents[1] = &intentFacts{gen: 4, id: "online-endpoint/e", open: true}
	}
	tests := []struct {
		breaks string
		about  string
		record *record
		facts  func(f *facts)
	}{
		{"", "a removal as it should be", archiving(), nil},
		{"I1", "no run", archiving(), func(f *facts) { f.pass(0).begun = false }},
		{"I1", "somebody else's", archiving(), func(f *facts) { f.pass(0).owner[modelPath] = "others" }},
		{"I1", "git has it", archiving(), func(f *facts) {
			f.pass(0).commit.forest["model model-0"] = item{Kind: "model", Name: "model-0", Version: 1}
		}},
		{"I1", "the tree is broken", archiving(), func(f *facts) { f.pass(0).commit.broken = true }},
		{"I1", "the journal does not own it", archiving(), func(f *facts) { delete(f.owned, "model/model-0:1") }},
		{"I1", "one look", archiving(), func(f *facts) { f.missing["model/model-0:1"] = 0 }},
		{"I1", "the list was cut short", archiving(), func(f *facts) { f.pass(0).lists["models"] = false }},
		{"I1", "it was not read", archiving(), func(f *facts) { delete(f.pass(0).seen, modelPath) }},
		{"I1", "prune is off", archiving(), func(f *facts) { f.prune = false }},
		{"I1", "more than the guard allows", archiving(), func(f *facts) {
			for _, n := range strings.Split("abcde", "") {
				f.pass(0).gone["models/"+n+"/versions/1"] = true
			}
		}},
		{"I1", "an approval of another plan", &record{kind: approvals, text: "plan", allow: []string{"delete:x"}}, nil},
		{"I2", "no intent", route(nil, "{}"), nil},
		{"I2", "left over", &record{kind: settledRec, world: still{docs: map[string]map[string]any{"computes/c": doc(ours, nil)}}}, func(f *facts) { f.made["computes/c"] = true }},
		{"I2", "not there", &record{kind: settledRec, world: still{}}, func(f *facts) { f.head.forest["compute c"] = item{Kind: "compute", Name: "c"} }},
		{"I2", "what it made is taken for somebody else's", &record{kind: journalled, call: "finish", gen: 4, effect: true, ends: []reconcile.End{{Outcome: plan.Outcome{Key: plan.Key{ID: asset.ID{Kind: "compute", Name: "c"}}, Action: plan.Adopt, State: plan.Done}}}, world: still{}}, func(f *facts) { f.accepted["computes/c"] = true }},
		{"I3", "not read back", route(nil, "{}"), func(f *facts) {
			endpoint(f)
			f.doubtful["onlineEndpoints/e"] = 0
		}},
		{"I3", "a job twice", &record{kind: requested, method: http.MethodPut, asset: "jobs/j-1", gen: 4, body: []byte("{}"), before: doc(ours, nil), world: still{}}, func(f *facts) {
			f.intents[1] = &intentFacts{gen: 4, id: "job/j-1", open: true}
			f.pass(0).commit.forest["command-job j"] = item{Kind: "command-job", Name: "j"}
		}},
		{"", "an intent", noted("intend"), nil},
		{"I4", "an intent of a run that was overtaken", noted("intend"), func(f *facts) { f.gen = 5 }},
		{"I4", "an outcome of a run that was overtaken", noted("finish"), func(f *facts) { f.gen = 5 }},
		{"I5", "an older commit", noted("begin"), func(f *facts) {
			f.pub, f.pass(0).commit.pub = 3, 2
		}},
		{"I5", "never reached", &record{kind: settledRec, err: errors.New("still at work"), world: still{}}, nil},
		{"I5", "another description", &record{kind: settledRec, world: still{docs: map[string]map[string]any{modelPath: doc(ours, map[string]any{"description": "revision 1"})}}}, func(f *facts) {
			f.made[modelPath] = true
			f.head.forest["model model-0"] = item{Kind: "model", Name: "model-0", Version: 1, Rev: 2}
		}},
		{"I6", "a tag of the user", func() *record {
			r := route(nil, "{}")
			r.before = map[string]any{"tags": map[string]any{"user": "x", "mlsync-owner": ours}, "properties": map[string]any{}}
			r.after = map[string]any{"tags": map[string]any{"mlsync-owner": ours}, "properties": map[string]any{}}
			return r
		}(), endpoint},
		{"I6", "somebody else's", func() *record {
			r := route(nil, "{}")
			r.before = doc("others", nil)
			return r
		}(), func(f *facts) {
			endpoint(f)
			f.pass(0).owner["onlineEndpoints/e"] = "others"
		}},
		{"I7", "an intent with nothing to do", noted("intend"), func(f *facts) { f.silent = true }},
		{"I8", "in the journal", &record{kind: journalled, call: "finish", gen: 4, effect: true, ends: []reconcile.End{{Outcome: plan.Outcome{Err: "bad key " + canaryMark}}}}, nil},
		{"I8", "in an address", &record{kind: requested, method: http.MethodGet, path: "/x", query: canaryMark, world: still{}}, nil},
		{"I8", "in the log", &record{kind: settledRec, world: still{leaking: "the log"}}, nil},
		{"I9", "held", noted("intend"), func(f *facts) { f.held = true }},
		{"I9", "a list was not read", &record{kind: passEnded, plan: &plan.Plan{}, run: plan.Run{State: plan.Done}, world: still{}}, func(f *facts) { f.pass(0).lists["data"] = false }},
		{"I9", "a broken tree", &record{kind: passEnded, plan: &plan.Plan{}, run: plan.Run{State: plan.Done}, world: still{}}, func(f *facts) { f.pass(0).commit.broken = true }},
		{"I10", "too many requests", &record{kind: requested, method: http.MethodGet, world: still{}}, func(f *facts) { f.pass(0).requests = mostRequests + 1 }},
		{"", "traffic as it should be", route(map[string]string{"a": "Succeeded", "b": "Succeeded"}, `{"a":70,"b":30}`), endpoint},
		{"I11", "not 100", route(map[string]string{"a": "Succeeded"}, `{"a":70}`), endpoint},
		{"I11", "to nothing", route(nil, `{"a":100}`), endpoint},
		{"I11", "to what failed", route(map[string]string{"a": "Failed"}, `{"a":100}`), endpoint},
	}
	broken := map[string]bool{}
	for _, tt := range tests {
		t.Run(tt.breaks+" "+tt.about, func(t *testing.T) {
			f := pruned()
			f.intents[9] = &intentFacts{gen: 4, id: "model/model-0:1", open: true}
			if tt.facts != nil {
				tt.facts(f)
			}
			var got []string
			for _, i := range invariants {
				if why := i.check(f, tt.record); why != "" {
					got = append(got, i.name+": "+why)
				}
			}
			found := tt.breaks == "" && len(got) == 0
			for _, g := range got {
				found = found || promiseOf(g) == tt.breaks
			}
			if !found {
				t.Errorf("found %q", got)
			}
		})
		broken[tt.breaks] = true
	}
	for _, i := range invariants {
		if !broken[promiseOf(i.name)] {
			t.Errorf("nothing shows that %s can fail", i.name)
		}
	}
}
