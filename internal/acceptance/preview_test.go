package acceptance_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"mlsync.dev/mlsync/emulator"
)

// reviews is a service that holds pull requests, their comments, labels and
// the statuses of commits as GitHub does: https://docs.github.com/en/rest
type reviews struct {
	repo, token string

	mu       sync.Mutex
	pulls    []*reviewed
	notes    []note
	statuses []status
	// may is what accounts may do.
	may map[string]string
	// away makes it answer 503 to what changes something.
	away bool
	// same counts the lists that had not changed.
	same int
}

type reviewed struct {
	number          int
	head, sha, base string
	fork, closed    bool
	labels          []labelled
}

type labelled struct {
	name, by string
	at       time.Time
}

type note struct {
	id, pull     int
	author, body string
}

type status struct{ sha, context, state, description string }

func (s *reviews) json(p *reviewed) map[string]any {
	from, state := 1, "open"
	if p.fork {
		from = 2
	}
	if p.closed {
		state = "closed"
	}
	labels := []map[string]any{}
	for _, l := range p.labels {
		labels = append(labels, map[string]any{"name": l.name})
	}
	end := func(ref, sha string, id int) map[string]any {
		return map[string]any{"ref": ref, "sha": sha, "repo": map[string]any{"id": id}}
	}
	return map[string]any{
		"number": p.number, "state": state, "title": "t", "body": "", "html_url": "https://git.example/" + s.repo, "user": map[string]any{"login": "mallory"},
		"head": end(p.head, p.sha, from), "base": end(p.base, strings.Repeat("0", 40), 1), "labels": labels,
	}
}

func (s *reviews) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	answer := func(code int, v any) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(code)
		_ = json.NewEncoder(w).Encode(v)
	}
	path, ok := strings.CutPrefix(r.URL.Path, "/repos/"+s.repo)
	switch {
	case r.Header.Get("Authorization") != "Bearer "+s.token:
		answer(401, map[string]any{"message": "Bad credentials"})
		return
	case r.URL.Path == "/user":
		answer(200, map[string]any{"login": "robot", "type": "User"})
		return
	case !ok:
		answer(404, map[string]any{"message": "Not Found"})
		return
	case s.away && r.Method != http.MethodGet:
		answer(503, map[string]any{"message": "away"})
		return
	}
	var in map[string]any
	_ = json.NewDecoder(r.Body).Decode(&in)
	text := func(key string) string { t, _ := in[key].(string); return t }
	parts := strings.Split(strings.Trim(path, "/"), "/")
	number := 0
	if len(parts) > 1 {
		number, _ = strconv.Atoi(parts[1])
	}
	at := slices.IndexFunc(s.pulls, func(p *reviewed) bool { return p.number == number })
	switch what := r.Method + " " + parts[0] + strings.Repeat("/", len(parts)-1); {
	case what == "GET pulls":
		list := []map[string]any{}
		for _, p := range s.pulls {
			if !p.closed {
				list = append(list, s.json(p))
			}
		}
		data, _ := json.Marshal(list)
		tag := fmt.Sprintf(`W/"%x"`, sha256.Sum256(data))
		w.Header().Set("ETag", tag)
		if r.Header.Get("If-None-Match") == tag {
			s.same++
			w.WriteHeader(http.StatusNotModified)
			return
		}
		answer(200, list)
	case what == "GET pulls/" && at >= 0:
		answer(200, s.json(s.pulls[at]))
	case what == "POST statuses/":
		s.statuses = append(s.statuses, status{parts[1], text("context"), text("state"), text("description")})
		answer(201, in)
	case what == "GET collaborators//":
		if s.may[parts[1]] == "" {
			answer(404, map[string]any{"message": "Not Found"})
			return
		}
		answer(200, map[string]any{"permission": s.may[parts[1]]})
	case what == "PATCH issues//":
		id, _ := strconv.Atoi(parts[2])
		for i := range s.notes {
			if s.notes[i].id == id {
				s.notes[i].body = text("body")
			}
		}
		answer(200, map[string]any{"id": id})
	case what == "GET issues//" && parts[2] == "comments":
		list := []map[string]any{}
		for _, n := range s.notes {
			if n.pull == number {
				list = append(list, map[string]any{"id": n.id, "body": n.body, "user": map[string]any{"login": n.author, "type": "User"}})
			}
		}
		answer(200, list)
	case what == "POST issues//" && parts[2] == "comments":
		s.notes = append(s.notes, note{len(s.notes) + 1, number, "robot", text("body")})
		answer(201, map[string]any{"id": len(s.notes)})
	case what == "GET issues//" && parts[2] == "labels" && at >= 0:
		answer(200, s.json(s.pulls[at])["labels"])
	case what == "GET issues//" && parts[2] == "events" && at >= 0:
		list := []map[string]any{}
		for _, l := range s.pulls[at].labels {
			list = append(list, map[string]any{"event": "labeled", "created_at": l.at, "actor": map[string]any{"login": l.by}, "label": map[string]any{"name": l.name}})
		}
		answer(200, list)
	default:
		answer(404, map[string]any{"message": "Not Found"})
	}
}

