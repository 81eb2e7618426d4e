package config_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"mlsync.dev/mlsync/internal/config"
	"mlsync.dev/mlsync/internal/limit"
	"mlsync.dev/mlsync/tree"
)

const twoProjects = `access:
  issuers:
    entra: {tenant: 11111111-2222-3333-4444-555555555555, audience: "api://mlsync"}
  token_life: 720h
  members:
  - {group: g-platform, role: admin}
projects:
  vision:
    repository: {url: "https://github.com/contoso/vision-ml", branch: main, auth: {token_env: VISION_TOKEN}}
    workspaces:
    - /subscriptions/*/resourceGroups/rg-vision-*/providers/Microsoft.MachineLearningServices/workspaces/*
    kinds: [environment, model]
    targets:
      dev: {identity: {type: managed_identity, client_id: w1}, read_identity: {type: managed_identity, client_id: r1}}
      "*": {identity: {type: managed_identity, client_id: w2}, read_identity: {type: managed_identity, client_id: r2}}
    members:
    - {group: g-vision, role: operator}
    - {user: ada, role: viewer}
    - {service: app-ci, role: operator}
    approvers:
    - {app_role: Approver}
    secrets: {providers: {env: {prefix: VISION_}}}
    webhooks: {github: {secret_env: VISION_HOOK}}
  fraud:
    repository: {url: "https://github.com/contoso/fraud-ml"}
    workspaces: [/subscriptions/s1/resourceGroups/rg/providers/Microsoft.MachineLearningServices/registries/shared]
    kinds: "*"
    targets:
      prod: {identity: {type: environment}, read_identity: {type: cli}}
`

func projects(t *testing.T, text string) (*config.Projects, []string) {
	t.Helper()
	docs, bad := tree.Parse([]byte(text), "projects.yaml", tree.ParseOptions{})
	if len(docs) == 0 {
		t.Fatal(bad)
	}
	p, more := config.ReadProjects(docs[0], "environment", "model", "data")
	bad.Append(more)
	var out []string
	for _, b := range bad {
		out = append(out, b.String())
	}
	return p, out
}

func TestProjects(t *testing.T) {
	p, bad := projects(t, twoProjects)
	if len(bad) > 0 {
		t.Fatal(bad)
	}
	if p.Access.TokenLife != 720*time.Hour || len(p.Access.Issuers) != 1 || p.Access.Members[0].Issuer != "entra" || p.Access.Members[0].Role != "admin" {
		t.Errorf("%+v", p.Access)
	}
	v, f := &p.Projects[0], &p.Projects[1]
	if v.Name != "vision" || v.Target("dev").Identity.ClientID != "w1" || v.Target("prod").ReadIdentity.ClientID != "r2" || f.Target("dev") != nil {
		t.Errorf("targets: %+v", v.Targets)
	}
	var members []string
	for _, m := range v.Members {
		members = append(members, fmt.Sprint(m.Sort, " ", m.ID, " ", m.Role, " ", m.Pos.Line))
	}
	if want := []string{"group g-vision operator 17", "user ada viewer 18", "service app-ci operator 19", "app_role Approver approver 21"}; !slices.Equal(members, want) {
		t.Errorf("got %q", members)
	}
	if v.Secrets.Default != "env" || v.Secrets.Providers["env"].Prefix != "VISION_" || len(f.Secrets.Providers) != 0 || len(v.Webhooks) != 1 || v.Webhooks[0].Env[0] != "VISION_HOOK" {
		t.Errorf("%+v %+v", v.Secrets, v.Webhooks)
	}
	if v.Installation() != "github.com/contoso/vision-ml" {
		t.Error(v.Installation())
	}
}

// What is not listed is refused.
func TestAttackZ11ProjectsListWhatTheyAllow(t *testing.T) {
	p, _ := projects(t, twoProjects)
	v, f := &p.Projects[0], &p.Projects[1]
	const rest = "/providers/Microsoft.MachineLearningServices/"
	for id, want := range map[string]bool{
		"/subscriptions/s9/resourceGroups/rg-vision-dev" + rest + "workspaces/mlw":                  true,
		"/subscriptions/s9/resourcegroups/RG-Vision-dev" + strings.ToLower(rest) + "workspaces/mlw": true,
		"/subscriptions/s9/resourceGroups/rg-vision" + rest + "workspaces/mlw":                      false,
		"/subscriptions/s9/resourceGroups/rg-fraud-dev" + rest + "workspaces/mlw":                   false,
		"/subscriptions/s9/resourceGroups/rg-vision-dev" + rest + "registries/mlw":                  false,
		"/subscriptions/s9/resourceGroups/rg-vision-dev" + rest + "workspaces/mlw/x/y":              false,
		"/subscriptions/s9/resourceGroups/rg-vision-dev":                                            false,
		"": false,
	} {
		if got := v.AllowsWorkspace(id); got != want {
			t.Errorf("%s: %v", id, got)
		}
	}
	if f.AllowsWorkspace("/subscriptions/s1/resourceGroups/rg"+rest+"workspaces/shared") || !f.AllowsWorkspace("/subscriptions/s1/resourceGroups/rg"+rest+"registries/Shared") {
		t.Error("the registry")
	}
	if !v.AllowsKind("model") || v.AllowsKind("data") || v.AllowsKind("") || !f.AllowsKind("data") {
		t.Error("kinds")
	}
	var none config.Project
	if none.AllowsKind("model") || none.AllowsWorkspace("/subscriptions/s1/resourceGroups/rg"+rest+"workspaces/shared") || none.Target("dev") != nil {
		t.Error("an empty project allows something")
	}
}

