package acceptance_test

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"mlsync.dev/mlsync/emulator"
)

const (
	subscription = "00000000-0000-0000-0000-000000000001"
	group        = "rg"
	space        = "ws"
	workspaceID  = "/subscriptions/" + subscription + "/resourceGroups/" + group + "/providers/Microsoft.MachineLearningServices/workspaces/" + space
)

// The exit codes that style and help promise.
const (
	exitDone     = 0
	exitError    = 1
	exitPending  = 2
	exitProblems = 3
	exitFailed   = 4
	exitRefused  = 5
)

// canaries are the values of the secrets of the tests, by name.
var canaries = map[string]string{
	"VM_PASSWORD": "canary-vm-5f1c", "BLOB_KEY": "Y2FuYXJ5LWJsb2ItNWYxYw==", "SHARE_SAS": "?sv=2022&sig=canary-sas-5f1c", "LAKE_SECRET": "canary-lake-5f1c",
	"GIT_PAT": "canary-pat-5f1c", "CHAT_KEY": "canary-chat-5f1c",
}

// A world is an emulator, a tree and a journal of their own for one test.
type world struct {
	t  *testing.T
	em *emulator.Server
	// dir is the tree, journal the file of the journal, service what the
	// program takes for the service: the emulator, or what is before it.
	dir, journal, service string
	env                   map[string]string
	// program is another build of the program, "" for that of all tests.
	program string
}

// newWorld starts an emulator with a workspace that nothing is in.
func newWorld(t *testing.T, opt emulator.Options) *world {
	t.Helper()
	if opt.JobStep == 0 {
		opt.JobStep = -1
	}
	opt.LogSize = 100_000
	em, err := emulator.New(opt)
	if err != nil {
		t.Fatal(err)
	}
	if err := em.Start("127.0.0.1:0", false, ""); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := em.Close(); err != nil {
			t.Error(err)
		}
	})
	root := t.TempDir()
	w := &world{t: t, em: em, dir: filepath.Join(root, "tree"), journal: filepath.Join(root, "journal.db"), service: em.URL(), env: map[string]string{"HOME": root}}
	for name, value := range canaries {
		w.env["MLSYNC_SECRET_"+name] = value
	}
	if err := os.MkdirAll(w.dir, 0o755); err != nil {
		t.Fatal(err)
	}
	w.config("")
	return w
}

// config writes mlsync.yaml for the workspace, with more keys of the target
// and of the whole file behind it.
func (w *world) config(target string, more ...string) {
	w.t.Helper()
	w.write("mlsync.yaml", w.configText(target, more...))
}

func (w *world) configText(target string, more ...string) string {
	return fmt.Sprintf("owner: acceptance\ntargets:\n  dev:\n    subscription: %s\n    resource_group: %s\n    workspace: %s\n    endpoint: %s\n%s%s",
		subscription, group, space, w.service, indent(target), strings.Join(more, "\n")) + "\n"
}

func indent(text string) string {
	if text == "" {
		return ""
	}
	return "    " + strings.ReplaceAll(strings.TrimSpace(text), "\n", "\n    ") + "\n"
}

// write puts a file into the tree.
func (w *world) write(name, text string) {
	w.t.Helper()
	writeFile(w.t, filepath.Join(w.dir, filepath.FromSlash(name)), text)
}

func writeFile(t *testing.T, name, text string) {
	t.Helper()
	if err := errors.Join(os.MkdirAll(filepath.Dir(name), 0o755), os.WriteFile(name, []byte(text), 0o644)); err != nil {
		t.Fatal(err)
	}
}

// edit replaces a text in a file of the tree, which must have it.
func (w *world) edit(name, old, with string) {
	w.t.Helper()
	data, err := os.ReadFile(filepath.Join(w.dir, filepath.FromSlash(name)))
	if err != nil {
		w.t.Fatal(err)
	}
	if !strings.Contains(string(data), old) {
		w.t.Fatalf("%s has no %q", name, old)
	}
	w.write(name, strings.Replace(string(data), old, with, 1))
}

func (w *world) remove(name string) {
	w.t.Helper()
	if err := os.RemoveAll(filepath.Join(w.dir, filepath.FromSlash(name))); err != nil {
		w.t.Fatal(err)
	}
}

// every fills the tree with every kind and variant.
func (w *world) every() {
	w.t.Helper()
	w.copyIn(os.DirFS("testdata/every"))
}

func (w *world) copyIn(from fs.FS) {
	w.t.Helper()
	err := fs.WalkDir(from, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := fs.ReadFile(from, name)
		if err == nil {
			w.write(name, string(data))
		}
		return err
	})
	if err != nil {
		w.t.Fatal(err)
	}
}

// A result is how a call of the program ended.
type result struct {
	args     string
	code     int
	out, err string
}

func (r result) String() string {
	return fmt.Sprintf("mlsync %s: exit code %d\n--- stdout\n%s\n--- stderr\n%s", r.args, r.code, r.out, r.err)
}

// command prepares a call of the program in the tree. Nothing of the
// environment of the test gets in but PATH.
func (w *world) command(ctx context.Context, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, cmp.Or(w.program, program), args...)
	cmd.Dir = w.dir
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "TMPDIR=" + os.TempDir()}
	for k, v := range w.env {
		cmd.Env = append(cmd.Env, k+"="+v)
	}
	return cmd
}

