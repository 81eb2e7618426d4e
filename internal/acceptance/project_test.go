package acceptance_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"mlsync.dev/mlsync/emulator"
)

// watched is what is between a daemon and the service: it gives tokens of
// managed identities, and notes who asked for what.
type watched struct {
	mu    sync.Mutex
	asked map[string]map[string]bool // methods, by identity
	given []string                   // identities that a token was asked for
}

func (w *world) watched() *watched {
	w.t.Helper()
	seen := &watched{asked: map[string]map[string]bool{}}
	to, err := url.Parse(w.em.URL())
	if err != nil {
		w.t.Fatal(err)
	}
	forward := httputil.NewSingleHostReverseProxy(to)
	front := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		who := strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")
		seen.mu.Lock()
		if seen.asked[who] == nil {
			seen.asked[who] = map[string]bool{}
		}
		seen.asked[who][r.Method] = true
		seen.mu.Unlock()
		forward.ServeHTTP(rw, r)
	}))
	w.t.Cleanup(front.Close)
	identities := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		id := r.URL.Query().Get("client_id")
		seen.mu.Lock()
		seen.given = append(seen.given, id)
		seen.mu.Unlock()
		rw.Header().Set("Content-Type", "application/json")
		_, _ = fmt.Fprintf(rw, `{"access_token":%q,"expires_on":"4102444800","resource":"x","token_type":"Bearer"}`, "token-of-"+id)
	}))
	w.t.Cleanup(identities.Close)
	w.service = front.URL
	w.env["IDENTITY_ENDPOINT"], w.env["IDENTITY_HEADER"] = identities.URL, "x"
	return seen
}

// methods are what an identity has asked for.
func (s *watched) methods(id string) []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []string
	for m := range s.asked["token-of-"+id] {
		out = append(out, m)
	}
	slices.Sort(out)
	return out
}

func (s *watched) gave(id string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Contains(s.given, id)
}

// plain is the configuration of a repository that leaves to the operator what is
// the operator's.
func plain(target, space string) string {
	return fmt.Sprintf("targets:\n  %s:\n    subscription: %s\n    resource_group: %s\n    workspace: %s\n", target, subscription, group, space)
}

// projectText is a project of a file of projects.
func projectText(name, repo, spaces, kinds string) string {
	return fmt.Sprintf(`  %s:
    repository: {url: "file://%s", poll: 5s}
    owner: %s
    workspaces: [%s]
    kinds: %s
    targets:
      "*":
        identity: {type: managed_identity, client_id: %s-writer}
        read_identity: {type: managed_identity, client_id: %s-reader}
`, name, repo, name, strings.Replace(workspaceID, "/"+space, "/"+spaces, 1), kinds, name, name)
}