// comment is the text of our comment on a pull request, and how many there are.
func (s *reviews) comment(number int) (string, int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	n, text := 0, ""
	for _, c := range s.notes {
		if c.pull == number && c.author == "robot" {
			n++
			text = c.body
		}
	}
	return text, n
}

// status is the last status of a commit.
func (s *reviews) status(sha, context string) status {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out status
	for _, st := range s.statuses {
		if st.sha == sha && st.context == context {
			out = st
		}
	}
	return out
}

func (s *reviews) change(f func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f()
}

// reviewing is a world whose repository has a service with pull requests.
type reviewing struct {
	*world
	repo  *repository
	forge *reviews
	url   string
	args  []string
}

const reviewSecret = "canary-hook-0123456789abcdef"

func newReviewing(t *testing.T, target string, more ...string) *reviewing {
	t.Helper()
	w := &reviewing{world: newWorld(t, emulator.Options{})}
	w.repo = w.repository()
	url, ca := serveGit(t, w.repo)
	w.url = url
	w.forge = &reviews{repo: filepath.Base(filepath.Dir(w.repo.bare)) + "/up", token: "canary-forge-77", may: map[string]string{"ann": "write", "reader": "read"}}
	api := httptest.NewServer(w.forge)
	t.Cleanup(api.Close)
	w.config(target, append([]string{
		"repository:", "  url: " + url, "  auth: {username: " + gitUser + ", token_env: GIT_TOKEN}", "  forge: {provider: github, api: " + api.URL + ", token_env: FORGE_TOKEN}",
		"previews: {}", "statuses: true", "webhooks:", "  github: {secret_env: HOOK}",
	}, more...)...)
	w.env["GIT_TOKEN"], w.env["SSL_CERT_FILE"], w.env["FORGE_TOKEN"], w.env["HOOK"] = gitToken, ca, w.forge.token, reviewSecret
	w.args = []string{"--data", t.TempDir(), "--poll", "200ms"}
	return w
}

// branch commits the tree as it is on a branch, as the head of a pull request,
// and goes back to main.
func (w *reviewing) branch(number int, name string, fork bool, change func()) *reviewed {
	w.t.Helper()
	w.repo.git(w.dir, "checkout", "-q", "-B", name, "main")
	change()
	w.repo.git(w.dir, "add", "-A")
	w.repo.git(w.dir, "commit", "-q", "-m", name)
	sha := w.repo.git(w.dir, "rev-parse", "HEAD")
	w.repo.git(w.dir, "push", "-q", "-f", "origin", "HEAD:refs/pull/"+strconv.Itoa(number)+"/head")
	w.repo.git(w.dir, "checkout", "-q", "main")
	p := &reviewed{number: number, head: name, sha: sha, base: "main", fork: fork}
	w.forge.change(func() {
		w.forge.pulls = slices.DeleteFunc(w.forge.pulls, func(o *reviewed) bool { return o.number == number })
		w.forge.pulls = append(w.forge.pulls, p)
	})
	return p
}

// hook tells the daemon that something became of a pull request.
func (w *reviewing) hook(d *daemon) {
	w.t.Helper()
	body := fmt.Sprintf(`{"action": "synchronize", "n": %d, "repository": {"clone_url": %q}}`, serial.Add(1), w.url)
	mac := hmac.New(sha256.New, []byte(reviewSecret))
	_, _ = mac.Write([]byte(body))
	req, err := http.NewRequestWithContext(w.t.Context(), http.MethodPost, "http://"+d.lines("listening")[0]["address"].(string)+"/webhook/github", strings.NewReader(body))
	if err != nil {
		w.t.Fatal(err)
	}
	req.Header.Set("X-Hub-Signature-256", "sha256="+hex.EncodeToString(mac.Sum(nil)))
	req.Header.Set("X-GitHub-Event", "pull_request")
	req.Header.Set("Content-Type", "application/json")
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		w.t.Fatal(err)
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusAccepted {
		w.t.Errorf("the delivery was answered %d", res.StatusCode)
	}
}

const previewContext = "mlsync/acceptance/preview"

