package gitrepo

import (
	"encoding/pem"
	"fmt"
	"log"
	"net/http"
	"net/http/cgi"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// upstream is a bare repository that the tests fill with the git program.
type upstream struct {
	t    *testing.T
	bare string
	work string
}

func newUpstream(t *testing.T) *upstream {
	t.Helper()
	if _, err := exec.LookPath("git"); err != nil {
		t.Fatalf("these tests need the git program: install the package git (%v)", err)
	}
	root := t.TempDir()
	u := &upstream{t: t, bare: filepath.Join(root, "up.git"), work: filepath.Join(root, "work")}
	u.run(root, "init", "-q", "--bare", "-b", "main", u.bare)
	u.run(root, "init", "-q", "-b", "main", u.work)
	u.run(u.work, "remote", "add", "origin", u.bare)
	return u
}

// run runs git without the machine's configuration, at fixed times.
func (u *upstream) run(dir string, args ...string) string {
	u.t.Helper()
	cmd := exec.Command("git", args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_SYSTEM=/dev/null",
		"GIT_AUTHOR_NAME=Ann Author", "GIT_AUTHOR_EMAIL=ann@example.com", "GIT_AUTHOR_DATE=2026-01-02T03:04:05Z",
		"GIT_COMMITTER_NAME=Cy Committer", "GIT_COMMITTER_EMAIL=cy@example.com", "GIT_COMMITTER_DATE=2026-01-02T03:04:06Z")
	out, err := cmd.CombinedOutput()
	if err != nil {
		u.t.Fatalf("git %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return strings.TrimSpace(string(out))
}

// write changes files in the work folder: name, content, name, content …
func (u *upstream) write(pairs ...string) {
	u.t.Helper()
	for i := 0; i < len(pairs); i += 2 {
		path := filepath.Join(u.work, filepath.FromSlash(pairs[i]))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			u.t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(pairs[i+1]), 0o644); err != nil {
			u.t.Fatal(err)
		}
	}
}

// commit commits everything, pushes the branch and returns the commit.
func (u *upstream) commit(message string, pairs ...string) Hash {
	u.t.Helper()
	u.write(pairs...)
	u.run(u.work, "add", "-A")
	u.run(u.work, "commit", "-q", "--allow-empty", "-m", message)
	u.run(u.work, "push", "-q", "-f", "origin", "HEAD")
	return Hash(u.run(u.work, "rev-parse", "HEAD"))
}

const (
	testUser = "robot"
	testPass = "c4nary s/cret" // has a form of its own in every encoding
)

// gitServer serves one bare repository as /up.git, as a forge does.
type gitServer struct {
	*httptest.Server
	ca []byte

	mu       sync.Mutex
	requests []string
	wrap     func(http.ResponseWriter, *http.Request, http.Handler)
}

// serve starts git http-backend behind TLS and basic authentication.
func serve(t *testing.T, u *upstream) *gitServer {
	t.Helper()
	program, err := exec.Command("git", "--exec-path").Output()
	if err != nil {
		t.Fatal(err)
	}
	backend := filepath.Join(strings.TrimSpace(string(program)), "git-http-backend")
	if _, err := os.Stat(backend); err != nil {
		t.Fatalf("these tests need git http-backend: install the whole package git (%v)", err)
	}
	u.run(u.bare, "config", "http.receivepack", "true")
	handler := &cgi.Handler{Path: backend, Stderr: t.Output(), Env: []string{
		"GIT_PROJECT_ROOT=" + filepath.Dir(u.bare), "GIT_HTTP_EXPORT_ALL=1", "GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_SYSTEM=/dev/null",
	}}
	s := &gitServer{}
	s.Server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		s.requests = append(s.requests, r.Method+" "+r.URL.Path)
		wrap := s.wrap
		s.mu.Unlock()
		if name, pass, _ := r.BasicAuth(); name != testUser || pass != testPass {
			w.Header().Set("WWW-Authenticate", `Basic realm="git"`)
			http.Error(w, "no access for "+r.Header.Get("Authorization")+" "+pass, http.StatusUnauthorized)
			return
		}
		if wrap != nil {
			wrap(w, r, handler)
			return
		}
		handler.ServeHTTP(w, r)
	}))
	s.Config.ErrorLog = log.New(t.Output(), "", 0)
	s.StartTLS()
	t.Cleanup(s.Close)
	s.ca = pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw})
	return s
}

func (s *gitServer) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.requests)
}

func (s *gitServer) setWrap(wrap func(http.ResponseWriter, *http.Request, http.Handler)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.wrap = wrap
}

// options are those that work.
func (s *gitServer) options(t *testing.T) Options {
	return Options{
		URL: s.URL + "/up.git", Dir: t.TempDir(), CABundle: s.ca, Timeout: 20 * time.Second,
		Credential: Fixed(Credential{Username: testUser, Password: testPass}),
	}
}

func open(t *testing.T, opts Options) *Repo {
	t.Helper()
	r, err := Open(opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	})
	return r
}

func openFileRemote(t *testing.T, u *upstream) *Repo {
	t.Helper()
	return open(t, Options{URL: u.bare, Dir: t.TempDir()})
}

func ref(t *testing.T, s string) Ref {
	t.Helper()
	r, err := ParseRef(s)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func fetch(t *testing.T, r *Repo, name string) Commit {
	t.Helper()
	c, err := r.Fetch(t.Context(), ref(t, name))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func wantFile(t *testing.T, r *Repo, commit Hash, name, want string) {
	t.Helper()
	tree, err := r.Tree(commit)
	if err != nil {
		t.Fatal(err)
	}
	got, err := tree.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != want {
		t.Errorf("%s: got %q, want %q", name, got, want)
	}
}

// noSecret fails if any form of the test password is in text.
func noSecret(t *testing.T, text string) {
	t.Helper()
	for _, form := range (Credential{Username: testUser, Password: testPass}).secrets() {
		if strings.Contains(text, form) {
			t.Errorf("the secret is in: %s", text)
		}
	}
	if strings.Contains(text, "c4nary") {
		t.Errorf("a part of the secret is in: %s", text)
	}
}

func numbered(i int) string { return fmt.Sprintf("file-%04d.yml", i) }
