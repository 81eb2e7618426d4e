package policy_test

import (
	"strings"
	"testing"

	"mlsync.dev/mlsync/asset"
	"mlsync.dev/mlsync/plan"
	"mlsync.dev/mlsync/policy"
)

const twoInstances = `
on: change
match: {kind: online-deployment, target: prod*}
assert: want.instance_count >= 2
at: instance_count
message: "{name} has {want.instance_count} instances; {target} needs 2"
`

func TestChanges(t *testing.T) {
	blue, cpu, lake := one(t, deployment), one(t, compute), one(t, store)
	removed := *blue
	for name, c := range map[string]struct {
		rule, target string
		step         plan.Step
		releases     string
		want         string
	}{
		"holds": {
			rule: strings.Replace(twoInstances, ">= 2", ">= 1", 1), target: "prod", step: step(plan.Create, blue, nil),
		},
		"is violated, at the field": {
			rule: twoInstances, target: "prod", step: step(plan.Update, blue, blue, "instance_count"),
			want: "a/x.yml:6:17: online-deployment/taxi/blue: blue has 1 instances; prod needs 2 (policy it, policies/a.yml:2:5)",
		},
		"another target": {rule: twoInstances, target: "dev", step: step(plan.Create, blue, nil)},
		"no change":      {rule: twoInstances, target: "prod", step: step(plan.NoOp, blue, blue)},
		"blocked":        {rule: twoInstances, target: "prod", step: step(plan.Blocked, blue, blue)},
		"excepted": {
			rule: twoInstances + "except: [{name: green}, {name: 'bl*', action: update}]", target: "prod", step: step(plan.Update, blue, blue),
		},
		"not excepted": {
			rule: twoInstances + "except: [{name: blue, action: create}]\nlevel: warn", target: "prod", step: step(plan.Update, blue, blue),
			want: "a/x.yml:6:17: warning: online-deployment/taxi/blue: blue has 1 instances; prod needs 2 (policy it, policies/a.yml:2:5)",
		},
		"does not apply": {
			rule: "on: change\nwhen: action == 'create'\nassert: 1 > 2", step: step(plan.Update, blue, blue),
		},
		"without a message, at what the field would be in": {
			rule: "on: change\nassert: >-\n  'owner' in\n  tags\nat: tags.owner", step: step(plan.Update, blue, blue),
			want: "a/x.yml:7:7: online-deployment/taxi/blue: it must be that 'owner' in tags (policy it, policies/a.yml:2:5)",
		},
		"a removal stands nowhere": {
			rule: "on: change\nassert: '!destructive || live.tags.team != \"taxi\"'\nmessage: '{{{action}}} of {tags.team}'", step: step(plan.Delete, nil, &removed),
			want: "policies/a.yml:2:5: online-deployment/taxi/blue: {delete} of taxi (policy it, policies/a.yml:2:5)",
		},
		"fields that change": {
			rule: "on: change\nassert: fields.all(f, !f.startsWith('tags.'))", step: step(plan.Update, blue, blue, "instance_count", "tags.team"),
			want: "a/x.yml:1:1: online-deployment/taxi/blue: it must be that fields.all(f, !f.startsWith('tags.')) (policy it, policies/a.yml:2:5)",
		},
		"want and live": {
			rule: "on: change\nassert: '!has(live.size) || live.size == want.size'", step: step(plan.Create, cpu, nil),
		},
		"as the file says": {
			rule: "on: change\nassert: want.type == 'amlcompute' && want.name == name && source.file == 'a/x.yml' && source.line == 1 && part == ''", step: step(plan.Create, cpu, nil),
		},
		"secrets are hidden": {
			rule: "on: change\nassert: want.credentials.account_key != '(secret)'\nmessage: '{want.credentials}'", step: step(plan.Update, lake, lake),
			want: `a/x.yml:1:1: datastore/lake: {"account_key": "(secret)"} (policy it, policies/a.yml:2:5)`,
		},
		"maps in the order of keys": {
			rule: "on: change\nassert: 1 > 2\nmessage: '{want.map(k, k)}'", step: step(plan.Create, cpu, nil),
			want: `a/x.yml:1:1: compute/cpu: ["max_instances", "name", "size", "type"] (policy it, policies/a.yml:2:5)`,
		},
		"only a release may": {
			rule: "on: change\nmatch: {kind: compute}\nassert: release == '2025-06'\nmessage: computes change with the release 2025-06 only", step: step(plan.Update, cpu, cpu),
			want: "a/x.yml:1:1: compute/cpu: computes change with the release 2025-06 only (policy it, policies/a.yml:2:5)",
		},
		"the release does": {
			rule: "on: change\nmatch: {kind: compute}\nassert: release == '2025-06' && releases.size() == 1", step: step(plan.Update, cpu, cpu),
			releases: "name: 2025-06\nassets: [{kind: compute, name: cpu}]\n",
		},
		"what cannot be evaluated denies": {
			rule: "on: change\nassert: want.min_instances == 0\nlevel: warn\nat: size", step: step(plan.Create, cpu, nil),
			want: "a/x.yml:4:7: compute/cpu: the rule it cannot be evaluated, which denies: no such key: min_instances (policy it, policies/a.yml:2:5)",
		},
		"nor does when": {
			rule: "on: change\nwhen: want.min_instances == 0\nassert: 1 == 1", step: step(plan.Create, cpu, nil),
			want: "a/x.yml:1:1: compute/cpu: when of the rule it cannot be evaluated, which denies: no such key: min_instances (policy it, policies/a.yml:2:5)",
		},
		"neither true nor false": {
			rule: "on: change\nassert: want.size", step: step(plan.Create, cpu, nil),
			want: "a/x.yml:1:1: compute/cpu: the rule it cannot be evaluated, which denies: it is string, not true or false (policy it, policies/a.yml:2:5)",
		},
		"a message that fails is shown as it is": {
			rule: "on: change\nassert: 1 > 2\nmessage: '{want.nothing} of {name}'", step: step(plan.Create, cpu, nil),
			want: "a/x.yml:1:1: compute/cpu: {want.nothing} of cpu (policy it, policies/a.yml:2:5)",
		},
	} {
		t.Run(name, func(t *testing.T) {
			in := policy.Input{Target: c.target, Steps: []plan.Step{c.step}}
			if c.releases != "" {
				in.Releases = release(t, "2025-06", c.releases)
			}
			set := sound(t, c.rule)
			if got := texts(set.Judge(in).Problems); got != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
		})
	}
}

