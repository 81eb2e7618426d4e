package main

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"mlsync.dev/mlsync/internal/config"
	"mlsync.dev/mlsync/internal/forge"
)

func withEnv(env map[string]string) *app {
	return &app{env: func(name string) (string, bool) { s, ok := env[name]; return s, ok }}
}

// The token that is sent, and where: a service that tells.
func TestForgeToken(t *testing.T) {
	var got string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got = r.Header.Get("Authorization") + " " + r.URL.EscapedPath() + " " + r.UserAgent()
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write([]byte("[]"))
	}))
	defer server.Close()
	env := map[string]string{"GH_TOKEN": "gh", "GITHUB_TOKEN": "actions", "GH_ENTERPRISE_TOKEN": "ghe", "GITLAB_TOKEN": "gl", "GITEA_TOKEN": "gt", "MINE": "mine", "GIT_TOKEN": "git"}
	for _, tc := range []struct {
		repo config.Repository
		drop string
		want string
	}{
		{config.Repository{URL: "https://github.com/a/b", Forge: config.Forge{API: server.URL}}, "", "Bearer ghe /repos/a/b/pulls"},
		{config.Repository{URL: "https://gitlab.com/a/b/c", Forge: config.Forge{API: server.URL + "/api/v4"}}, "", "Bearer gl /api/v4/projects/a%2Fb%2Fc/merge_requests"},
		{config.Repository{URL: "git@git.example:a/b.git", Forge: config.Forge{Provider: "gitea", API: server.URL + "/api/v1"}}, "", "token gt /api/v1/repos/a/b/pulls"},
		{config.Repository{URL: "git@git.example:a/b.git", Forge: config.Forge{Provider: "gitea", API: server.URL, TokenEnv: "MINE"}}, "", "token mine /repos/a/b/pulls"},
		{config.Repository{URL: "git@git.example:a/b.git", Auth: config.Auth{TokenEnv: "GIT_TOKEN"}, Forge: config.Forge{Provider: "gitea", API: server.URL}}, "GITEA_TOKEN", "token git /repos/a/b/pulls"},
	} {
		given := map[string]string{}
		for k, v := range env {
			if k != tc.drop {
				given[k] = v
			}
		}
		f, err := withEnv(given).forge(t.Context(), tc.repo, "")
		if err != nil {
			t.Fatal(err)
		}
		if pr, err := f.Find(t.Context(), "x", "main"); pr != nil || err != nil {
			t.Errorf("got %v, %v", pr, err)
		}
		if want := tc.want + " mlsync/" + version; got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

// A configuration alone cannot send a token to a host of its choice.
func TestAttackN10ForgesThatOnlyAFileNames(t *testing.T) {
	env := map[string]string{"GITEA_TOKEN": "canary", "GITLAB_TOKEN": "canary", "GH_TOKEN": "canary", "GH_ENTERPRISE_TOKEN": "canary", trustedHosts: "git.local.example,git.local.example:8443"}
	for _, tc := range []struct {
		url, provider, api, origin string
		ok                         bool
	}{
		{"https://github.com/a/b", "", "", "", true},
		{"git@gitlab.com:a/b", "", "", "", true},
		{"", "", "", "git@gitlab.com:a/b", true},
		{"https://github.com/a/b", "", "https://evil.example/api", "https://github.com/a/b", false},
		{"https://github.com/a/b", "", "https://api.github.com.evil.example", "", false},
		{"https://evil.example/a/b", "gitea", "", "https://github.com/a/b", false},
		{"https://evil.example/a/b", "gitea", "", "", false},
		{"https://git.example/a/b", "gitea", "", "git@Git.example:a/b", true},
		{"https://git.example:8443/a/b", "gitea", "", "https://git.example/a/b", true},
		{"https://git.local.example/a/b", "gitlab", "", "", true},
		{"https://git.local.example:8443/a/b", "gitlab", "", "", true},
		{"https://git.local.example:9443/a/b", "gitlab", "", "", false},
		{"https://git.example/a/b", "github", "https://127.0.0.1:1/api/v3", "", true},
	} {
		_, err := withEnv(env).forge(t.Context(), config.Repository{URL: tc.url, Forge: config.Forge{Provider: tc.provider, API: tc.api}}, tc.origin)
		if (err == nil) != tc.ok || err != nil && (strings.Contains(err.Error(), "canary") || !strings.Contains(err.Error(), trustedHosts)) {
			t.Errorf("%+v: got %v", tc, err)
		}
	}
}

func TestForgeSaysWhatIsMissing(t *testing.T) {
	for _, tc := range []struct {
		repo config.Repository
		env  map[string]string
		want string
	}{
		{config.Repository{}, nil, "there is no repository: set repository.url"},
		{config.Repository{URL: "https://github.com/a/b"}, nil, "there is no token for api.github.com: set GH_TOKEN, or name another variable in repository.forge.token_env"},
		{config.Repository{URL: "https://dev.azure.com/o/p/_git/r"}, nil, "set AZURE_DEVOPS_EXT_PAT,"},
		{config.Repository{URL: "https://github.com/a/b", Forge: config.Forge{TokenEnv: "MINE"}}, map[string]string{"GH_TOKEN": "x"}, "MINE is not set"},
		{config.Repository{URL: "https://git.example/a/b"}, nil, "say whether it is github, gitlab, azure or gitea (repository.forge.provider in mlsync.yaml)"},
		{config.Repository{URL: "/srv/repo.git"}, nil, "a folder of this machine"},
	} {
		if _, err := withEnv(tc.env).forge(t.Context(), tc.repo, ""); err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%+v: got %v", tc.repo, err)
		}
	}
}

