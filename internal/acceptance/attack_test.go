package acceptance_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"unicode"

	"mlsync.dev/mlsync/emulator"
)

// thief is a host that must not be asked for anything.
func thief(t *testing.T) *httptest.Server {
	t.Helper()
	srv := httptest.NewTLSServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		t.Errorf("the thief was asked: %s %s %v", r.Method, r.URL, r.Header)
	}))
	t.Cleanup(srv.Close)
	return srv
}

// A repository, such as the branch of a pull request, that names another host
// for the service, its storage or its tokens gets no credential sent there, by
// no command.
func TestAttackN4HostsNamedByTheRepository(t *testing.T) {
	t.Parallel()
	const evil = "https://evil.example"
	for _, key := range []string{"endpoint", "storage_endpoint", "authority"} {
		w := newWorld(t, emulator.Options{})
		w.env["AZURE_CLIENT_ID"], w.env["AZURE_TENANT_ID"], w.env["AZURE_CLIENT_SECRET"] = "c", "t", canaries["GIT_PAT"]
		text := strings.Replace(w.configText(""), "endpoint: "+w.em.URL(), key+": "+evil, 1)
		w.write("mlsync.yaml", text)
		for _, args := range [][]string{{"plan"}, {"apply"}, {"drift"}, {"export", "--target", "dev", "--out", "."}} {
			r := w.want(exitError, args...)
			if !strings.Contains(r.err, key+": credentials would go to evil.example") || !strings.Contains(r.err, "MLSYNC_TRUSTED_HOSTS=evil.example") {
				t.Errorf("%s: %s", key, r)
			}
		}
	}
	// The operator's word is enough, in a variable or on the command line.
	w := newWorld(t, emulator.Options{})
	w.write("mlsync.yaml", strings.Replace(w.configText(""), w.em.URL(), "https://127.0.0.2.nip.invalid", 1))
	w.env["MLSYNC_TRUSTED_HOSTS"] = "other.example,127.0.0.2.nip.invalid"
	if r := w.mlsync("plan", "--endpoint", w.em.URL()); r.code != exitDone {
		t.Errorf("given on the command line: %s", r)
	}
}

// A commit that lets a running daemon speak to another host, with another
// identity, or read other files and variables of its machine is not applied;
// the next one is.
func TestAttackK2CommitsThatReachFurther(t *testing.T) {
	t.Parallel()
	w := newWorld(t, emulator.Options{})
	repo := w.repository()
	w.write("data/a.yml", dataFile("a"))
	repo.push("good")
	w.env["AZURE_CLIENT_SECRET"] = canaries["GIT_PAT"]
	d := w.daemon("--repository", "file://"+repo.bare, "--data", t.TempDir(), "--poll", "50ms")
	d.synced()
	steal := "$schema: https://azuremlschemas.azureedge.net/latest/data.schema.json\nname: steal\nversion: 1\ntype: uri_file\npath: azureml://datastores/d/paths/x\ndescription: ${{ secret.AZURE_CLIENT_SECRET }}\n"
	w.write("mlsync.yaml", w.configText("authority: "+thief(t).URL, "secrets: {providers: {env: {prefix: ''}}}"))
	w.write("data/steal.yml", steal)
	w.quiet(func() {
		repo.push("steal")
		d.await("failed", 1)
	})
	if said := fmt.Sprint(d.lines("failed")[0]["err"]); !strings.Contains(said, "the commit changes secrets.providers in mlsync.yaml: restart the daemon") {
		t.Errorf("said %q", said)
	}
	w.config("")
	w.remove("data/steal.yml")
	w.write("data/b.yml", dataFile("b"))
	repo.push("good again")
	w.has("data/b/versions/1")
	if code := d.stop(); code != exitDone {
		t.Errorf("ended with %d", code)
	}
}

