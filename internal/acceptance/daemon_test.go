package acceptance_test

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/pem"
	"net"
	"net/http"
	"net/http/cgi"
	"net/http/httptest"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/knownhosts"

	"mlsync.dev/mlsync/emulator"
)

// has waits until the workspace has, or has no more, an asset.
func (w *world) has(path string) {
	w.t.Helper()
	until(w.t, path+" is in the workspace", func() bool { return w.get(path) != nil })
}

// A push to a bare repository is applied, another one too, and a bad commit
// writes nothing and does not stop the next good one.
func TestDaemonAppliesWhatIsPushed(t *testing.T) { onBoth(t, daemonAppliesWhatIsPushed) }

func daemonAppliesWhatIsPushed(t *testing.T, database ...string) {
	t.Helper()
	w := newWorld(t, emulator.Options{})
	repo := w.repository()
	w.write("data/a.yml", dataFile("a"))
	repo.push("a")
	data := t.TempDir()
	args := append([]string{"--repository", "file://" + repo.bare, "--data", data, "--poll", "50ms"}, database...)
	d := w.daemon(args...)
	d.synced()
	if w.get("data/a/versions/1") == nil {
		t.Fatal("it says that it is in sync, and a is not there")
	}
	for route, want := range map[string]string{"/healthz": "ok", "/readyz": "ready", "/metrics": `mlsync_runs_total{state="done",target="dev",task="sync"} 1`} {
		if code, body := d.get(route); code != http.StatusOK || !strings.Contains(body, want) {
			t.Errorf("%s: %d\n%s", route, code, body)
		}
	}

	w.write("data/b.yml", dataFile("b"))
	good := repo.push("b")
	w.has("data/b/versions/1")
	d.await("done", 2)
	if tags := w.get("data/b/versions/1")["properties"].(map[string]any)["tags"].(map[string]any); tags["mlsync-commit"] != good {
		t.Errorf("stamped with %v, want the commit %s", tags["mlsync-commit"], good)
	}

	w.write("data/c.yml", dataFile("c"))
	w.write("data/b.yml", "$schema: https://azuremlschemas.azureedge.net/latest/data.schema.json\nname: b\nversoin: 1\n")
	w.quiet(func() {
		repo.push("bad")
		d.await("problem", 2)
	})
	if r := d.lines("problem")[1]; !strings.HasPrefix(r["place"].(string), "data/b.yml:3:") || r["cure"] != `did you mean "version"?` {
		t.Errorf("the problem is told as %v", r)
	}
	until(t, "the daemon does not say that it is in sync", func() bool {
		_, body := d.get("/metrics")
		return strings.Contains(body, `mlsync_in_sync{target="dev"} 0`)
	})
	w.write("data/b.yml", dataFile("b"))
	repo.push("good again")
	w.has("data/c/versions/1")
	d.synced()
	if code := d.stop(); code != exitDone {
		t.Errorf("asked to stop, it ended with %d", code)
	}

	// What was pushed while it was away is applied at the next start; what
	// was done is not done again.
	w.write("data/e.yml", dataFile("e"))
	repo.push("e")
	before := len(w.writes())
	again := w.daemon(args...)
	w.has("data/e/versions/1")
	again.synced()
	if n := len(w.writes()) - before; n != 1 {
		t.Errorf("%d writes for one new asset", n)
	}
}

// Commits that come faster than they can be applied end in the state of the
// last one, and no older one is applied after it.
func TestDaemonAppliesTheNewestCommit(t *testing.T) { onBoth(t, daemonAppliesTheNewestCommit) }

func daemonAppliesTheNewestCommit(t *testing.T, database ...string) {
	t.Helper()
	w := newWorld(t, emulator.Options{})
	repo := w.repository()
	const text = "description: one\n"
	w.write("data/a.yml", dataFile("a")+text)
	repo.push("0")
	w.fault("method=PUT,delay=20ms")
	d := w.daemon(append(database, "--repository", "file://"+repo.bare, "--data", t.TempDir(), "--poll", "20ms")...)
	for _, word := range []string{"two", "three", "four", "five", "six", "seven", "last"} {
		w.write("data/a.yml", dataFile("a")+strings.Replace(text, "one", word, 1))
		repo.push(word)
	}
	description := func() any {
		a := w.get("data/a/versions/1")
		if a == nil {
			return nil
		}
		return a["properties"].(map[string]any)["description"]
	}
	until(t, "the last commit is applied", func() bool { return description() == "last" })
	d.synced()
	done := len(d.lines("new commit"))
	w.write("data/a.yml", dataFile("a")+"description: the end\n")
	repo.push("end")
	d.await("new commit", done+1)
	until(t, "the end", func() bool { return description() == "the end" })
	if code := d.stop(); code != exitDone || description() != "the end" {
		t.Errorf("ended with %d and %v", code, description())
	}
}

