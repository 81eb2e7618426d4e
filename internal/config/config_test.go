package config_test

import (
	"encoding/json"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"mlsync.dev/mlsync/asset"
	"mlsync.dev/mlsync/internal/config"
	"mlsync.dev/mlsync/internal/problem"
	"mlsync.dev/mlsync/tree"
)

func read(t testing.TB, text string) (*config.Config, problem.List) {
	t.Helper()
	docs, bad := tree.Parse([]byte(text), config.File, tree.ParseOptions{})
	if len(bad) > 0 {
		t.Fatal(bad)
	}
	var doc *asset.Value
	if len(docs) > 0 {
		doc = docs[0]
	}
	return config.Read(doc, "environment", "online-deployment", "command-job", "registry")
}

const full = `repository:
  url: https://github.com/org/repo.git
  branch: main
  path: ml
  poll: 30s
  auth: {username: x, token_env: GIT_TOKEN, ssh_key: /k, known_hosts: /h}
  forge: {provider: gitlab, api: "https://git.example/api/v4", token_env: PR_TOKEN}
defaults:
  concurrency: 8
  vars: {region: west, size: 2}
  prune: {mode: off}
  branch: main
limits: {files: 20000}
targets:
  dev:
    id: /subscriptions/s1/resourceGroups/rg/providers/Microsoft.MachineLearningServices/workspaces/ws-dev
    vars: {size: 3}
  prod:
    subscription: s2
    resource_group: rg
    workspace: ws
    cloud: usgovernment
    endpoint: http://127.0.0.1:8080
    tag: v*
    include: [ml/**]
    exclude: ml/old
    overlay: overlays/prod
    depends_on: dev
    drift: {mode: report, schedule: "@hourly"}
    resync: off
    prune: {mode: guarded, max: 2, percent: 20%}
    identity: {type: managed_identity, client_id: c}
    read_identity: {type: cli}
    deadline: 1h
secrets:
  providers:
    keyvault: {vault: https://v.vault.azure.net}
  names:
    KEY: {key: prod-key}
    OTHER: env
webhooks:
  github: {secret_env: [WEBHOOK_SECRET, WEBHOOK_SECRET_OLD]}
  gitlab: {secret: hook}
  oidc: {issuer: "https://token.actions.githubusercontent.com", audience: mlsync, claims: {repository: org/repo}}
rules:
  - {kind: environment, on_remove: orphan, drift: off, ignore: [tags.x]}
  - {name: "gpu-*", path: "a/**", allow_replace: true, jobs: on-change, versioning: auto, protect: false, on_remove: archive, ignore: description}
  - {path: legacy, kind_is: environment}
  - {kind: online-deployment, set: {endpoint_name: e}}
`

func TestFullFile(t *testing.T) {
	c, bad := read(t, full)
	if len(bad) > 0 {
		t.Fatal(bad)
	}
	if got, want := c.Repository.Forge, (config.Forge{Provider: "gitlab", API: "https://git.example/api/v4", TokenEnv: "PR_TOKEN"}); got != want {
		t.Errorf("forge: %+v", got)
	}
	dev, prod := c.Targets[0], c.Targets[1]
	if dev.Name != "dev" || dev.Subscription != "s1" || dev.Workspace != "ws-dev" || dev.Concurrency != 8 || dev.Prune.Mode != config.PruneOff ||
		dev.Vars["size"].Text() != "3" || dev.Vars["region"].Text() != "west" || dev.Branch != "main" || dev.Drift.Schedule != "*/15 * * * *" || dev.Deadline != 30*time.Minute {
		t.Errorf("dev: %+v", dev)
	}
	if prod.Vars["size"].Text() != "2" || prod.Branch != "" || prod.Tag != "v*" || prod.Resync != "" || prod.Prune != (config.Prune{Mode: config.PruneGuarded, Max: 2, Percent: 20}) ||
		!reflect.DeepEqual(prod.Exclude, []string{"ml/old"}) || prod.Drift.Mode != config.Report || prod.ReadIdentity.Type != "cli" || prod.Deadline != time.Hour {
		t.Errorf("prod: %+v", prod)
	}
	if got := c.Secrets.Names["KEY"]; got != (config.SecretName{Provider: "keyvault", Key: "prod-key"}) {
		t.Errorf("KEY: %+v", got)
	}
	if got := c.Secrets.Names["OTHER"]; got != (config.SecretName{Provider: "env", Key: "OTHER"}) || c.Secrets.Default != "keyvault" {
		t.Errorf("OTHER: %+v", got)
	}
	for i := range c.Webhooks {
		c.Webhooks[i].Pos = problem.Pos{}
	}
	if want := []config.Webhook{
		{Provider: "github", Env: []string{"WEBHOOK_SECRET", "WEBHOOK_SECRET_OLD"}},
		{Provider: "gitlab", Secret: []string{"hook"}},
		{Provider: "oidc", Issuer: "https://token.actions.githubusercontent.com", Audience: "mlsync", Claims: map[string]string{"repository": "org/repo"}},
	}; !reflect.DeepEqual(c.Webhooks, want) {
		t.Errorf("webhooks: %+v", c.Webhooks)
	}
	r := c.Match("environment", "gpu-1", "a/b/c.yml")
	if r.OnRemove != "archive" || r.Drift != config.Off || !r.DriftSet || *r.Replace != true || *r.Protect != false || strings.Join(r.Ignore, " ") != "tags.x description" || r.Jobs != "on-change" {
		t.Errorf("rule: %+v", r)
	}
	if r := c.Match("environment", "cpu", "a/b.yml"); r.OnRemove != "orphan" || r.Replace != nil {
		t.Errorf("rule: %+v", r)
	}
}

