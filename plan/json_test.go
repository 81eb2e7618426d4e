package plan

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"mlsync.dev/mlsync/asset"
)

// rich is a plan in which every sort of thing happens.
func rich(t testing.TB) *Plan {
	w := newWorld(t)
	w.in.Observed = Observed{At: time.Date(2026, 11, 22, 14, 2, 11, 0, time.UTC), Assets: 212, Known: 30, Requests: 31}
	w.in.Uploads = map[asset.ID]Upload{mustID("data/taxi-data:2"): {Files: 1, Bytes: 3_200_000}}
	w.want("data/taxi-data:2#uri_file", `'path':'azureml://x'`).Pos.File = "mlops/data/taxi.yml"
	w.want("environment/taxi-train:4", `'image':'mcr.microsoft.com/azureml/openmpi4.1.0-ubuntu22.04','conda_file':{'channels':['conda-forge'],'dependencies':['python=3.11',{'pip':['mlflow','scikit-learn==1.5.2']}]}`).Pos.File = "envs/train.yml"
	e3 := `'image':'mcr.microsoft.com/azureml/openmpi4.1.0-ubuntu20.04','conda_file':{'channels':['conda-forge'],'dependencies':['python=3.10',{'pip':['mlflow','scikit-learn==1.4.0']}]}`
	w.owned("environment/taxi-train:3", e3, e3)
	w.change("environment/taxi-train:3", func(o *Owned) { o.File = "envs/train.yml" })
	w.want("online-endpoint/taxi#managed", `'auth_mode':'key','traffic':{'blue':100}`)
	live := w.owned("online-endpoint/taxi#managed", `'auth_mode':'key','traffic':{'blue':90}`, `'auth_mode':'key','traffic':{'blue':100}`)
	live.ModifiedBy, live.ModifiedAt = "ana@contoso", "2026-11-22T13:40:00Z"
	w.want("online-deployment/taxi/blue#managed", `'environment':'azureml:taxi-train:4','instance_count':3,'instance_type':'A','environment_variables':{'KEY':'${{ secret.K }}'}`)
	d := `'environment':'azureml:taxi-train:3','instance_count':2,'instance_type':'A','environment_variables':{'KEY':'${{ secret.K }}'}`
	w.owned("online-deployment/taxi/blue#managed", strings.Replace(d, "${{ secret.K }}", "canary-5f2e", 1), d)
	w.change("online-deployment/taxi/blue", func(o *Owned) { o.Secrets = map[string]string{"environment_variables.KEY": "aaaa"} })
	w.in.Secrets = map[asset.ID]map[string]string{mustID("online-deployment/taxi/blue"): {"environment_variables.KEY": "bbbb"}}
	w.want("online-deployment/taxi/green#managed", `'instance_type':'B'`)
	w.owned("online-deployment/taxi/green#managed", `'instance_type':'A'`, `'instance_type':'A'`)
	for _, v := range []string{"1", "2", "3", "5"} {
		w.owned("model/old-taxi:"+v+"#custom_model", `'path':'x'`, `'path':'x'`)
	}
	w.owned("online-endpoint/gone#managed", ``, ``)
	w.want("environment/existing:1", `'image':'a'`)
	w.live("environment/existing:1", `'image':'a'`)
	w.want("environment/foreign:1", `'image':'a'`)
	w.live("environment/foreign:1", `'image':'a'`).Stamps = map[string]string{"owner": "team/dev"}
	w.want("environment/same:1", `'image':'a'`)
	w.owned("environment/same:1", `'image':'a'`, `'image':'a'`)
	w.live("data/stray:1#uri_file", `'path':'x'`)
	w.in.Problems.Warnf(w.in.Want.Get(mustID("data/taxi-data:2")).Pos, "odd", "do otherwise", "this is odd")
	return Make(w.in)
}

func TestJSONFitsSchema(t *testing.T) {
	c := jsonschema.NewCompiler()
	if err := c.AddResource("plan.json", anyJSON(t, Schema())); err != nil {
		t.Fatal(err)
	}
	schema, err := c.Compile("plan.json")
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range []*Plan{rich(t), copied(t), Make(newWorld(t).in), Make(Input{})} {
		text, err := p.EncodeJSON("1.4.0")
		if err != nil {
			t.Fatal(err)
		}
		doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
		if err != nil {
			t.Fatal(err)
		}
		if err := schema.Validate(doc); err != nil {
			t.Errorf("%v\n%s", err, text)
		}
	}
}