// A target may follow the tags of a glob: the highest is applied, and not what
// the branch has beyond it.
func TestDaemonFollowsTags(t *testing.T) {
	t.Parallel()
	w := newWorld(t, emulator.Options{})
	repo := w.repository()
	w.config("", "repository:", "  url: file://"+repo.bare)
	w.edit("mlsync.yaml", "    workspace:", "    tag: v*\n    workspace:")
	version := func(v string) {
		name := strings.ReplaceAll(v, ".", "-")
		w.write("data/"+name+".yml", dataFile(name))
		repo.push(v)
		repo.git(w.dir, "tag", v)
		repo.git(w.dir, "push", "-q", "origin", v)
	}
	version("v1.9")
	w.write("data/later.yml", dataFile("later"))
	head := repo.push("not released")
	d := w.daemon("--data", t.TempDir(), "--poll", "50ms")
	d.synced()
	w.has("data/v1-9/versions/1")
	version("v1.10")
	w.has("data/v1-10/versions/1")
	for _, line := range d.lines("new commit") {
		if line["commit"] == head {
			t.Error("a commit was applied that no tag names")
		}
	}
}

// A local folder is watched: a changed file is applied without a commit.
func TestDaemonWatchesAFolder(t *testing.T) {
	t.Parallel()
	w := newWorld(t, emulator.Options{})
	w.write("data/a.yml", dataFile("a"))
	d := w.daemon("--data", t.TempDir())
	d.synced()
	w.has("data/a/versions/1")
	w.write("data/b.yml", dataFile("b"))
	w.has("data/b/versions/1")
	w.edit("data/b.yml", "uri_file\n", "uri_file\ndescription: changed\n")
	until(t, "the change is applied", func() bool {
		return w.get("data/b/versions/1")["properties"].(map[string]any)["description"] == "changed"
	})
	if code := d.stop(); code != exitDone {
		t.Errorf("ended with %d", code)
	}
}

// Drift is found and corrected on schedule, without a commit.
func TestDaemonCorrectsDriftOnSchedule(t *testing.T) { onBoth(t, daemonCorrectsDriftOnSchedule) }

func daemonCorrectsDriftOnSchedule(t *testing.T, database ...string) {
	t.Helper()
	w := newWorld(t, emulator.Options{})
	w.config(`drift: {schedule: "@every 1s"}`)
	repo := w.repository()
	w.write("data/a.yml", dataFile("a")+"description: git\n")
	repo.push("a")
	d := w.daemon(append(database, "--repository", "file://"+repo.bare, "--data", t.TempDir())...)
	d.synced()
	w.change("data/a/versions/1", func(a map[string]any) { a["properties"].(map[string]any)["description"] = "by hand" })
	until(t, "the drift is corrected", func() bool {
		return w.get("data/a/versions/1")["properties"].(map[string]any)["description"] == "git"
	})
	d.await("drift", 1)
	if r := d.lines("drift")[0]; r["asset"] != "data/a:1" || r["corrected"] != true {
		t.Errorf("drift is told as %v", r)
	}
}

const (
	gitUser  = "robot"
	gitToken = "canary-git-5f1c"
)

// The repository may be behind https and a token.
func TestDaemonFetchesOverHTTPS(t *testing.T) {
	t.Parallel()
	w := newWorld(t, emulator.Options{})
	repo := w.repository()
	url, ca := serveGit(t, repo)
	w.config("", "repository:", "  url: "+url, "  poll: 5s", "  auth: {username: "+gitUser+", token_env: GIT_TOKEN}")
	w.env["GIT_TOKEN"], w.env["SSL_CERT_FILE"] = gitToken, ca
	w.write("data/a.yml", dataFile("a"))
	repo.push("a")
	d := w.daemon("--data", t.TempDir(), "--poll", "50ms")
	d.synced()
	w.has("data/a/versions/1")
	w.write("data/b.yml", dataFile("b"))
	repo.push("b")
	w.has("data/b/versions/1")
	if strings.Contains(d.text(), gitToken) {
		t.Error("the token is in the log")
	}

	w.env["GIT_TOKEN"] = "wrong"
	other := w.daemon("--data", t.TempDir())
	other.await("repository not read", 1)
	if code, _ := other.get("/healthz"); code != http.StatusOK {
		t.Errorf("/healthz of a daemon without a repository: %d", code)
	}
}

