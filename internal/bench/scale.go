package main

import (
	"bufio"
	"bytes"
	"cmp"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/cgi"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// One daemon for many targets, and what it is promised to take. The repository
// is a folder, the service the emulator on the same machine.
const (
	scaleSame  = 5.0   // seconds until an unchanged commit is known to be in every target
	scaleFirst = 2.0   // seconds from a push to the first request for it
	scaleIdle  = 150.0 // MB
	scaleRoute = 0.1   // seconds, of 95 in 100 answers
)

// scaled is a running daemon with its repository.
type scaled struct {
	b          *bench
	em         *emulator
	work, bare string
	url        string // of the repository
	data       string
	cmd        *exec.Cmd
	address    string
	token      string // of the API
	identity   string // where tokens for the service come from
	deliveries int

	mu  sync.Mutex
	log []map[string]any
}

// scale measures one daemon with many targets.
func (b *bench) scale() (err error) {
	s := &scaled{b: b, work: filepath.Join(b.dir, "work"), bare: filepath.Join(b.dir, "up.git"), data: filepath.Join(b.dir, "data")}
	if s.em, err = b.startEmulator(0); err != nil {
		return err
	}
	defer s.em.stop()
	server, err := s.serve()
	if err != nil {
		return err
	}
	defer server.Close()
	if err := s.repository(); err != nil {
		return err
	}
	if err := s.start(); err != nil {
		return err
	}
	defer func() { s.stop() }()
	for _, step := range []func() error{s.first, s.idle, s.same, s.one, s.routes, s.again} {
		if err := cmp.Or(b.ctx.Err(), step()); err != nil {
			return err
		}
	}
	return nil
}

func (s *scaled) name() string { return fmt.Sprintf("%d targets x %d", s.b.Targets, s.b.Small) }

// serve serves the repository, as a service that sends webhooks does.
func (s *scaled) serve() (*httptest.Server, error) {
	if err := os.MkdirAll(s.work, 0o755); err != nil {
		return nil, err
	}
	programs, err := s.gitOut("--exec-path")
	if err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	mux.Handle("/", &cgi.Handler{Path: filepath.Join(programs, "git-http-backend"), Stderr: s.b.progress, Env: []string{
		"GIT_PROJECT_ROOT=" + filepath.Dir(s.bare), "GIT_HTTP_EXPORT_ALL=1", "GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_SYSTEM=/dev/null",
	}})
	// The identities of the machine; the emulator takes any token.
	mux.HandleFunc("/identity", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, `{"access_token":"bench","expires_on":"4102444800","resource":"x","token_type":"Bearer"}`)
	})
	server := httptest.NewServer(mux)
	s.url, s.identity = server.URL+"/"+filepath.Base(s.bare), server.URL+"/identity"
	return server, nil
}

// target is the folder of a target.
func target(i int) string { return fmt.Sprintf("targets/t%04d", i) }

// repository writes the tree and makes it a repository.
func (s *scaled) repository() error {
	s.b.say("writing %d targets with %d assets", s.b.Targets, s.b.Small)
	var cfg strings.Builder
	cfg.WriteString("limits: {files: 40000}\ntargets:\n")
	for i := range s.b.Targets {
		fmt.Fprintf(&cfg, "  t%04d:\n    subscription: 00000000-0000-0000-0000-000000000001\n    resource_group: rg-bench\n    workspace: mlw-%04d\n    include: [%s]\n    drift: {mode: \"off\"}\n    resync: \"0 3 1 1 *\"\n", i, i, target(i))
		for n := range s.b.Small {
			write := dataFile
			if n%5 > 2 {
				write = modelFile
			}
			path, text := write(n, false)
			if err := writeFile(filepath.Join(s.work, target(i), path), text); err != nil {
				return err
			}
		}
	}
	if err := writeFile(filepath.Join(s.work, "mlsync.yaml"), cfg.String()); err != nil {
		return err
	}
	if err := s.git("init", "-q", "--bare", "-b", "main", s.bare); err != nil {
		return err
	}
	if err := s.git("init", "-q", "-b", "main"); err != nil {
		return err
	}
	if err := s.git("remote", "add", "origin", s.bare); err != nil {
		return err
	}
	_, err := s.push("begin")
	return err
}

func (s *scaled) git(args ...string) error {
	_, err := s.gitOut(args...)
	return err
}

func (s *scaled) gitOut(args ...string) (string, error) {
	cmd := exec.CommandContext(s.b.ctx, "git", args...)
	cmd.Dir = s.work
	cmd.Env = append(s.b.environment(), "GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_SYSTEM=/dev/null", "GIT_AUTHOR_NAME=Ann", "GIT_AUTHOR_EMAIL=ann@example.com",
		"GIT_COMMITTER_NAME=Ann", "GIT_COMMITTER_EMAIL=ann@example.com")
	out, err := cmd.CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("git %s: %w\n%s", strings.Join(args, " "), err, out)
	}
	return strings.TrimSpace(string(out)), nil
}