func TestDefaults(t *testing.T) {
	c, bad := read(t, "")
	if len(bad) > 0 || len(c.Targets) != 0 || c.Secrets.Default != "env" || c.Repository.Poll != time.Minute || !reflect.DeepEqual(c, config.Default()) {
		t.Errorf("%+v %v", c, bad)
	}
	c, bad = read(t, "targets: {a: {subscription: s, resource_group: r, workspace: w}}\n")
	want := config.Prune{Mode: config.PruneGuarded, Max: 5, Percent: 10}
	if tg := c.Targets[0]; len(bad) > 0 || tg.Prune != want || tg.Concurrency != 4 || tg.Resync != "0 */6 * * *" || tg.Cloud != "public" || tg.Identity.Type != "default" {
		t.Errorf("%+v %v", c.Targets[0], bad)
	}
}

func TestRegistryTarget(t *testing.T) {
	const id = "/subscriptions/s/resourceGroups/r/providers/Microsoft.MachineLearningServices/registries/shared"
	for _, text := range []string{
		"targets: {a: {subscription: s, resource_group: r, registry: shared, manage: registry}}\n",
		"defaults: {manage: [registry]}\ntargets: {a: {id: " + id + "}}\n",
	} {
		c, bad := read(t, text)
		if tg := c.Targets[0]; len(bad) > 0 || tg.Subscription != "s" || tg.ResourceGroup != "r" || tg.Registry != "shared" || tg.Workspace != "" || strings.Join(tg.Manage, " ") != "registry" {
			t.Errorf("%s: %+v %v", text, c.Targets[0], bad)
		}
	}
}

