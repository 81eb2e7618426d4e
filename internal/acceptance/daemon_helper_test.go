package acceptance_test

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
)

// A daemon is a running mlsync daemon.
type daemon struct {
	t   *testing.T
	cmd *exec.Cmd
	// ended is closed when the process is gone and its log is read.
	ended chan struct{}

	mu  sync.Mutex
	log []string
}

// daemon starts one with a free port, in the tree of the world. It is killed
// at the end of the test.
func (w *world) daemon(args ...string) *daemon {
	w.t.Helper()
	d := &daemon{t: w.t, ended: make(chan struct{})}
	d.cmd = w.command(context.Background(), append([]string{"daemon", "--listen", "127.0.0.1:0"}, args...)...)
	pipe, err := d.cmd.StderrPipe()
	if err != nil {
		w.t.Fatal(err)
	}
	if err := d.cmd.Start(); err != nil {
		w.t.Fatal(err)
	}
	go d.read(pipe) // ends with the process
	w.t.Cleanup(func() {
		_ = d.cmd.Process.Kill()
		<-d.ended
		if w.t.Failed() {
			w.t.Log("log of the daemon:\n" + d.text())
		}
	})
	return d
}

func (d *daemon) read(pipe io.Reader) {
	defer close(d.ended)
	lines := bufio.NewScanner(pipe)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		d.mu.Lock()
		d.log = append(d.log, lines.Text())
		d.mu.Unlock()
	}
	_ = d.cmd.Wait() // the exit code is in ProcessState
}

func (d *daemon) text() string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return strings.Join(d.log, "\n")
}

// lines are the records of the log with the message.
func (d *daemon) lines(message string) []map[string]any {
	d.mu.Lock()
	defer d.mu.Unlock()
	var out []map[string]any
	for _, line := range d.log {
		var r map[string]any
		if json.Unmarshal([]byte(line), &r) == nil && r["msg"] == message {
			out = append(out, r)
		}
	}
	return out
}

// gone reports whether the process has ended.
func (d *daemon) gone() bool {
	select {
	case <-d.ended:
		return true
	default:
		return false
	}
}

// await waits for n records with the message.
func (d *daemon) await(message string, n int) {
	d.t.Helper()
	until(d.t, "the daemon says "+message, func() bool {
		if d.gone() {
			d.t.Fatalf("the daemon ended:\n%s", d.text())
		}
		return len(d.lines(message)) >= n
	})
}

// synced waits until the last pass over the target has left nothing undone.
func (d *daemon) synced() {
	d.t.Helper()
	until(d.t, "the daemon is in sync", func() bool {
		if d.gone() {
			d.t.Fatalf("the daemon ended:\n%s", d.text())
		}
		_, body := d.get("/metrics")
		return strings.Contains(body, `mlsync_in_sync{target="dev"} 1`)
	})
}

// get asks one of the routes; 0 if the daemon does not listen yet.
func (d *daemon) get(route string) (int, string) {
	listening := d.lines("listening")
	if len(listening) == 0 {
		return 0, ""
	}
	res, err := http.Get("http://" + listening[0]["address"].(string) + route)
	if err != nil {
		return 0, ""
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		return 0, ""
	}
	return res.StatusCode, string(body)
}

// kill ends it as the kernel does when memory runs out.
func (d *daemon) kill() {
	_ = d.cmd.Process.Kill()
	<-d.ended
}

// stop asks it to end and returns the exit code.
func (d *daemon) stop() int {
	d.t.Helper()
	if err := d.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		d.t.Fatal(err)
	}
	until(d.t, "the daemon stops", d.gone)
	return d.cmd.ProcessState.ExitCode()
}

// A repository is a bare repository with a working folder, the tree of a world.
type repository struct {
	w    *world
	bare string
}

// repository makes the tree of the world a git repository with a bare origin.
func (w *world) repository() *repository {
	w.t.Helper()
	r := &repository{w: w, bare: filepath.Join(w.t.TempDir(), "up.git")}
	r.git(w.dir, "init", "-q", "--bare", "-b", "main", r.bare)
	r.git(w.dir, "init", "-q", "-b", "main")
	r.git(w.dir, "remote", "add", "origin", r.bare)
	return r
}

// git runs git without the machine's configuration.
func (r *repository) git(dir string, args ...string) string {
	r.w.t.Helper()
	cmd := exec.Command("git", args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_SYSTEM=/dev/null", "GIT_AUTHOR_NAME=Ann", "GIT_AUTHOR_EMAIL=ann@example.com",
		"GIT_COMMITTER_NAME=Ann", "GIT_COMMITTER_EMAIL=ann@example.com")
	out, err := cmd.CombinedOutput()
	if err != nil {
		r.w.t.Fatalf("git %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return strings.TrimSpace(string(out))
}

// push commits the tree as it is, pushes it and returns the commit.
func (r *repository) push(message string) string {
	r.w.t.Helper()
	r.git(r.w.dir, "add", "-A")
	r.git(r.w.dir, "commit", "-q", "--allow-empty", "-m", message)
	r.git(r.w.dir, "push", "-q", "-f", "origin", "HEAD")
	return r.git(r.w.dir, "rev-parse", "HEAD")
}