func (s *scaled) push(message string) (string, error) {
	for _, args := range [][]string{{"add", "-A"}, {"commit", "-q", "-m", message}, {"push", "-q", "origin", "HEAD"}} {
		if err := s.git(args...); err != nil {
			return "", err
		}
	}
	return s.gitOut("rev-parse", "HEAD")
}

const scaleSecret = "a secret of the bench, long enough"

// start starts the daemon and reads its log.
func (s *scaled) start() error {
	projects := filepath.Join(s.b.dir, "projects.yaml")
	if err := writeFile(projects, fmt.Sprintf(scaleProjects, s.url)); err != nil {
		return err
	}
	args := []string{"daemon", "--data", s.data, "--projects", projects, "--endpoint", s.em.url, "--storage-endpoint", s.em.url, "--listen", "127.0.0.1:0", "--poll", "24h"}
	if s.b.Database != "" {
		args = append(args, "--database", s.b.Database)
	}
	s.cmd = exec.Command(s.b.Binary, args...)
	s.cmd.Env = append(s.b.environment(), "HOOK="+scaleSecret, "GOMAXPROCS=2", "IDENTITY_ENDPOINT="+s.identity, "IDENTITY_HEADER=x")
	pipe, err := s.cmd.StderrPipe()
	if err != nil {
		return err
	}
	s.mu.Lock()
	s.log = nil
	s.mu.Unlock()
	if err := s.cmd.Start(); err != nil {
		return err
	}
	go s.read(pipe) // ends with the daemon
	r, err := s.await("listening", "", time.Minute)
	if err == nil {
		s.address, _ = r["address"].(string)
	}
	return err
}

func (s *scaled) stop() {
	_ = s.cmd.Process.Kill()
	_ = s.cmd.Wait()
}

// kept are the messages of the log that are waited for.
var kept = []string{"listening", "nothing new", "done", "failed", "problem"}

func (s *scaled) read(pipe io.Reader) {
	lines := bufio.NewScanner(pipe)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var r map[string]any
		if json.Unmarshal(lines.Bytes(), &r) != nil || !slices.Contains(kept, fmt.Sprint(r["msg"])) {
			continue
		}
		s.mu.Lock()
		s.log = append(s.log, r)
		s.mu.Unlock()
	}
}

// lines are the records with a message, of a commit if that is not empty.
func (s *scaled) lines(message, commit string) (out []map[string]any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, r := range s.log {
		if r["msg"] == message && (commit == "" || r["commit"] == commit) {
			out = append(out, r)
		}
	}
	return out
}

func (s *scaled) await(message, commit string, atMost time.Duration) (map[string]any, error) {
	var found []map[string]any
	err := s.until(message, atMost, func() bool {
		found = s.lines(message, commit)
		return len(found) > 0
	})
	if err != nil {
		return nil, err
	}
	return found[0], nil
}

func (s *scaled) until(what string, atMost time.Duration, ok func() bool) error {
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	end := time.After(atMost)
	for !ok() {
		select {
		case <-s.b.ctx.Done():
			return s.b.ctx.Err()
		case <-end:
			return fmt.Errorf("waited %v in vain for: %s", atMost, what)
		case <-tick.C:
		}
	}
	return nil
}

// first brings the first commit to all targets.
func (s *scaled) first() error {
	s.b.say("the first commit")
	began := time.Now()
	err := s.until("the first commit is in all targets", time.Hour, func() bool {
		return len(s.lines("done", ""))+len(s.lines("failed", "")) >= s.b.Targets
	})
	if err != nil {
		return err
	}
	if bad := len(s.lines("failed", "")) + len(s.lines("problem", "")); bad > 0 {
		return fmt.Errorf("passes over the first commit failed: %v", append(s.lines("failed", ""), s.lines("problem", "")...)[0])
	}
	t, err := s.em.traffic(s.b.ctx)
	if err != nil {
		return err
	}
	s.b.note(s.name(), "first commit", time.Since(began).Seconds(), "s")
	s.b.note(s.name(), "first commit, requests a target", float64(t.requests())/float64(s.b.Targets), "")
	s.b.count(s.name(), "first commit, passes", float64(len(s.lines("done", ""))), float64(s.b.Targets))
	return nil
}

// settle is how long a daemon is left alone before its memory is looked at.
const settle = 20 * time.Second

func (s *scaled) idle() error {
	select {
	case <-s.b.ctx.Done():
		return s.b.ctx.Err()
	case <-time.After(s.b.Settle):
	}
	s.b.hold(s.name(), "idle memory after it", s.memory(), "MB", scaleIdle)
	return nil
}