func TestProblems(t *testing.T) {
	for _, tc := range []struct{ text, want string }{
		{"target: {}\n", `mlsync.yaml:1:9: unknown key "target" (did you mean "targets"?)`},
		{"zzzzzzzzzz: 1\n", `mlsync.yaml:1:13: unknown key "zzzzzzzzzz" (known here: approvals, defaults, limits, lineage, notify, owner, previews, repository, rules, secrets, statuses, targets, webhooks)`},
		{"targets:\n  a:\n    worksapce: w\n    id: x\n", "mlsync.yaml:3:16: targets.a: unknown key \"worksapce\" (did you mean \"workspace\"?)\nmlsync.yaml:4:9: targets.a.id: \"x\": it is not the resource id of a workspace or registry"},
		{"targets: {a: {subscription: s}}\n", "mlsync.yaml:1:14: targets.a: resource_group is missing (add it, or id: with the resource id of the workspace)\nmlsync.yaml:1:14: targets.a: workspace is missing (add it, or id: with the resource id of the workspace)"},
		{"targets: {a: {subscription: s, resource_group: r, workspace: w, registry: x}}\n", "mlsync.yaml:1:75: targets.a: workspace and registry exclude each other (make two targets of them)"},
		{"targets: {a: {subscription: s, resource_group: r, workspace: w, manage: [registri]}}\n", `mlsync.yaml:1:14: targets.a.manage: there is no kind "registri" (did you mean "registry"?)`},
		{"repository: {forge: {provider: githbu}}\n", `mlsync.yaml:1:32: repository.forge.provider: "githbu" is not a value of this key (did you mean "github"?)`},
		{"repository: {forge: {api: 'http://git.example'}}\n", `mlsync.yaml:1:27: repository.forge.api: "http://git.example": an address begins with https://`},
		{"repository: {poll: 99999999h}\n", `mlsync.yaml:1:20: repository.poll: want a time from 5s to 24h0m0s, not "99999999h" (write it like 30s, 15m or 2h)`},
		{"repository: {poll: 60}\n", `mlsync.yaml:1:20: repository.poll: want a time from 5s to 24h0m0s, not "60" (write it like 30s, 15m or 2h)`},
		{"repository: {branch: --upload-pack=x}\n", `mlsync.yaml:1:22: repository.branch: "--upload-pack=x": it cannot be the name of a branch or tag`},
		{"repository: {path: ../x}\n", `mlsync.yaml:1:20: repository.path: "../x": it must be a folder within the repository`},
		{"repository: {auth: {token_env: ghp_x-y}}\n", `mlsync.yaml:1:32: repository.auth.token_env: "ghp_x-y": it is not the name of an environment variable; the token itself must not stand here`},
		{"defaults: {drift: {schedule: often}}\n", `mlsync.yaml:1:30: defaults.drift.schedule: "often" is not a cron schedule (write five fields such as "*/15 * * * *", @hourly, @every 15m, or off)`},
		{"defaults: {drift: {mode: fix}}\n", `mlsync.yaml:1:26: defaults.drift.mode: "fix" is not a value of this key (one of off, report, correct)`},
		{"defaults: {prune: {percent: 200}}\n", `mlsync.yaml:1:29: defaults.prune.percent: want a whole number from 0 to 100, not "200"`},
		{"defaults: {endpoint: http://evil.example}\n", `mlsync.yaml:1:22: defaults.endpoint: "http://evil.example": an address begins with https://`},
		{"defaults: {include: ['[']}\n", `mlsync.yaml:1:22: defaults.include: "[": a bracket is not closed or a range is empty`},
		{"defaults: {branch: a, tag: b}\ntargets: {t: {subscription: s, resource_group: r, workspace: w}}\n", `mlsync.yaml:2:14: targets.t: branch, tag and semver exclude each other (keep one of them)`},
		{"rules: {a: b}\n", `mlsync.yaml:1:8: rules: want a list of rules, not a map (begin each rule with a dash)`},
		{"rules: [{on_remove: destroy}]\n", `mlsync.yaml:1:21: rules.on_remove: "destroy" is not a value of this key (one of archive, delete, orphan, confirm)`},
		{"rules: [{asset: false}]\n", `mlsync.yaml:1:9: rules: kind_is and asset speak of files and need a path (add path:)`},
		{"rules: [{kind: enviroment}]\n", `mlsync.yaml:1:9: rules: there is no kind "enviroment" (did you mean "environment"?)`},
		{"secrets: {providers: {vault: {}}}\n", `mlsync.yaml:1:30: secrets.providers.vault: what "vault" is must be said (add type: env, file, keyvault, age, sops)`},
		{"secrets: {providers: {file: {}}}\n", `mlsync.yaml:1:29: secrets.providers.file: either path or dir must be given`},
		{"secrets: {names: {A: {provider: envv}}}\n", `mlsync.yaml: secrets.names.A: there is no provider "envv" (did you mean "env"?)`},
		{"targets:\n  a: {subscription: s, resource_group: r, workspace: w, depends_on: [b]}\n  b: {subscription: s, resource_group: r, workspace: w, depends_on: [a]}\n", `mlsync.yaml:3:6: targets depend on each other: a -> b -> a (remove one of them)`},
		{"targets:\n  a: {subscription: s, resource_group: r, workspace: w, depends_on: [bb]}\n", `mlsync.yaml:2:6: targets.a.depends_on: there is no target "bb"`},
		{"targets:\n  a: {subscription: s, resource_group: r, workspace: w/x}\n", `mlsync.yaml:2:54: targets.a.workspace: "w/x": it cannot be part of a resource id`},
		{"webhooks: {githbu: {}}\n", `mlsync.yaml:1:20: webhooks: unknown key "githbu" (did you mean "github"?)`},
		{"webhooks: {github: {}}\n", `mlsync.yaml:1:20: webhooks.github: without a secret anybody could deliver (add secret_env: with the name of an environment variable)`},
		{"webhooks: {github: {secret_env: gh-p/x}}\n", `mlsync.yaml:1:33: webhooks.github.secret_env: "gh-p/x": it is not the name of an environment variable; the token itself must not stand here`},
		{"webhooks: {gitea: {secret_env: [A, B], secret: C}}\n", `mlsync.yaml:1:19: webhooks.gitea: 3 secrets are more than 2 (keep the secret and the one that takes its place)`},
		{"webhooks: {oidc: {issuer: 'https://i.example', audience: a}}\n", `mlsync.yaml:1:18: webhooks.oidc: issuer, audience and claims must be given (an issuer gives tokens to many: say who is meant, such as claims: {sub: …})`},
		{"webhooks: {oidc: {secret_env: A}}\n", "mlsync.yaml:1:18: webhooks.oidc: issuer, audience and claims must be given (an issuer gives tokens to many: say who is meant, such as claims: {sub: …})\nmlsync.yaml:1:31: webhooks.oidc: unknown key \"secret_env\" (known here: audience, claims, issuer)"},
		{"- a\n", `mlsync.yaml:1:1: want a map, not a list`},
	} {
		if _, bad := read(t, tc.text); bad.Error() != tc.want {
			t.Errorf("%s\ngot  %s\nwant %s", tc.text, bad.Error(), tc.want)
		}
	}
}