// Names, tags and messages of a repository and of the service come out as text:
// nothing moves the cursor, hides or turns around what stands behind it.
func TestAttackU1TextsOnATerminal(t *testing.T) {
	t.Parallel()
	w := newWorld(t, emulator.Options{})
	evil := "\x1b[2J\x1b]0;owned\x07\u202egpj.exe\u2066\u200b\x9b31m\r<script>alert(1)</script>"
	quoted, _ := json.Marshal(evil)
	w.write("data/a.yml", dataFile("a")+"description: "+string(quoted)+"\ntags: {k: "+string(quoted)+"}\n")
	w.apply()
	w.change("data/a/versions/1", func(a map[string]any) {
		a["properties"].(map[string]any)["description"] = "by hand " + evil
	})
	w.write("data/bad\u202e.yml", dataFile("b")+"nonsense"+": 1\n")
	check := func(r result) {
		t.Helper()
		for _, c := range r.out + r.err {
			if c != '\n' && (unicode.IsControl(c) || unicode.Is(unicode.Cf, c)) {
				t.Errorf("mlsync %s prints %U: %q", r.args, c, r.out+r.err)
				return
			}
		}
	}
	for _, args := range [][]string{{"check", "-v"}, {"plan"}, {"drift", "-v"}, {"status"}, {"history"}, {"why", "data/a:1"}, {"plan", "--markdown"}} {
		check(w.mlsync(args...))
	}
	w.remove("data/bad\u202e.yml")
	w.write("data/c.yml", dataFile("c"))
	w.fault("status=400,message=" + strings.NewReplacer(",", "", "=", "").Replace(evil) + ",method=PUT,path=*/data/c/*")
	for _, args := range [][]string{{"plan", "-v"}, {"drift", "-v"}, {"apply", "-v"}, {"history"}, {"status"}} {
		check(w.mlsync(args...))
	}
}

// A plan file from elsewhere is compared and never carried out: it neither adds
// a step nor an approval, and cannot be larger than its limit.
func TestAttackR1PlansFromElsewhereAndEdits(t *testing.T) {
	t.Parallel()
	w := newWorld(t, emulator.Options{})
	w.write("data/a.yml", dataFile("a"))
	saved := filepath.Join(t.TempDir(), "out.plan")
	w.want(exitDone, "plan", "--out", saved)
	good := readFile(t, saved)
	for name, text := range map[string]string{
		"another action": strings.Replace(good, `"action": "create"`, `"action": "delete"`, 1),
		"another asset":  strings.ReplaceAll(good, "data/a", "data/z"),
		"an approval":    strings.Replace(good, `"allow": `, `"allow_": `, 1),
		"nesting":        strings.Repeat("[", 1_000_000),
		"not a plan":     `{"format":"mlsync.plan/1","steps":[{}]}`,
		"empty":          "",
	} {
		if text == good {
			t.Fatalf("%s: the plan has no such text", name)
		}
		writeFile(t, saved, text)
		w.quiet(func() {
			if r := w.mlsync("apply", "--plan", saved); r.code == exitDone {
				t.Errorf("%s: %s", name, r)
			}
		})
	}
	w.quiet(func() {
		if r := w.mlsync("apply", "--plan", "/dev/zero"); r.code != exitError || !strings.Contains(r.err, "more than 268435456 bytes") {
			t.Errorf("a plan without end: %s", r)
		}
	})
	w.write("data/a.yml", dataFile("a")+"description: edited between plan and apply\n")
	writeFile(t, saved, good)
	w.quiet(func() { w.want(exitRefused, "apply", "--plan", saved) })
}