// memory is what the daemon has in memory, in MB; 0 where the system does not say.
func (s *scaled) memory() float64 {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", s.cmd.Process.Pid))
	_, rest, ok := strings.Cut(string(data), "VmRSS:")
	var kb float64
	if _, scan := fmt.Sscan(rest, &kb); err != nil || !ok || scan != nil {
		return 0
	}
	return kb / 1024
}

// same pushes a commit of which no target has anything.
func (s *scaled) same() error {
	if err := writeFile(filepath.Join(s.work, "README.md"), "# Assets\n"); err != nil {
		return err
	}
	passes := len(s.lines("done", ""))
	head, err := s.push("a file of nobody")
	if err != nil {
		return err
	}
	began := time.Now()
	if err := s.tell(); err != nil {
		return err
	}
	r, err := s.await("nothing new", head, time.Minute)
	if err != nil {
		return err
	}
	s.b.hold(s.name(), "unchanged commit in all targets", time.Since(began).Seconds(), "s", scaleSame)
	t, err := s.em.traffic(s.b.ctx)
	if err != nil {
		return err
	}
	n, _ := r["targets"].(float64)
	s.b.count(s.name(), "unchanged commit, targets left", float64(s.b.Targets)-n, 0)
	s.b.count(s.name(), "unchanged commit, requests", float64(t.requests()), 0)
	s.b.count(s.name(), "unchanged commit, passes", float64(len(s.lines("done", ""))-passes), 0)
	return nil
}

// one pushes a commit with one file of one target.
func (s *scaled) one() error {
	path, text := dataFile(0, true)
	if err := writeFile(filepath.Join(s.work, target(s.b.Targets/2), path), text); err != nil {
		return err
	}
	passes := len(s.lines("done", ""))
	head, err := s.push("one file")
	if err != nil {
		return err
	}
	began := time.Now()
	if err := s.tell(); err != nil {
		return err
	}
	if err := s.until("a request", time.Minute, func() bool { return s.asked() }); err != nil {
		return err
	}
	s.b.hold(s.name(), "push to first request", time.Since(began).Seconds(), "s", scaleFirst)
	if _, err := s.await("done", head, time.Minute); err != nil {
		return err
	}
	s.b.note(s.name(), "push to done", time.Since(began).Seconds(), "s")
	s.b.count(s.name(), "one file, passes", float64(len(s.lines("done", ""))-passes), 1)
	t, err := s.em.traffic(s.b.ctx)
	s.b.count(s.name(), "one file, writes", float64(t.Writes), 1)
	return err
}

// asked reports whether the emulator was asked anything since the counters were
// set to zero.
func (s *scaled) asked() bool {
	data, err := s.em.control(s.b.ctx, http.MethodGet)
	return err == nil && bytes.Contains(data, []byte(`"method"`))
}

// tell delivers a webhook.
func (s *scaled) tell() error {
	s.deliveries++
	body := fmt.Sprintf(`{"repository": %q, "n": %d}`, s.url, s.deliveries)
	at := strconv.FormatInt(time.Now().Unix(), 10)
	mac := hmac.New(sha256.New, []byte(scaleSecret))
	_, _ = io.WriteString(mac, at+"."+body)
	req, err := http.NewRequestWithContext(s.b.ctx, http.MethodPost, "http://"+s.address+"/webhook/hmac", strings.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("X-Mlsync-Timestamp", at)
	req.Header.Set("X-Mlsync-Signature", "sha256="+hex.EncodeToString(mac.Sum(nil)))
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	if err := res.Body.Close(); err != nil || res.StatusCode != http.StatusAccepted {
		return fmt.Errorf("the webhook was answered with %s (%w)", res.Status, err)
	}
	return nil
}

var fetched = regexp.MustCompile(`mlsync_fetches_total\{(?:project="bench",)?state="ok"\} (\d+)`)

// again kills the daemon and starts it: nothing is to be done.
func (s *scaled) again() error {
	metrics, err := s.get(s.b.ctx, "/metrics")
	if err != nil {
		return err
	}
	if m := fetched.FindSubmatch(metrics); m != nil {
		n, _ := strconv.ParseFloat(string(m[1]), 64)
		// One look a commit; a webhook and its task may each have one.
		s.b.count(s.name(), "fetches for 3 commits", n, 6)
	}
	s.stop()
	began := time.Now()
	if err := s.start(); err != nil {
		return err
	}
	if _, err := s.await("nothing new", "", time.Minute); err != nil {
		return err
	}
	s.b.hold(s.name(), "restart until all are known", time.Since(began).Seconds(), "s", scaleSame)
	select {
	case <-s.b.ctx.Done():
		return s.b.ctx.Err()
	case <-time.After(s.b.Settle):
	}
	s.b.hold(s.name(), "idle memory after a restart", s.memory(), "MB", scaleIdle)
	t, err := s.em.traffic(s.b.ctx)
	s.b.count(s.name(), "restart, requests", float64(t.requests()), 0)
	return err
}
