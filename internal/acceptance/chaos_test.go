package acceptance_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"mlsync.dev/mlsync/emulator"
	"mlsync.dev/mlsync/internal/chaos"
)

// How long the chaos lasts, and how often the daemon is killed in it: an hour
// and 20 seconds in make chaos TIME=1h.
const (
	chaosTime = "MLSYNC_CHAOS_TIME"
	chaosSeed = "MLSYNC_CHAOS_SEED"
)

// spoiledWorld is a world whose service is behind a proxy.
func spoiledWorld(t *testing.T, opt chaos.Options, em emulator.Options) (*world, *chaos.Proxy) {
	t.Helper()
	w := newWorld(t, em)
	opt.Target = w.em.URL()
	proxy, err := chaos.New(opt)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := proxy.Close(); err != nil {
			t.Error(err)
		}
	})
	w.service = proxy.URL()
	w.config("")
	return w, proxy
}

// A team commits what comes to its mind, and knows what the workspace must
// hold in the end.
type team struct {
	w    *world
	rand *rand.Rand
	repo *repository
	data map[string]string // descriptions by name
	gone map[string]bool
	jobs int
	n    int
}

// The team has so many names of data, which come back, and runs so many jobs:
// a workspace that only grows would hide a daemon that grows.
const teamNames, teamJobs = 80, 60

// commit makes one to three changes and pushes them.
func (m *team) commit() {
	for range 1 + m.rand.IntN(3) {
		m.n++
		names := make([]string, 0, len(m.data))
		for name := range m.data {
			names = append(names, name)
		}
		slices.Sort(names)
		switch pick := m.rand.IntN(20); {
		case pick < 8 || len(names) < 3:
			name := fmt.Sprintf("d%d", 1+m.rand.IntN(teamNames))
			m.data[name] = fmt.Sprintf("new in %d", m.n)
			delete(m.gone, name)
		case pick < 14 || m.jobs == teamJobs && pick == 19:
			m.data[names[m.rand.IntN(len(names))]] = fmt.Sprintf("change %d", m.n)
		case pick < 19:
			name := names[m.rand.IntN(len(names))]
			delete(m.data, name)
			m.gone[name] = true
			m.w.remove("data/" + name + ".yml")
		default:
			m.jobs++
			m.w.write(fmt.Sprintf("jobs/j%d.yml", m.jobs), fmt.Sprintf("$schema: https://azuremlschemas.azureedge.net/latest/commandJob.schema.json\ntype: command\ncommand: echo %d\nenvironment: azureml:train:1\n", m.jobs))
		}
	}
	for name, text := range m.data {
		m.w.write("data/"+name+".yml", dataFile(name)+"description: "+text+"\n")
	}
	m.repo.push(fmt.Sprintf("commit %d", m.n))
}

// ofOthers are assets of others, some under names that look like ours.
var ofOthers = map[string]string{
	"data/foreign/versions/1":       `{"properties":{"dataType":"uri_file","dataUri":"https://x.blob.core.windows.net/c/f","tags":{"a":"1"}}}`,
	"data/d0/versions/1":            `{"properties":{"dataType":"uri_file","dataUri":"https://x.blob.core.windows.net/c/f","tags":{"mlsync-owner":"somebody#else"}}}`,
	"environments/other/versions/1": `{"properties":{"image":"img"}}`,
	"onlineEndpoints/theirs":        `{"location":"eastus2","identity":{"type":"SystemAssigned"},"properties":{"authMode":"Key"}}`,
}