func TestForgeAsksTheHost(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "" {
			t.Error("the token was sent before it was known to whom")
		}
		w.Header().Set("X-Gitlab-Meta", "{}")
		w.WriteHeader(401)
	}))
	defer server.Close()
	r := config.Repository{URL: server.URL + "/a/b/c", Forge: config.Forge{Provider: "auto"}}
	f, err := withEnv(map[string]string{"GITLAB_TOKEN": "x"}).forge(t.Context(), r, "")
	if err != nil || f.Repo().Provider != forge.GitLab {
		t.Errorf("got %+v, %v", f, err)
	}
}

// doctor says whether the service with the pull requests lets the token in.
func TestDoctorLooksAtPullRequests(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		if r.Header.Get("Authorization") != "Bearer good" {
			w.WriteHeader(http.StatusUnauthorized)
			_, _ = w.Write([]byte(`{"message": "Bad credentials"}`))
			return
		}
		_, _ = w.Write([]byte("[]"))
	}))
	defer server.Close()
	for token, want := range map[string]finding{
		"good": {Check: "pull requests", Result: wellDone, Detail: "can be read"},
		"bad":  {Check: "pull requests", Result: broken, Cure: "give the token what"},
		"":     {Check: "pull requests", Result: broken, Cure: "which token each service wants"},
	} {
		d := &checkup{app: withEnv(map[string]string{"MINE": token}), cfg: &config.Config{Statuses: true, Repository: config.Repository{
			URL: "https://github.com/a/b", Forge: config.Forge{Provider: "github", API: server.URL, TokenEnv: "MINE"},
		}}}
		d.pulls(t.Context())
		if len(d.found) != 1 || d.found[0].Check != want.Check || d.found[0].Result != want.Result || !strings.Contains(d.found[0].Detail, want.Detail) || !strings.Contains(d.found[0].Cure, want.Cure) {
			t.Errorf("token %q: %+v", token, d.found)
		}
	}
	d := &checkup{app: withEnv(nil), cfg: &config.Config{}}
	if d.pulls(t.Context()); len(d.found) != 0 {
		t.Errorf("nobody asked for it: %+v", d.found)
	}
}