func TestAssets(t *testing.T) {
	all := assets(t, map[string]string{
		"endpoint.yml": endpoint, "blue.yml": deployment, "model.yml": model,
		"bare.yml": "$schema: https://azuremlschemas.azureedge.net/latest/model.schema.json\nname: bare\npath: azureml://datastores/workspaceblobstore/paths/bare\n",
	})
	for name, c := range map[string]struct{ rule, want string }{
		"models carry a licence tag": {
			"on: asset\nmatch: {kind: model}\nassert: \"'licence' in tags\"\nat: tags\nmessage: give it a licence",
			"bare.yml:1:1: model/bare: give it a licence (policy it, policies/a.yml:2:5)",
		},
		"no public network": {
			"on: asset\nmatch: {kind: [online-endpoint, workspace]}\nassert: has(body.public_network_access) && body.public_network_access == 'disabled'\nat: public_network_access",
			"endpoint.yml:4:24: online-endpoint/taxi: it must be that has(body.public_network_access) && body.public_network_access == 'disabled' (policy it, policies/a.yml:2:5)",
		},
		"as written": {"on: asset\nwhen: kind == 'online-deployment'\nassert: body.model == 'azureml:fares:4' && body.endpoint_name == parent && version == '' && file == 'blue.yml'", ""},
	} {
		t.Run(name, func(t *testing.T) {
			if got := texts(sound(t, c.rule).Judge(policy.Input{Assets: all}).Problems); got != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
		})
	}
}

func TestReleases(t *testing.T) {
	text := "name: 2025-06\nsource: {target: dev}\nassets:\n  - {kind: model, name: fares, version: '4', spec: {tags: {team: taxi}}}\n"
	for name, c := range map[string]struct{ rule, want string }{
		"holds":    {"on: release\nassert: source.target == 'dev' && assets.exists(a, a.kind == 'model')", ""},
		"violated": {"on: release\nassert: assets.all(a, a.kind != 'model' || has(a.spec.tags.licence))\nat: assets\nmessage: '{name} brings {assets.size()} assets without a licence'", "releases/2025-06.yml:3:1: release/2025-06: 2025-06 brings 1 assets without a licence (policy it, policies/a.yml:2:5)"},
		"excepted": {"on: release\nassert: 1 > 2\nexcept: [{name: '2025-*'}]", ""},
	} {
		t.Run(name, func(t *testing.T) {
			set := sound(t, c.rule)
			if !set.NeedsReleases() {
				t.Error("it asks for no releases")
			}
			if got := texts(set.Judge(policy.Input{Releases: release(t, "2025-06", text)}).Problems); got != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
		})
	}
	if sound(t, "on: asset\nassert: name != ''").NeedsReleases() {
		t.Error("a rule that asks for no releases wants them")
	}
	if !sound(t, "on: asset\nassert: name != ''\nmessage: '{release}'").NeedsReleases() {
		t.Error("a message asks for releases")
	}
}

func TestCounts(t *testing.T) {
	set := sound(t, "on: asset\nwhen: kind != 'compute'\nassert: body.tags.licence == 'MIT'")
	got := set.Judge(policy.Input{Assets: assets(t, map[string]string{
		"a.yml": model, "b.yml": strings.NewReplacer("MIT", "none", `"4"`, `"5"`).Replace(model),
		"c.yml": compute, "d.yml": endpoint,
	})}).Counts[0]
	if got.Judged != 3 || got.Passed != 1 || got.Violated != 1 || got.Failed != 1 {
		t.Errorf("%+v", got)
	}
}

// Secrets that a service gives back are as hidden as references to them.
func TestSecretsOfLiveAssets(t *testing.T) {
	live := *one(t, store)
	live.Body = live.Body.Clone()
	live.Body.SetPath(asset.NewString("canary-1f2e"), "credentials", "account_key")
	set := sound(t, "on: change\nassert: live.credentials.account_key == ''\nmessage: '{live}'")
	got := texts(set.Judge(policy.Input{Steps: []plan.Step{step(plan.Update, one(t, store), &live)}}).Problems)
	if strings.Contains(got, "canary") || !strings.Contains(got, "(secret)") {
		t.Error(got)
	}
}