// For as long as it takes, the service is spoiled, the daemon killed and the
// team busy. In the end the workspace is as git says, no job ran twice, what
// is of others was not touched, and the memory of the daemon did not grow.
func TestChaos(t *testing.T) {
	t.Parallel()
	lasts, kill := chaosLasts(t)
	seed := uint64(time.Now().UnixNano())
	if text := os.Getenv(chaosSeed); text != "" {
		var err error
		if seed, err = strconv.ParseUint(text, 10, 64); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("%s=%d", chaosSeed, seed)
	w, proxy := spoiledWorld(t, chaos.Options{Rate: 0.15, Seed: seed}, emulator.Options{LRO: 200 * time.Millisecond})
	w.config(`prune: {max: 1000}`)
	before := map[string][]byte{}
	for path, body := range ofOthers {
		w.put(path, json.RawMessage(body))
		until(t, path, func() bool { s := w.state(path); return s == nil || s == "Succeeded" })
		before[path] = w.getRaw(path)
	}
	writesOfOthers := len(w.writes())
	m := &team{w: w, rand: rand.New(rand.NewPCG(seed, 1)), repo: w.repository(), data: map[string]string{}, gone: map[string]bool{}}
	w.write("env.yml", "$schema: https://azuremlschemas.azureedge.net/latest/environment.schema.json\nname: train\nversion: \"1\"\nimage: img\n")
	w.write("auto.yml", "$schema: https://azuremlschemas.azureedge.net/latest/environment.schema.json\nname: auto\nimage: img\n")
	w.write("store.yml", "name: store\ntype: azure_blob\naccount_name: a\ncontainer_name: c\n")
	w.write("chat.yml", endpointFile("{blue: 100}"))
	w.write("blue.yml", deploymentFile("blue", "m:1"))
	w.write("m.yml", modelFile("1"))
	m.commit()

	data := t.TempDir()
	args := []string{"--repository", "file://" + m.repo.bare, "--data", data, "--poll", "200ms"}
	rss := m.storm(args, lasts, kill)

	proxy.Calm(true)
	d := w.daemon(args...)
	m.commit()
	head := m.repo.git(w.dir, "rev-parse", "HEAD")
	until(t, "the daemon has applied the last commit", func() bool { return d.done(head) })
	rss = append(rss, d.memory())
	if code := d.stop(); code != exitDone {
		t.Errorf("the daemon ended with %d", code)
	}
	w.journal = filepath.Join(data, "mlsync.db")
	w.apply("--full") // the second look at what was removed last
	w.settled("--full")
	m.check()
	for path, was := range before {
		if now := w.getRaw(path); !bytes.Equal(now, was) {
			t.Errorf("%s of somebody else was touched:\n%s\n%s", path, was, now)
		}
	}
	flat(t, rss)
	t.Logf("%d commits, %d requests, %d writes, spoiled: %v; memory in MB: %v", m.n, proxy.Requests(), len(w.writes())-writesOfOthers, proxy.Spoiled(), rss)
}

func chaosLasts(t *testing.T) (lasts, kill time.Duration) {
	text := os.Getenv(chaosTime)
	if text == "" {
		return 15 * time.Second, 3 * time.Second
	}
	lasts, err := time.ParseDuration(text)
	if err != nil {
		t.Fatal(err)
	}
	return lasts, 20 * time.Second
}

// storm commits, and kills and starts the daemon, until the time is over. It
// returns the memory of the daemons, in MB, before they were killed.
func (m *team) storm(args []string, lasts, kill time.Duration) (rss []int) {
	end := time.After(lasts)
	commits := time.NewTicker(time.Second)
	defer commits.Stop()
	kills := time.NewTicker(kill)
	defer kills.Stop()
	d := m.w.daemon(args...)
	defer func() { d.kill() }()
	for {
		select {
		case <-commits.C:
			m.commit()
		case <-kills.C:
			if n := d.memory(); n > 0 {
				rss = append(rss, n)
			}
			if d.gone() {
				m.w.t.Errorf("the daemon ended by itself:\n%s", d.text())
			}
			d.kill()
			d = m.w.daemon(args...)
		case <-end:
			return rss
		}
	}
}

// done reports whether a pass over the commit has ended with nothing undone.
func (d *daemon) done(commit string) bool {
	if d.gone() {
		d.t.Fatalf("the daemon ended:\n%s", d.text())
	}
	for _, r := range d.lines("done") {
		if r["commit"] == commit && r["failed"] == 0.0 && r["blocked"] == 0.0 {
			return true
		}
	}
	return false
}

// memory is what the process has in memory, in MB; 0 if it is gone.
func (d *daemon) memory() int {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", d.cmd.Process.Pid))
	_, rest, ok := strings.Cut(string(data), "VmRSS:")
	var kb int
	if _, scan := fmt.Sscan(rest, &kb); err != nil || !ok || scan != nil {
		return 0
	}
	return kb >> 10
}

// flat fails if the memory of the last daemons is much more than that of the
// first ones.
func flat(t *testing.T, rss []int) {
	t.Helper()
	part := max(1, len(rss)/4)
	first, last := slices.Max(rss[:part]), slices.Max(rss[len(rss)-part:])
	if last > 2*first+20 {
		t.Errorf("memory grew from %d MB to %d MB: %v", first, last, rss)
	}
}

// check compares the workspace with what the team wants.
func (m *team) check() {
	t, w := m.w.t, m.w
	for name, text := range m.data {
		a := w.get("data/" + name + "/versions/1")
		if a == nil || w.archivedData(name) || a["properties"].(map[string]any)["description"] != text {
			t.Errorf("%s is not as git says: %v", name, a)
		}
	}
	for name := range m.gone {
		if a := w.get("data/" + name + "/versions/1"); a != nil && !w.archivedData(name) {
			t.Errorf("%s was removed from git and is still there", name)
		}
	}
	jobs := map[string]int{}
	for _, r := range w.em.Requests() {
		if r.Method == http.MethodPut && strings.Contains(r.Path, "/jobs/") && r.Status < 300 {
			jobs[r.Path]++
		}
	}
	for path, n := range jobs {
		if n != 1 {
			t.Errorf("%s was submitted %d times", path, n)
		}
	}
	if len(jobs) != m.jobs {
		t.Errorf("%d jobs were submitted, git has %d", len(jobs), m.jobs)
	}
	var list struct{ Value []struct{ Name string } }
	if err := json.Unmarshal(w.getRaw("environments/auto/versions"), &list); err != nil || len(list.Value) != 1 {
		t.Errorf("the environment has %d versions (%v)", len(list.Value), err)
	}
}