// anyJSON is v after a round trip, so that it holds JSON types only.
func anyJSON(t *testing.T, v any) any {
	t.Helper()
	text, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	out, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestJSONKeepsSecrets(t *testing.T) {
	p := rich(t)
	text, err := p.EncodeJSON("1.4.0")
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(text, []byte("canary-5f2e")) {
		t.Error("the live value of a secret is in the plan")
	}
	if !bytes.Contains(text, []byte(`"$secret": "hmac:bbbb"`)) {
		t.Error("the change of the secret is not in the plan")
	}
}

func TestDigest(t *testing.T) {
	a, b := rich(t), rich(t)
	if a.Digest() != b.Digest() {
		t.Fatal("equal inputs, other digests")
	}
	b.Observed.At, b.Observed.Requests = time.Unix(0, 0), 99
	if a.Digest() != b.Digest() {
		t.Error("the digest depends on when and at what cost the live side was read")
	}
	b.Steps[0].Why = "else"
	if a.Digest() == b.Digest() {
		t.Error("the digest does not depend on the steps")
	}
}

func TestSavedPlan(t *testing.T) {
	p := rich(t)
	text, err := p.EncodeJSON("1.4.0")
	if err != nil {
		t.Fatal(err)
	}
	s, err := ParseJSON(text)
	if err != nil {
		t.Fatal(err)
	}
	if s.Digest != p.Digest() || s.Tool != "1.4.0" || len(s.Steps) != len(p.Steps) || s.Target != p.Target || s.Source != p.Source || s.Fingerprint != p.Fingerprint() {
		t.Errorf("read back: %+v", s)
	}
	for i, step := range s.Steps {
		if step.Key != p.Steps[i].Key || step.Action != p.Steps[i].Action {
			t.Errorf("step %d: %v %s, want %v %s", i, step.Key, step.Action, p.Steps[i].Key, p.Steps[i].Action)
		}
	}
	if err := s.Stale(p); err != nil {
		t.Errorf("the same plan is stale: %v", err)
	}
	for name, change := range map[string]func(*Plan){
		"the plan is for the target prod, not dev":             func(p *Plan) { p.Target.Name = "dev" },
		"the plan was made at commit 4f1c2ab, and this is abc": func(p *Plan) { p.Source.Commit = "abc" },
		"the files changed since the plan was made":            func(p *Plan) { p.Source.Tree = "x" },
		"the workspace changed since the plan was made":        func(p *Plan) { p.Observed.Fingerprint = "x" },
		"the plan would be another one now":                    func(p *Plan) { p.Options.Allow = []string{"x"} },
	} {
		now := rich(t)
		change(now)
		if err := s.Stale(now); err == nil || err.Error() != name {
			t.Errorf("got %v, want %s", err, name)
		}
	}
	altered := bytes.Replace(text, []byte(`"action": "create"`), []byte(`"action": "delete"`), 1)
	if _, err := ParseJSON(altered); !errors.Is(err, ErrAltered) {
		t.Errorf("an altered plan: %v", err)
	}
	for _, bad := range []string{"", "[]", "{}", `{"format":"mlsync.plan/2"}`, `{"format":"mlsync.plan/1","x":1}`} {
		if _, err := ParseJSON([]byte(bad)); err == nil {
			t.Errorf("%q was read", bad)
		}
	}
}

// What is printed is read, whatever is in names and texts.
func FuzzSavedPlanOfAnyText(f *testing.F) {
	f.Add("a", "b")
	f.Add("\xff\x00<\u2028", `\ufffd"`)
	f.Fuzz(func(t *testing.T, name, value string) {
		w := newWorld(t)
		a := &asset.Asset{ID: asset.ID{Kind: "data", Name: name, Version: "1"}, Variant: "uri_file", Body: asset.NewMap().Set("description", asset.NewString(value))}
		live := *a
		live.Body = asset.NewMap().Set("description", asset.NewString(value+"x"))
		w.in.Want.Add(a)
		w.in.Live.Assets.Add(&live)
		p := Make(w.in)
		text, err := p.EncodeJSON(value)
		if err != nil {
			t.Fatal(err)
		}
		s, err := ParseJSON(text)
		if err != nil {
			if strings.ToValidUTF8(name, "") != name || strings.ContainsAny(name, "/:") {
				return
			}
			t.Fatalf("%v\n%s", err, text)
		}
		if s.Digest != p.Digest() {
			t.Fatal("another digest")
		}
	})
}

// No input makes ParseJSON panic.
func FuzzParseJSON(f *testing.F) {
	text, err := rich(f).EncodeJSON("1")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(text)
	f.Add([]byte(`{"format":"mlsync.plan/1","steps":[{"fields":[{"before":null}]}]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		s, err := ParseJSON(data)
		if (s == nil) == (err == nil) {
			t.Fatalf("%v, %v", s, err)
		}
	})
}

// A file of as many bytes as a plan may have is looked at, a larger one is not.
func TestAttackL23LargePlans(t *testing.T) {
	for more, want := range map[int]string{0: "not a saved plan", 1: "bytes: more than"} {
		if _, err := ParseJSON(make([]byte, MaxSaved+more)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%d more: %v", more, err)
		}
	}
}