// Pull requests are planned as they would be merged, by who only reads; each
// has one comment, which follows the head, also over a kill.
func TestPreviewsOfPullRequests(t *testing.T) {
	t.Parallel()
	w := newReviewing(t, "read_identity: {type: default}")
	w.write("data/a.yml", dataFile("a"))
	main := w.repo.push("a")
	p := w.branch(7, "topic", false, func() { w.write("data/b.yml", dataFile("b")) })
	d := w.daemon(w.args...)
	d.synced()
	until(t, "the first preview", func() bool { return w.forge.status(p.sha, previewContext).state == "success" })
	until(t, "the comment", func() bool { _, n := w.forge.comment(7); return n == 1 })
	text, _ := w.forge.comment(7)
	for _, want := range []string{"<!-- mlsync/preview/", "data/b:1", "`main`", "1 create", "<details>"} {
		if !strings.Contains(text, want) {
			t.Errorf("the comment lacks %q:\n%s", want, text)
		}
	}
	w.hasNot("data/b/versions/1")
	until(t, "the status of the applied commit", func() bool { return w.forge.status(main, "mlsync/acceptance/dev").state == "success" })

	// A newer head takes the place of the comment, also if the daemon was killed.
	d.kill()
	p = w.branch(7, "topic", false, func() { w.write("data/c.yml", dataFile("c")) })
	d = w.daemon(w.args...)
	until(t, "the preview of the new head", func() bool { return w.forge.status(p.sha, previewContext).state == "success" })
	until(t, "the comment of the new head", func() bool { text, _ := w.forge.comment(7); return strings.Contains(text, "data/c:1") })
	if text, n := w.forge.comment(7); n != 1 || strings.Contains(text, "data/b:1") {
		t.Errorf("%d comments: %s", n, text)
	}

	// A conflict is said.
	w.write("data/d.yml", dataFile("d"))
	w.repo.push("d")
	q := w.branch(8, "other", false, func() { w.write("data/a.yml", dataFile("a")+"tags: {side: theirs}\n") })
	w.write("data/a.yml", dataFile("a")+"tags: {side: ours}\n")
	w.repo.push("ours")
	w.hook(d)
	until(t, "the conflict", func() bool { return w.forge.status(q.sha, previewContext).state == "failure" })
	until(t, "the conflict in the comment", func() bool {
		text, _ := w.forge.comment(8)
		return strings.Contains(text, "`data/a.yml`") && strings.Contains(text, "a person")
	})

	// The merge that the service made is taken if it is of this base and head: its
	// files say so here, and no other ones.
	m := w.branch(10, "merged", false, func() { w.write("data/m.yml", dataFile("m")) })
	w.repo.git(w.dir, "checkout", "-q", "-B", "service", "main")
	w.repo.git(w.dir, "merge", "-q", "--no-ff", "--no-commit", m.sha)
	w.write("data/only-in-the-merge.yml", dataFile("only-in-the-merge"))
	w.repo.git(w.dir, "add", "-A")
	w.repo.git(w.dir, "commit", "-q", "-m", "merge")
	w.repo.git(w.dir, "push", "-q", "-f", "origin", "HEAD:refs/pull/10/merge")
	w.repo.git(w.dir, "checkout", "-q", "main")
	w.hook(d)
	until(t, "the plan of the service's merge", func() bool {
		text, _ := w.forge.comment(10)
		return strings.Contains(text, "data/only-in-the-merge:1")
	})
	w.write("data/n.yml", dataFile("n"))
	w.repo.push("n") // now it is of an older base
	w.hook(d)
	until(t, "a merge of our own", func() bool {
		text, _ := w.forge.comment(10)
		return strings.Contains(text, "data/m:1") && !strings.Contains(text, "data/only-in-the-merge:1")
	})

	// What cannot be told now waits, and is told once the service is back.
	w.forge.change(func() { w.forge.away = true })
	r := w.branch(9, "third", false, func() { w.write("data/e.yml", dataFile("e")) })
	w.hook(d)
	until(t, "the third preview", func() bool {
		for _, l := range d.lines("previewed") {
			if l["pull"] == float64(9) {
				return true
			}
		}
		return false
	})
	if _, n := w.forge.comment(9); n != 0 {
		t.Error("told although the service was away")
	}
	w.forge.change(func() { w.forge.away = false })
	until(t, "what was to be told", func() bool {
		_, n := w.forge.comment(9)
		return n == 1 && w.forge.status(r.sha, previewContext).state == "success"
	})

	// Nothing but GET and HEAD was sent for previews: what is not on main is not there.
	for _, name := range []string{"b", "c", "e"} {
		w.hasNot("data/" + name + "/versions/1")
	}
	if d.stop() != 0 {
		t.Error("the daemon did not stop")
	}

	// By hand: the same text, and nothing is told with --dry-run.
	before, _ := w.forge.comment(9)
	out := w.want(exitDone, "preview", "9", "--dry-run").out
	if !strings.Contains(out, "data/e:1") || !strings.Contains(out, "1 target, 1 change") {
		t.Error(out)
	}
	if after, _ := w.forge.comment(9); after != before {
		t.Error("a dry run changed the comment")
	}
	if r := w.want(exitProblems, "preview", "8", "--json"); !strings.Contains(r.out, `"state": "failure"`) || !strings.Contains(r.out, `"data/a.yml"`) {
		t.Error(r)
	}
	if text, n := w.forge.comment(8); n != 1 || !strings.Contains(text, "a person") {
		t.Errorf("%d comments: %s", n, text)
	}
	w.forge.change(func() { w.forge.pulls[0].fork = true })
	number := strconv.Itoa(w.forge.pulls[0].number)
	if r := w.want(exitRefused, "preview", number, "--dry-run"); !strings.Contains(r.err, "is in a fork") {
		t.Error(r)
	}
	if r := w.raw("preview", number, "--dry-run", "--fork", w.forge.pulls[0].sha); !strings.Contains(r.out, "secrets are not read") {
		t.Error(r)
	}
}