// Each mistake has a place and a cure.
func TestProjectsBroken(t *testing.T) {
	change := func(old, now string) string {
		if !strings.Contains(twoProjects, old) {
			t.Fatalf("%q is not there", old)
		}
		return strings.Replace(twoProjects, old, now, 1)
	}
	for _, c := range []struct{ text, want string }{
		{change("kinds: [environment, model]", "kinds: [environment, modle]"), `did you mean "model"?`},
		{change("    kinds: [environment, model]\n", ""), "projects.vision: kinds is missing, and what is not listed is refused"},
		{change("    workspaces: [/subscriptions/s1/resourceGroups/rg/providers/Microsoft.MachineLearningServices/registries/shared]\n", ""), "projects.fraud: workspaces is missing"},
		{change("workspaces: [/subscriptions/s1/resourceGroups/rg/providers/Microsoft.MachineLearningServices/registries/shared]", "workspaces: ['**']"), "it is not the resource id of a workspace"},
		{change("resourceGroups/rg-vision-*", "resourceGroups/**"), "it is not the resource id of a workspace"},
		{change("rg-vision-*", "rg-[vision"), "a bracket is not closed"},
		{change("read_identity: {type: cli}", "read_identity: {type: environment}"), "who reads must not be who writes"},
		{change(", read_identity: {type: cli}", ""), "identity and read_identity must be given"},
		{change("    targets:\n      prod:", "    targts:\n      prod:"), `did you mean "targets"?`},
		{change("{tenant: 11111111-2222-3333-4444-555555555555,", "{tenant: common,"), "it is not the id of a tenant"},
		{change("tenant: 11111111-2222-3333-4444-555555555555,", ""), "tenant or url must be given"},
		{change(`, audience: "api://mlsync"`, ""), "audience is missing"},
		{change("{user: ada, role: viewer}", "{user: ada, role: owner}"), "one of viewer, operator, approver, admin"},
		{change("{user: ada, role: viewer}", "{user: ada}"), "role is missing"},
		{change("{user: ada, role: viewer}", "{user: ada, group: g, role: viewer}"), "a member is one user, group, app_role or service"},
		{change("{user: ada, role: viewer}", "{role: viewer}"), "a member is one user, group, app_role or service"},
		{change("{app_role: Approver}", "{app_role: Approver, role: admin}"), `unknown key "role"`},
		{change("{user: ada, role: viewer}", "{user: ada, role: viewer, issuer: entre}"), `did you mean "entra"?`},
		{change("  issuers:\n    entra: {tenant: 11111111-2222-3333-4444-555555555555, audience: \"api://mlsync\"}\n", ""), "nobody can prove to be a member"},
		{change("  fraud:", "  Fraud:"), `"Fraud" cannot be the name of a project`},
		{change("  fraud:", "  a_b:"), "cannot be the name of a project"},
		{change("contoso/fraud-ml", "contoso/vision-ml.git"), "have the same owner"},
		{change("token_life: 720h", "token_life: 9000h"), "want a time from 1h0m0s to 8760h0m0s"},
		{change("token_life: 720h", "token_life: 59m"), "want a time from 1h0m0s"},
		{change("{providers: {env: {prefix: VISION_}}}", "{providers: {env: {prefix: VISION_}}, default: vault}"), `there is no provider "vault"`},
		{change("VISION_HOOK", "'my secret'"), "the token itself must not stand here"},
		{"access: {}\n", "there are no projects"},
	} {
		_, bad := projects(t, c.text)
		if !strings.Contains(strings.Join(bad, "\n"), c.want) {
			t.Errorf("want %q, got %q", c.want, bad)
		}
		for _, b := range bad {
			if !strings.HasPrefix(b, "projects.yaml:") {
				t.Errorf("no place: %s", b)
			}
		}
	}
	if _, bad := projects(t, change("token_life: 720h", fmt.Sprintf("token_life: %dh", int(limit.AccessLife.Hours())))); len(bad) > 0 {
		t.Errorf("the longest life: %q", bad)
	}
}