func TestPick(t *testing.T) {
	c, _ := read(t, full)
	if got, bad := c.Pick("prod"); got == nil || got.Name != "prod" || len(bad) > 0 {
		t.Error(got, bad)
	}
	for name, want := range map[string]string{"": "there are several targets (choose one of dev, prod)", "prd": `there is no target "prd" (did you mean "prod"?)`} {
		if got, bad := c.Pick(name); got != nil || bad.Error() != "mlsync.yaml: "+want {
			t.Error(got, bad)
		}
	}
	if _, bad := config.Default().Pick(""); len(bad) != 1 {
		t.Error(bad)
	}
}

func TestOwner(t *testing.T) {
	for url, want := range map[string]string{
		"https://user:pw@GitHub.com:443/org/repo.git": "github.com/org/repo#t", "git@github.com:org/repo.git": "github.com/org/repo#t",
		"ssh://git@github.com/org/repo/": "github.com/org/repo#t", "/srv/git/repo.git": "repo#t", "": "mlsync#t", "file:///srv/repo": "repo#t",
	} {
		c := config.Default()
		c.Repository.URL = url
		if got := c.OwnerOf("t"); got != want {
			t.Errorf("%s: got %s, want %s", url, got, want)
		}
	}
}

func TestSchemaTakesWhatReadTakes(t *testing.T) {
	data, err := json.Marshal(config.Schema())
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := jsonschema.UnmarshalJSON(strings.NewReader(string(data)))
	if err != nil {
		t.Fatal(err)
	}
	comp := jsonschema.NewCompiler()
	if err := comp.AddResource("mlsync.json", parsed); err != nil {
		t.Fatal(err)
	}
	schema, err := comp.Compile("mlsync.json")
	if err != nil {
		t.Fatal(err)
	}
	check := func(text string) error {
		docs, _ := tree.Parse([]byte(text), "x", tree.ParseOptions{})
		js, _ := docs[0].MarshalJSON()
		inst, err := jsonschema.UnmarshalJSON(strings.NewReader(string(js)))
		if err != nil {
			t.Fatal(err)
		}
		return schema.Validate(inst)
	}
	// "20%" is a convenience that editors need not offer.
	if err := check(strings.ReplaceAll(full, "20%", "20")); err != nil {
		t.Error(err)
	}
	for _, text := range []string{"target: {}\n", "rules: [{on_remove: x}]\n", "targets: {a: {worksapce: x}}\n"} {
		if check(text) == nil {
			t.Errorf("the schema takes %s", text)
		}
	}
}

func FuzzRead(f *testing.F) {
	f.Add(full)
	examples(f)
	f.Add("targets: {a: {depends_on: [a]}}\n")
	f.Fuzz(func(t *testing.T, text string) {
		docs, _ := tree.Parse([]byte(text), config.File, tree.ParseOptions{})
		for _, doc := range docs {
			c, _ := config.Read(doc)
			c.Match("environment", "x", "a/b")
			c.OwnerOf("t")
		}
	})
}

// Every key of the schema is explained in the reference.
func TestReferenceIsComplete(t *testing.T) {
	data, err := os.ReadFile("../../docs/reference/mlsync-yaml.md")
	if err != nil {
		t.Fatal(err)
	}
	text := string(data)
	var walk func(schema map[string]any)
	walk = func(schema map[string]any) {
		for _, k := range []string{"anyOf"} {
			for _, s := range anys(schema[k]) {
				walk(s.(map[string]any))
			}
		}
		for _, k := range []string{"items", "additionalProperties"} {
			if s, ok := schema[k].(map[string]any); ok {
				walk(s)
			}
		}
		props, _ := schema["properties"].(map[string]any)
		for key, s := range props {
			if !strings.Contains(text, key) {
				t.Errorf("%s is not explained", key)
			}
			walk(s.(map[string]any))
		}
	}
	walk(config.Schema())
	// The larger example is a good file.
	_, after, _ := strings.Cut(text, "A larger one:\n\n```yaml\n")
	example, _, _ := strings.Cut(after, "```")
	docs, bad := tree.Parse([]byte(example), config.File, tree.ParseOptions{})
	if len(bad) > 0 {
		t.Fatal(bad)
	}
	if _, bad := config.Read(docs[0]); len(bad) > 0 {
		t.Error(bad)
	}
}

func anys(v any) []any {
	list, _ := v.([]any)
	return list
}