// Pull requests of forks are planned only with the label of somebody who may
// write, set on the head as it is; their files choose no credentials and hosts.
func TestAttackZ21PullRequestsOfForks(t *testing.T) {
	t.Parallel()
	evil := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		t.Errorf("a fork sent us to %s with %q", r.URL, r.Header.Get("Authorization"))
	}))
	t.Cleanup(evil.Close)
	w := newReviewing(t, "")
	w.write("data/a.yml", dataFile("a"))
	w.repo.push("a")
	attack := func() {
		w.config("", "secrets: {providers: {env: {prefix: ''}}}")
		w.edit("mlsync.yaml", w.service, evil.URL)
		w.write("data/b.yml", dataFile("b")+"description: ${{ secret.BLOB_KEY }}\n")
	}
	p := w.branch(7, "fork", true, attack)
	d := w.daemon(w.args...)
	d.synced()
	waits := func(what string) {
		t.Helper()
		until(t, what, func() bool {
			s := w.forge.status(p.sha, previewContext)
			return s.state == "pending" && strings.Contains(s.description, what)
		})
		if _, n := w.forge.comment(7); n != 0 {
			t.Fatal("planned")
		}
	}
	waits("it waits for the label mlsync-preview")
	set := func(by string) {
		w.forge.change(func() { // the times of the service are whole seconds
			w.forge.pulls[0].labels = []labelled{{"mlsync-preview", by, time.Now().UTC().Add(2 * time.Second).Truncate(time.Second)}}
		})
		w.hook(d)
	}
	set("mallory")
	waits("may not write here")
	w.forge.change(func() {
		w.forge.pulls[0].labels = []labelled{{"mlsync-preview", "ann", time.Now().UTC().Add(-time.Hour)}}
	})
	w.hook(d)
	waits("was set before this head was seen")
	set("ann")
	until(t, "the preview", func() bool { _, n := w.forge.comment(7); return n == 1 })
	text, _ := w.forge.comment(7)
	for _, want := range []string{"`mlsync.yaml` is changed", "data/b:1", "secrets are not read"} {
		if !strings.Contains(text, want) {
			t.Errorf("the comment lacks %q:\n%s", want, text)
		}
	}
	for _, v := range canaries {
		if strings.Contains(text, v) || strings.Contains(d.text(), v) {
			t.Errorf("a secret is told")
		}
	}
	// A further push needs it again.
	p = w.branch(7, "fork", true, func() { attack(); w.write("data/f.yml", dataFile("f")) })
	w.forge.change(func() {
		p.labels = []labelled{{"mlsync-preview", "ann", time.Now().UTC().Add(-2 * time.Second).Truncate(time.Second)}}
	})
	w.hook(d)
	until(t, "the new head waits", func() bool { return w.forge.status(p.sha, previewContext).state == "pending" })
	if text, _ := w.forge.comment(7); strings.Contains(text, "data/f:1") {
		t.Error("a push after the label was planned")
	}
}

// hasNot wants an asset not to be there.
func (w *world) hasNot(path string) {
	w.t.Helper()
	if w.get(path) != nil {
		w.t.Errorf("%s is in the workspace", path)
	}
}