// mlsync calls the program in the tree with the journal of the world.
func (w *world) mlsync(args ...string) result {
	w.t.Helper()
	switch args[0] {
	case "plan", "apply", "drift", "status", "rollout", "history", "why", "adopt", "disown", "approve", "state", "abort", "hold", "unhold":
		args = append(args, "--state", w.journal)
	}
	return w.raw(args...)
}

func (w *world) raw(args ...string) result {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.t.Context(), time.Minute)
	defer cancel()
	cmd := w.command(ctx, args...)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		w.t.Fatal(err)
	}
	return result{strings.Join(args, " "), cmd.ProcessState.ExitCode(), out.String(), errs.String()}
}

// want calls the program and fails unless it ends with the code.
func (w *world) want(code int, args ...string) result {
	w.t.Helper()
	r := w.mlsync(args...)
	if r.code != code {
		w.t.Fatalf("want exit code %d: %s", code, r)
	}
	return r
}

// apply applies, which must succeed.
func (w *world) apply(args ...string) result {
	w.t.Helper()
	return w.want(exitDone, append([]string{"apply"}, args...)...)
}

// settled fails unless the plan is empty and complete.
func (w *world) settled(args ...string) {
	w.t.Helper()
	w.want(exitDone, append([]string{"plan", "--exit-code"}, args...)...)
}

// planned is the part of a plan's JSON that the tests look at.
type planned struct {
	Summary map[string]int `json:"summary"`
	Steps   []plannedStep  `json:"steps"`
}

type plannedStep struct {
	ID      string `json:"id"`
	Part    string `json:"part"`
	Action  string `json:"action"`
	Why     string `json:"why"`
	Blocked string `json:"blocked"`
}

// plan is the plan, whatever its exit code.
func (w *world) plan(args ...string) (planned, result) {
	w.t.Helper()
	r := w.mlsync(append([]string{"plan", "--json"}, args...)...)
	var p planned
	if err := json.Unmarshal([]byte(r.out), &p); err != nil {
		w.t.Fatalf("%v: %s", err, r)
	}
	return p, r
}

// step is the step of an asset.
func (p planned) step(id string) plannedStep {
	for _, s := range p.Steps {
		if s.ID == id && s.Part == "" {
			return s
		}
	}
	return plannedStep{}
}

// quiet fails if f makes the program send a request that writes.
func (w *world) quiet(f func()) {
	w.t.Helper()
	before := len(w.writes())
	f()
	for _, r := range w.writes()[before:] {
		w.t.Errorf("written without need: %s %s (%d)", r.Method, r.Path, r.Status)
	}
}

// writes are the requests that write, oldest first.
func (w *world) writes() []emulator.Request {
	var out []emulator.Request
	for _, r := range w.em.Requests() {
		if r.Method != http.MethodGet && r.Method != http.MethodHead && r.Collection != "login" && !strings.HasSuffix(strings.ToLower(r.Path), "/listsecrets") {
			out = append(out, r)
		}
	}
	return out
}

// fault puts a fault in force.
func (w *world) fault(text string) {
	w.t.Helper()
	f, err := emulator.ParseFault(text)
	if err != nil {
		w.t.Fatal(err)
	}
	w.em.AddFault(f)
}

// until waits for a condition, at most half a minute.
func until(t *testing.T, what string, ok func() bool) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(30 * time.Second)
	for !ok() {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("waited in vain for: %s", what)
		}
	}
}

// get is the live asset as the service gives it, nil if there is none.
func (w *world) get(path string) map[string]any {
	w.t.Helper()
	var out map[string]any
	raw := w.getRaw(path)
	if raw == nil {
		return nil
	}
	if err := json.Unmarshal(raw, &out); err != nil {
		w.t.Fatal(err)
	}
	return out
}

func (w *world) getRaw(path string) []byte {
	w.t.Helper()
	return w.getAt(workspaceID + "/" + path)
}

// getAt is what is at a path of the service, also of another workspace.
func (w *world) getAt(path string) []byte {
	w.t.Helper()
	req, err := http.NewRequestWithContext(w.t.Context(), http.MethodGet, w.em.URL()+path+"?api-version=2024-04-01", nil)
	if err != nil {
		w.t.Fatal(err)
	}
	return w.do(req)
}

// put writes past the program, as somebody with a REST client does.
func (w *world) put(path string, body any) {
	w.t.Helper()
	data, err := json.Marshal(body)
	if err != nil {
		w.t.Fatal(err)
	}
	req, err := http.NewRequestWithContext(w.t.Context(), http.MethodPut, w.em.URL()+workspaceID+"/"+path+"?api-version=2024-04-01", bytes.NewReader(data))
	if err != nil {
		w.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	if w.do(req) == nil {
		w.t.Fatalf("PUT %s: not found", path)
	}
}

// change reads a live asset, lets f change it and writes it back.
func (w *world) change(path string, f func(asset map[string]any)) {
	w.t.Helper()
	a := w.get(path)
	if a == nil {
		w.t.Fatalf("%s does not exist", path)
	}
	f(a)
	w.put(path, a)
}

func (w *world) do(req *http.Request) []byte {
	w.t.Helper()
	req.Header.Set("Authorization", "Bearer tester")
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		w.t.Fatal(err)
	}
	defer res.Body.Close()
	data, err := io.ReadAll(res.Body)
	if err != nil {
		w.t.Fatal(err)
	}
	if res.StatusCode == http.StatusNotFound {
		return nil
	}
	if res.StatusCode >= 300 {
		w.t.Fatalf("%s %s: %s\n%s", req.Method, req.URL.Path, res.Status, data)
	}
	if len(data) == 0 {
		data = []byte("{}")
	}
	return data
}