// serveGit serves the repository with git http-backend behind TLS and basic
// authentication.
func serveGit(t *testing.T, repo *repository) (url, ca string) {
	t.Helper()
	programs := repo.git(repo.bare, "--exec-path")
	backend := &cgi.Handler{Path: filepath.Join(programs, "git-http-backend"), Stderr: t.Output(), Env: []string{
		"GIT_PROJECT_ROOT=" + filepath.Dir(filepath.Dir(repo.bare)), "GIT_HTTP_EXPORT_ALL=1", "GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_SYSTEM=/dev/null",
	}}
	s := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if name, token, _ := r.BasicAuth(); name != gitUser || token != gitToken {
			w.Header().Set("WWW-Authenticate", `Basic realm="git"`)
			http.Error(w, "no access", http.StatusUnauthorized)
			return
		}
		backend.ServeHTTP(w, r)
	}))
	t.Cleanup(s.Close)
	ca = filepath.Join(t.TempDir(), "ca.pem")
	writeFile(t, ca, string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw})))
	return s.URL + "/" + filepath.Base(filepath.Dir(repo.bare)) + "/" + filepath.Base(repo.bare), ca
}

// The repository may be behind ssh, with a key and known_hosts.
func TestDaemonFetchesOverSSH(t *testing.T) {
	t.Parallel()
	w := newWorld(t, emulator.Options{})
	repo := w.repository()
	s := startSSHD(t)
	w.config("", "repository:", "  url: ssh://"+s.user+"@"+s.address+repo.bare, "  auth: {ssh_key: "+s.key+", known_hosts: "+s.known+"}")
	w.write("data/a.yml", dataFile("a"))
	repo.push("a")
	d := w.daemon("--data", t.TempDir(), "--poll", "50ms")
	d.synced()
	w.has("data/a/versions/1")

	// A server whose key is not known is not talked to.
	writeFile(t, s.known, "")
	other := w.daemon("--data", t.TempDir())
	other.await("repository not read", 1)
	if text := other.text(); !strings.Contains(text, "host") {
		t.Errorf("the log does not say why: %s", text)
	}
}

// sshd is a real ssh server that lets one key in; the fields are files.
type sshd struct{ address, user, key, known string }

func startSSHD(t *testing.T) sshd {
	t.Helper()
	const program = "/usr/sbin/sshd"
	if _, err := os.Stat(program); err != nil {
		t.Fatalf("this test needs a real ssh server: install the package openssh-server (%v)", err)
	}
	me, err := user.Current()
	if err != nil {
		t.Fatal(err)
	}
	if me.Uid == "0" { // sshd run by root wants its empty folder
		if err := os.MkdirAll("/run/sshd", 0o755); err != nil {
			t.Fatal(err)
		}
	}
	dir := t.TempDir()
	s := sshd{user: me.Username, key: filepath.Join(dir, "client"), known: filepath.Join(dir, "known_hosts")}
	host, client, authorized := sshKey(t, filepath.Join(dir, "host")), sshKey(t, s.key), filepath.Join(dir, "authorized")
	writeFile(t, authorized, string(ssh.MarshalAuthorizedKey(client)))
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s.address = free.Addr().String()
	_, port, _ := net.SplitHostPort(s.address)
	_ = free.Close()
	writeFile(t, s.known, knownhosts.Line([]string{s.address}, host)+"\n")
	cmd := exec.Command(program, "-D", "-e", "-f", "/dev/null", "-h", filepath.Join(dir, "host"), "-p", port,
		"-o", "ListenAddress=127.0.0.1", "-o", "AuthorizedKeysFile="+authorized, "-o", "StrictModes=no", "-o", "UsePAM=no",
		"-o", "PidFile=none", "-o", "PasswordAuthentication=no", "-o", "PermitRootLogin=prohibit-password")
	cmd.Stderr = t.Output()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	until(t, "sshd listens", func() bool {
		conn, err := net.Dial("tcp", s.address)
		if err == nil {
			_ = conn.Close()
		}
		return err == nil
	})
	return s
}

// sshKey makes a key and writes it to the file.
func sshKey(t *testing.T, file string) ssh.PublicKey {
	t.Helper()
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	block, err := ssh.MarshalPrivateKey(key, "")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, pem.EncodeToMemory(block), 0o600); err != nil {
		t.Fatal(err)
	}
	public, err := ssh.NewPublicKey(key.Public())
	if err != nil {
		t.Fatal(err)
	}
	return public
}
