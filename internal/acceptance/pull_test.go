package acceptance_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"mlsync.dev/mlsync/emulator"
)

// hub is a service that holds the pull requests of one repository as GitHub
// does: https://docs.github.com/en/rest/pulls/pulls
type hub struct {
	repo, token string
	mu          sync.Mutex
	pulls       []map[string]any
	refused     int
}

func (h *hub) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h.mu.Lock()
	defer h.mu.Unlock()
	w.Header().Set("Content-Type", "application/json")
	at := "/repos/" + h.repo + "/pulls"
	switch {
	case r.Header.Get("Authorization") != "Bearer "+h.token:
		h.refused++
		w.WriteHeader(http.StatusUnauthorized)
		_, _ = w.Write([]byte(`{"message": "Bad credentials"}`))
	case r.Method == http.MethodGet && r.URL.Path == at:
		found := []map[string]any{}
		owner, _, _ := strings.Cut(h.repo, "/")
		for _, p := range h.pulls {
			if q := r.URL.Query(); q.Get("head") == owner+":"+ref(p, "head") && q.Get("base") == ref(p, "base") {
				found = append(found, p)
			}
		}
		_ = json.NewEncoder(w).Encode(found)
	case r.Method == http.MethodPost && r.URL.Path == at:
		var in struct{ Title, Body, Head, Base string }
		_ = json.NewDecoder(r.Body).Decode(&in)
		n := len(h.pulls) + 1
		end := func(branch string) map[string]any {
			return map[string]any{"ref": branch, "repo": map[string]any{"id": 1}}
		}
		p := map[string]any{
			"number": n, "state": "open", "title": in.Title, "body": in.Body, "html_url": fmt.Sprintf("https://git.example/%s/pull/%d", h.repo, n),
			"user": map[string]any{"login": "robot"}, "head": end(in.Head), "base": end(in.Base),
		}
		h.pulls = append(h.pulls, p)
		w.WriteHeader(http.StatusCreated)
		_ = json.NewEncoder(w).Encode(p)
	case r.Method == http.MethodPatch && strings.HasPrefix(r.URL.Path, at+"/"):
		p := h.pulls[0]
		_ = json.NewDecoder(r.Body).Decode(&p)
		_ = json.NewEncoder(w).Encode(p)
	default:
		w.WriteHeader(http.StatusNotFound)
		_, _ = w.Write([]byte(`{"message": "Not Found"}`))
	}
}

func ref(pull map[string]any, end string) string {
	e, _ := pull[end].(map[string]any)
	s, _ := e["ref"].(string)
	return s
}

// J10: one branch and one pull request; the workspace becomes what it says when
// somebody merges it, and not before.
func TestPromotionByPullRequest(t *testing.T) {
	t.Parallel()
	p := newPromoting(t, emulator.Options{})
	p.chat()
	url, ca := serveGit(t, p.repo)
	p.repo.git(p.repo.bare, "config", "http.receivepack", "true")
	service := &hub{repo: filepath.Base(filepath.Dir(p.repo.bare)) + "/up", token: "canary-forge-77"}
	api := httptest.NewServer(service)
	t.Cleanup(api.Close)
	p.edit("mlsync.yaml", "owner: acceptance\n", fmt.Sprintf("owner: acceptance\nrepository:\n  url: %s\n  auth: {username: %s, token_env: GIT_TOKEN}\n  forge: {provider: github, api: %s, token_env: FORGE_TOKEN}\n", url, gitUser, api.URL))
	p.env["GIT_TOKEN"], p.env["SSL_CERT_FILE"], p.env["FORGE_TOKEN"] = gitToken, ca, service.token
	p.apply("--target", "dev")
	p.want(exitDone, "release", "create", "r1", "online-endpoint/chat", "--from", "dev")
	main := p.repo.push("begin")

	from := len(p.em.Requests())
	r := p.must(p.journal, "promote", "r1", "--to", "prod", "--pr")
	if !strings.Contains(r.out, "https://git.example/"+service.repo+"/pull/1") {
		t.Error(r)
	}
	if got := p.sent(from); len(got) > 0 {
		t.Errorf("the promotion wrote to the workspace: %v", got)
	}
	if len(service.pulls) != 1 || ref(service.pulls[0], "base") != "main" {
		t.Fatalf("pull requests %v", service.pulls)
	}
	pull := service.pulls[0]
	branch := ref(pull, "head")
	if body, _ := pull["body"].(string); !strings.Contains(body, "model/m:1") || !strings.Contains(body, "online-deployment/chat/blue") {
		t.Errorf("the pull request says %q", body)
	}
	if head := p.repo.git(p.repo.bare, "rev-parse", "main"); head != main {
		t.Error("main moved")
	}
	changed := p.repo.git(p.repo.bare, "diff", "--name-only", "main", branch)
	for _, name := range strings.Fields(changed) {
		if !strings.HasPrefix(name, "prod/") {
			t.Errorf("the branch changes %s", name)
		}
	}
	if got := p.repo.git(p.repo.bare, "rev-list", "--count", "main.."+branch); got != "1" {
		t.Errorf("%s commits on the branch", got)
	}

	// Again: neither a second commit nor a second pull request.
	p.must(p.journal, "promote", "r1", "--to", "prod", "--pr")
	if got := p.repo.git(p.repo.bare, "rev-list", "--count", "main.."+branch); len(service.pulls) != 1 || got != "1" {
		t.Errorf("%d pull requests, %s commits", len(service.pulls), got)
	}

	p.repo.git(p.dir, "fetch", "-q", "origin")
	p.repo.git(p.dir, "merge", "-q", "--no-edit", "origin/"+branch)
	p.apply("--target", "prod")
	p.settled("--target", "prod", "--full")
	p.want(exitDone, "release", "verify", "r1", "--target", "prod")

	// A token that is refused: said with what it needs, and without the token.
	service.token = "another"
	p.write("assets/m.yml", "$schema: https://azuremlschemas.azureedge.net/latest/model.schema.json\nname: m\nversion: 2\ntype: custom_model\npath: ./m\n")
	p.edit("assets/blue.yml", "azureml:m:1", "azureml:m:2")
	p.repo.push("another model")
	p.apply("--target", "dev")
	bad := p.raw("promote", "online-endpoint/chat", "--to", "prod", "--name", "r2", "--pr", "--state", p.journal)
	if all := bad.out + bad.err; bad.code == exitDone || !strings.Contains(all, "pull request") || strings.Contains(all, "canary") || service.refused == 0 {
		t.Error(bad)
	}
}