// Links and special files of the folder lead nowhere, and the configuration is
// bounded before it is read.
func TestAttackP5LinksOfTheFolder(t *testing.T) {
	t.Parallel()
	w := newWorld(t, emulator.Options{})
	outside := filepath.Join(t.TempDir(), "outside.yml")
	writeFile(t, outside, dataFile("outside"))
	for name, to := range map[string]string{"data/l.yml": outside, "loop.yml": "loop.yml", "up": "../..", "dev.yml": "/dev/zero"} {
		at := filepath.Join(w.dir, name)
		if err := os.MkdirAll(filepath.Dir(at), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(to, at); err != nil {
			t.Fatal(err)
		}
	}
	w.write(".git-credentials.yml", dataFile("hidden"))
	w.write("data/a.yml", dataFile("a"))
	p, r := w.plan()
	if len(p.Steps) != 1 || p.step("data/a:1").Action != "create" {
		t.Errorf("%v: %s", p.Steps, r)
	}
	if r := w.mlsync("plan", "--config", "/dev/zero"); r.code != exitError || !strings.Contains(r.err, "more than 1048576 bytes") {
		t.Errorf("a configuration without end: %s", r)
	}
}

// The credential in the address of a repository, sent to a server that repeats
// it in every way it can, is in no log, no metric and no file.
func TestAttackK4CredentialOfTheRepository(t *testing.T) {
	t.Parallel()
	w := newWorld(t, emulator.Options{})
	pat := canaries["GIT_PAT"]
	asked := make(chan struct{}, 100)
	srv := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		name, pass, _ := r.BasicAuth()
		if pass == pat {
			asked <- struct{}{}
		}
		rw.Header().Set("Content-Type", "text/plain")
		rw.WriteHeader(http.StatusInternalServerError)
		_, _ = fmt.Fprintf(rw, "no access for %s:%s (%s) at https://%s:%s@%s%s", name, pass, r.Header.Get("Authorization"), name, pass, r.Host, r.URL)
	}))
	defer srv.Close()
	data := t.TempDir()
	d := w.daemon("-v", "-v", "--repository", strings.Replace(srv.URL, "http://", "http://robot:"+pat+"@", 1)+"/up.git", "--data", data, "--poll", "20ms")
	<-asked
	<-asked
	until(t, "the log tells of it", func() bool { return strings.Contains(d.text(), "no access for") })
	_, metrics := d.get("/metrics")
	if code := d.stop(); code != exitDone {
		t.Errorf("ended with %d", code)
	}
	basic := base64.StdEncoding.EncodeToString([]byte("robot:" + pat))
	held := func(where, text string) {
		for _, form := range []string{pat, basic, url.QueryEscape(pat)} {
			if strings.Contains(text, form) {
				t.Errorf("the credential is in %s", where)
			}
		}
	}
	held("the metrics", metrics)
	held("the log", d.text())
	err := filepath.WalkDir(data, func(name string, e os.DirEntry, err error) error {
		if err == nil && !e.IsDir() {
			held(name, readFile(t, name))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// A service that answers every request of a while with 429 gets each write once:
// the run ends in the same state, and no version or job is there twice.
func TestAttackR3ThrottlingStorm(t *testing.T) {
	t.Parallel()
	w := newWorld(t, emulator.Options{})
	w.every()
	w.fault("status=429,retry-after=1,method=GET,times=12")
	w.fault("status=429,retry-after=1,method=PUT,times=12")
	w.apply()
	refused := 0
	for _, r := range w.em.Requests() {
		if r.Status == http.StatusTooManyRequests {
			refused++
		}
	}
	if refused != 24 {
		t.Errorf("%d requests were refused, want 24", refused)
	}
	w.settled("--full")
	w.versionsOnce()
}

// What a service shows in place of a secret is never written back as one: an
// asset that is changed in another field keeps its secret, or sends it anew.
func TestAttackK5MaskedValuesAreNotWrittenBack(t *testing.T) {
	t.Parallel()
	w := newWorld(t, emulator.Options{})
	at, err := url.Parse(w.em.URL())
	if err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	var bodies []string
	masked := 0
	proxy := httputil.NewSingleHostReverseProxy(at)
	proxy.ModifyResponse = func(r *http.Response) error {
		body, err := io.ReadAll(r.Body)
		mu.Lock()
		defer mu.Unlock()
		if old := `"credentialsType":"ServicePrincipal"`; bytes.Contains(body, []byte(old)) {
			masked++
			body = bytes.ReplaceAll(body, []byte(old), []byte(old+`,"secrets":{"secretsType":"ServicePrincipal","clientSecret":"***"}`))
		}
		r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
		r.Header.Set("Content-Length", strconv.Itoa(len(body)))
		return err
	}
	srv := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		r.Body = io.NopCloser(bytes.NewReader(body))
		if r.Method == http.MethodPut || r.Method == http.MethodPatch {
			mu.Lock()
			bodies = append(bodies, string(body))
			mu.Unlock()
		}
		proxy.ServeHTTP(rw, r)
	}))
	defer srv.Close()
	w.write("mlsync.yaml", strings.Replace(w.configText(""), w.em.URL(), srv.URL, 1))
	w.write("lake.yml", readFile(t, "testdata/every/datastores/gen1.yml"))
	w.apply()
	w.edit("lake.yml", "store_name:", "description: another\nstore_name:")
	w.apply()
	out := t.TempDir()
	w.want(exitDone, "export", "--target", "dev", "--out", out)
	err = filepath.WalkDir(out, func(name string, e os.DirEntry, err error) error {
		if err == nil && !e.IsDir() && strings.Contains(readFile(t, name), "***") {
			t.Errorf("%s holds a masked value", name)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	mu.Lock()
	defer mu.Unlock()
	if masked == 0 || len(bodies) != 2 {
		t.Fatalf("%d answers were masked, and it wrote %d times", masked, len(bodies))
	}
	for _, body := range bodies {
		if strings.Contains(body, "***") || strings.Contains(body, "(secret)") {
			t.Errorf("a masked value is written: %s", body)
		}
	}
}