// Two repositories in one process, each with its own journal, identities and
// series; what one asks for beyond its project is refused before any write, and
// keeps the other from nothing.
func TestProjectsInOneDaemon(t *testing.T) {
	t.Parallel()
	w := newWorld(t, emulator.Options{})
	seen := w.watched()
	other := &world{t: t, em: w.em, dir: filepath.Join(t.TempDir(), "tree"), env: w.env, service: w.service}
	other.write("mlsync.yaml", plain("dev", space+"-2"))
	other.write("environments/e.yml", "$schema: https://azuremlschemas.azureedge.net/latest/environment.schema.json\nname: e\nversion: 1\nimage: ubuntu\n")
	w.write("mlsync.yaml", plain("dev", space))
	w.write("data/a.yml", dataFile("a"))
	vision, fraud := w.repository(), other.repository()
	vision.push("a")
	fraud.push("e")
	file := filepath.Join(t.TempDir(), "projects.yaml")
	writeFile(t, file, "projects:\n"+projectText("vision", vision.bare, space, "[data]")+projectText("fraud", fraud.bare, space+"*", "[data]"))
	data := t.TempDir()
	d := w.daemon("--projects", file, "--data", data, "--endpoint", w.service, "--storage-endpoint", w.service, "--poll", "50ms")

	w.has("data/a/versions/1")
	until(t, "both projects have had a pass", func() bool {
		_, body := d.get("/metrics")
		return strings.Contains(body, `mlsync_in_sync{project="vision",target="dev"} 1`) && strings.Contains(body, `mlsync_runs_total{project="fraud",state="failed",target="dev",task="sync"}`)
	})
	if r := d.lines("problem"); len(r) == 0 || r[0]["project"] != "fraud" || r[0]["place"] != "environments/e.yml:1:1" || !strings.Contains(r[0]["cure"].(string), file+":11:3") {
		t.Errorf("the problem is told as %v", r)
	}
	for id, want := range map[string]string{"vision-writer": "GET PUT", "vision-reader": "GET", "fraud-reader": "GET", "fraud-writer": ""} {
		got := strings.Join(seen.methods(id), " ")
		if got != want && (want == "" || got != strings.ReplaceAll(want, "GET ", "")) {
			t.Errorf("%s asked for %q", id, got)
		}
	}
	if seen.gave("fraud-writer") {
		t.Error("a token of the writer was asked for, and nothing is written")
	}
	if code, body := d.get("/readyz"); code != http.StatusOK || !strings.HasPrefix(body, "ready") {
		t.Errorf("%d %s", code, body)
	}
	for _, name := range []string{"vision", "fraud"} {
		if _, err := filepath.Glob(filepath.Join(data, name, "mlsync.db")); err != nil {
			t.Error(err)
		}
	}

	// What the commit asks for beyond the project stops it, and only it.
	other.remove("environments/e.yml")
	other.write("data/b.yml", dataFile("b"))
	fraud.push("b")
	until(t, "what is allowed is applied", func() bool {
		_, body := d.get("/metrics")
		return strings.Contains(body, `mlsync_in_sync{project="fraud",target="dev"} 1`)
	})
	writes := len(w.em.Requests())
	for what, c := range map[string]struct{ text, want string }{
		"workspace": {plain("dev", "elsewhere"), "the workspace /subscriptions/" + subscription + "/resourceGroups/rg/providers/Microsoft.MachineLearningServices/workspaces/elsewhere is not one of the project"},
		"identity":  {plain("dev", space+"-2") + "    identity: {type: managed_identity, client_id: vision-writer}\n", "targets.dev.identity: it is not the one of the project"},
		"reader":    {plain("dev", space+"-2") + "    read_identity: {type: cli}\n", "targets.dev.read_identity: it is not the one of the project"},
		"endpoint":  {plain("dev", space+"-2") + "    endpoint: http://127.0.0.1:1\n", "targets.dev.endpoint: where credentials go is not for the repository to say"},
		"file":      {plain("dev", space+"-2") + "    ca_file: /etc/passwd\n", "targets.dev.ca_file"},
		"manage":    {plain("dev", space+"-2") + "    manage: [workspace]\n", "targets.dev.manage: workspace is no kind of the project"},
		"secrets":   {plain("dev", space+"-2") + "secrets: {providers: {env: {prefix: ''}}}\n", "secrets.providers.env: where secrets come from is not for the repository to say"},
		"names":     {plain("dev", space+"-2") + "secrets: {names: {A: env}}\n", "secrets.names"},
		"webhooks":  {plain("dev", space+"-2") + "webhooks: {github: {secret_env: HOME}}\n", "webhooks.github: who may deliver"},
		"the owner": {plain("dev", space+"-2") + "owner: vision\n", `owner: "vision" is not the owner of the project`},
	} {
		n := len(d.lines("failed"))
		other.write("mlsync.yaml", c.text)
		fraud.push(what)
		d.await("failed", n+1)
		if got := fmt.Sprint(d.lines("failed")[n]["err"]); !strings.Contains(got, c.want) || !strings.Contains(got, "project fraud at "+file+":11:3") || !strings.Contains(got, "mlsync.yaml") {
			t.Errorf("%s: %s", what, got)
		}
	}
	for _, r := range w.em.Requests()[writes:] {
		if r.Method != http.MethodGet {
			t.Errorf("%s %s was asked for by a commit that is refused", r.Method, r.Path)
		}
	}
	if code := d.stop(); code != exitDone {
		t.Errorf("it ended with %d", code)
	}
}

// On PostgreSQL the projects of a process share a database, and nothing in it.
func TestProjectsOnPostgreSQL(t *testing.T) {
	t.Parallel()
	w := newWorld(t, emulator.Options{})
	w.watched()
	other := &world{t: t, em: w.em, dir: filepath.Join(t.TempDir(), "tree"), env: w.env, service: w.service}
	w.write("mlsync.yaml", plain("dev", space))
	other.write("mlsync.yaml", plain("dev", space+"-2"))
	w.write("data/a.yml", dataFile("a"))
	other.write("data/b.yml", dataFile("b"))
	vision, fraud := w.repository(), other.repository()
	vision.push("a")
	fraud.push("b")
	file := filepath.Join(t.TempDir(), "projects.yaml")
	writeFile(t, file, "projects:\n"+projectText("vision", vision.bare, space, "[data]")+projectText("fraud-2", fraud.bare, space+"-2", "[data]"))
	database := server.Database(t)
	args := []string{"--projects", file, "--data", t.TempDir(), "--database", database, "--endpoint", w.service, "--storage-endpoint", w.service, "--poll", "50ms"}
	d := w.daemon(args...)
	inSync := func() bool {
		_, body := d.get("/metrics")
		return strings.Contains(body, `mlsync_in_sync{project="vision",target="dev"} 1`) && strings.Contains(body, `mlsync_in_sync{project="fraud-2",target="dev"} 1`)
	}
	until(t, "both are in sync", inSync)
	if r := w.raw("audit", "--projects", file, "--project", "fraud-2", "--database", database); r.code != exitDone || strings.Count(r.out, "run dev-") != 1 || !strings.Contains(r.out, "create done 1") {
		t.Errorf("%s", r)
	}
	if r := w.raw("audit", "verify", "--projects", file, "--project", "vision", "--database", database); r.code != exitDone || !strings.HasPrefix(r.out, "1 row, ") {
		t.Errorf("%s", r)
	}
	if code := d.stop(); code != exitDone {
		t.Errorf("it ended with %d", code)
	}
	before := len(w.em.Requests())
	d = w.daemon(args...)
	until(t, "both are in sync again", inSync)
	for _, r := range w.em.Requests()[before:] {
		if r.Method == http.MethodPut {
			t.Errorf("%s %s after a restart", r.Method, r.Path)
		}
	}
}
