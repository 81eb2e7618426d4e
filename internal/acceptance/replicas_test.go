package acceptance_test

import (
	"context"
	"database/sql"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib"

	"mlsync.dev/mlsync/emulator"
)

// How long the replicas are tormented, how many there are, and what decides what
// is done to them: 30 minutes and 5 in make chaos-replicas TIME=30m.
const (
	replicasTime = "MLSYNC_REPLICAS_TIME"
	replicasSeed = "MLSYNC_REPLICAS_SEED"
)

// A fleet is many replicas on one database, and a team that pushes.
type fleet struct {
	*hooked
	rand     *rand.Rand
	db       *sql.DB
	url      string // of the database
	targets  int
	replicas []*replica
	texts    map[string]string // what the file of each target says last
	commits  int
	kills    int
	stops    int
}

// A replica is one process at a time.
type replica struct {
	*daemon
	args []string
	env  []string
	// until is when it wakes up, if it is stopped.
	until time.Time
}

// witness notes by the clock of the server, whatever the clocks of the replicas
// say, which run was the newest when, whose every intent was, and every tick.
const witness = `
CREATE TABLE witness (id BIGINT GENERATED ALWAYS AS IDENTITY, at TIMESTAMPTZ NOT NULL, what TEXT NOT NULL, target BIGINT, generation BIGINT, asset TEXT);
CREATE FUNCTION witness_run() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
	INSERT INTO witness (at, what, target, generation) VALUES (clock_timestamp(), 'run', NEW.target_id, NEW.generation); RETURN NULL; END $$;
CREATE TRIGGER witness_run AFTER INSERT ON runs FOR EACH ROW EXECUTE FUNCTION witness_run();
CREATE FUNCTION witness_step() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
	INSERT INTO witness (at, what, target, generation, asset) SELECT clock_timestamp(), 'step', NEW.target_id, runs.generation, NEW.asset FROM runs WHERE runs.id = NEW.run_id; RETURN NULL; END $$;
CREATE TRIGGER witness_step AFTER INSERT ON steps FOR EACH ROW EXECUTE FUNCTION witness_step();
CREATE FUNCTION witness_tick() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
	INSERT INTO witness (at, what, generation, asset) VALUES (clock_timestamp(), 'tick', NEW.last, NEW.name || ' ' || NEW.key); RETURN NULL; END $$;
CREATE TRIGGER witness_tick AFTER UPDATE ON queue_ticks FOR EACH ROW EXECUTE FUNCTION witness_tick();
`

// The shortest time that a replica may be taken for dead in, in these tests.
const fleetLockTTL = 3 * time.Second

// Replicas are killed and stopped and their clocks do not agree, while commits
// come in by webhooks to whichever of them lives. In the end every commit is in
// every target, none was written by two at a time, none was forgotten, and
// nothing periodic was done twice.
func TestReplicas(t *testing.T) {
	t.Parallel()
	n, lasts := 3, 20*time.Second
	if text := os.Getenv(replicasTime); text != "" {
		var err error
		if lasts, err = time.ParseDuration(text); err != nil {
			t.Fatal(err)
		}
		n = 5
	}
	f := newFleet(t, n, 2*n)
	f.push()
	f.storm(lasts)
	for _, r := range f.replicas {
		r.wake()
		if r.gone() {
			f.start(r)
		}
	}
	head := f.push()
	f.arrived(head)
	for _, r := range f.replicas {
		r.await("started", 1)
		if code := r.stop(); code != exitDone {
			t.Errorf("a replica ended with %d", code)
		}
	}
	f.oneWriter()
	f.ticks()
	f.fair()
	f.journal = f.url
	for i := range f.targets {
		if got := f.mlsync("plan", "--target", fmt.Sprintf("t%d", i), "--exit-code"); got.code != exitDone {
			t.Errorf("t%d: %v", i, got)
		}
	}
	t.Logf("%d commits, %d kills, %d stops, %d writes", f.commits, f.kills, f.stops, len(f.writes()))
}

// newFleet starts n replicas for targets with a workspace each.
func newFleet(t *testing.T, n, targets int) *fleet {
	t.Helper()
	seed := uint64(time.Now().UnixNano())
	if text := os.Getenv(replicasSeed); text != "" {
		var err error
		if seed, err = strconv.ParseUint(text, 10, 64); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("%s=%d", replicasSeed, seed)
	f := &fleet{hooked: newHooked(t), rand: rand.New(rand.NewPCG(seed, 1)), targets: targets, texts: map[string]string{}}
	f.url = database(t)
	var err error
	if f.db, err = sql.Open("pgx", f.url); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.db.Close() })
	f.write("mlsync.yaml", f.fleetConfig())
	f.commit()
	f.repo.push("begin")
	f.program = chaoticProgram(t)
	for i := range n {
		r := &replica{
			args: []string{"--database", f.url, "--data", t.TempDir(), "--poll", "24h"},
			env: []string{
				"MLSYNC_LOCK_TTL=" + fleetLockTTL.String(),
				fmt.Sprintf("MLSYNC_SKEW=%ds", []int{0, 90, -90, 3600, -3600}[i%5]),
			},
		}
		f.start(r)
		f.replicas = append(f.replicas, r)
		r.await("started", 1)
		if i == 0 {
			if _, err := f.db.ExecContext(t.Context(), witness); err != nil {
				t.Fatal(err)
			}
		}
	}
	return f
}

func (f *fleet) fleetConfig() string {
	var b strings.Builder
	fmt.Fprintf(&b, "owner: acceptance\nrepository:\n  url: %s\n  auth: {username: %s, token_env: GIT_TOKEN}\nwebhooks:\n  hmac: {secret_env: HOOK}\ntargets:\n", f.hooked.url, gitUser)
	for i := range f.targets {
		fmt.Fprintf(&b, "  t%d:\n    subscription: %s\n    resource_group: %s\n    workspace: ws%d\n    endpoint: %s\n    include: [t%d, all]\n    drift: {schedule: \"@every 2s\"}\n", i, subscription, group, i, f.service, i)
	}
	return b.String()
}

func database(t *testing.T) string {
	t.Helper()
	url := server.Database(t)
	return url
}

// chaoticProgram is the program with clocks that can be made wrong.
func chaoticProgram(t *testing.T) string {
	t.Helper()
	out := filepath.Join(t.TempDir(), "mlsync-chaos")
	cmd := exec.Command("go", "build", "-tags", "chaos", "-o", out, "mlsync.dev/mlsync/cmd/mlsync")
	if text, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("build with the tag chaos: %v\n%s", err, text)
	}
	return out
}

// start starts a new process of the replica.
func (f *fleet) start(r *replica) {
	f.t.Helper()
	for _, kv := range r.env {
		name, value, _ := strings.Cut(kv, "=")
		f.env[name] = value
	}
	r.until = time.Time{}
	r.daemon = f.daemon(r.args...)
}

// wake lets a stopped replica go on.
func (r *replica) wake() {
	if !r.until.IsZero() {
		_ = r.cmd.Process.Signal(syscall.SIGCONT)
		r.until = time.Time{}
	}
}

// commit changes the files of some targets, or one of all.
func (f *fleet) commit() {
	f.commits++
	text := fmt.Sprintf("description: change %d\n", f.commits)
	for range 1 + f.rand.IntN(2) {
		dir := fmt.Sprintf("t%d", f.rand.IntN(f.targets))
		if f.rand.IntN(5) == 0 || f.commits == 1 {
			dir = "all"
		}
		f.texts[dir] = text
		name := "of-" + dir
		f.write(dir+"/data.yml", dataFile(name)+text)
	}
}

// push commits, pushes, and tells one replica that lives, as a service does:
// again and again until one takes it.
func (f *fleet) push() string {
	f.t.Helper()
	f.commit()
	head := f.repo.push(fmt.Sprintf("commit %d", f.commits))
	body := fmt.Sprintf(`{"repository": %q, "refs": ["refs/heads/main"], "n": %d}`, f.hooked.url, serial.Add(1))
	until(f.t, "a replica takes the delivery", func() bool {
		f.wakes()
		r := f.replicas[f.rand.IntN(len(f.replicas))]
		if r.gone() || !r.until.IsZero() || len(r.lines("listening")) == 0 {
			return false
		}
		code, err := f.deliver(r.daemon, "listening", body, hookSecret)
		return err == nil && code == http.StatusAccepted
	})
	return head
}

// storm torments the replicas for as long.
func (f *fleet) storm(lasts time.Duration) {
	end := time.After(lasts)
	commits, torments, wakes := time.NewTicker(700*time.Millisecond), time.NewTicker(1500*time.Millisecond), time.NewTicker(100*time.Millisecond)
	defer commits.Stop()
	defer torments.Stop()
	defer wakes.Stop()
	for {
		select {
		case <-end:
			return
		case <-commits.C:
			f.push()
		case <-torments.C:
			f.torment()
		case <-wakes.C:
			f.wakes()
		}
	}
}

// wakes lets go on what was stopped for long enough.
func (f *fleet) wakes() {
	for _, r := range f.replicas {
		if !r.until.IsZero() && time.Now().After(r.until) {
			r.wake()
		}
	}
}

// torment kills one replica and starts it anew, or stops one for up to three
// times as long as its locks live. One always goes on.
func (f *fleet) torment() {
	r := f.replicas[f.rand.IntN(len(f.replicas))]
	awake := 0
	for _, o := range f.replicas {
		if o.until.IsZero() {
			awake++
		}
	}
	switch {
	case r.gone():
		f.t.Errorf("a replica ended by itself:\n%s", r.text())
		f.start(r)
	case f.rand.IntN(2) == 0 && r.until.IsZero() && awake > 1:
		f.stops++
		r.until = time.Now().Add(time.Duration(f.rand.Int64N(int64(3 * fleetLockTTL))))
		_ = r.cmd.Process.Signal(syscall.SIGSTOP)
	case r.until.IsZero():
		f.kills++
		r.kill()
		f.start(r)
	}
}

// arrived waits until every target is as the commit says, and is noted to be.
func (f *fleet) arrived(head string) {
	f.t.Helper()
	deadline := time.Now().Add(time.Minute)
	for {
		var behind int
		if err := f.db.QueryRowContext(f.t.Context(), `SELECT count(*) FROM targets WHERE seen <> $1`, head).Scan(&behind); err != nil {
			f.t.Fatal(err)
		}
		if behind == 0 {
			break
		}
		if time.Now().After(deadline) {
			f.t.Fatalf("%d targets are behind %s", behind, head)
		}
		<-time.After(50 * time.Millisecond)
	}
	for i := range f.targets {
		for _, dir := range []string{fmt.Sprintf("t%d", i), "all"} {
			if f.texts[dir] == "" {
				continue
			}
			path := fmt.Sprintf("%s%d/data/of-%s/versions/1", workspaceID, i, dir)
			want := strings.TrimSpace(strings.TrimPrefix(f.texts[dir], "description: "))
			if a := f.getAt(path); !strings.Contains(string(a), fmt.Sprintf("%q", want)) {
				f.t.Errorf("t%d is said to be at the last commit, and %s is %s, want %q", i, path, a, want)
			}
		}
	}
}

var dataPath = regexp.MustCompile(`/workspaces/ws(\d+)/data/([^/]+)/versions/1$`)

// oneWriter compares what the service was asked to write with what the journal
// knows: every write is of the run that was the newest of its target.
func (f *fleet) oneWriter() {
	f.t.Helper()
	names := map[string]int64{}
	f.rows(`SELECT name, id FROM targets`, func(rows *sql.Rows) error {
		var name string
		var id int64
		err := rows.Scan(&name, &id)
		names[name] = id
		return err
	})
	type entry struct {
		at         time.Time
		generation int64
	}
	runs, steps := map[int64][]entry{}, map[string][]entry{}
	f.rows(`SELECT at, what, target, generation, coalesce(asset, '') FROM witness WHERE what <> 'tick' ORDER BY at`, func(rows *sql.Rows) error {
		var e entry
		var what, asset string
		var target int64
		err := rows.Scan(&e.at, &what, &target, &e.generation, &asset)
		if what == "run" {
			runs[target] = append(runs[target], e)
		} else {
			key := fmt.Sprint(target, " ", asset)
			steps[key] = append(steps[key], e)
		}
		return err
	})
	newest := func(list []entry, at time.Time) int64 {
		var g int64
		for _, e := range list {
			if e.at.Before(at) {
				g = max(g, e.generation)
			}
		}
		return g
	}
	writes := 0
	for _, r := range f.em.Requests() {
		m := dataPath.FindStringSubmatch(r.Path)
		if m == nil || r.Method == http.MethodGet {
			continue
		}
		writes++
		target := names["t"+m[1]]
		of := newest(steps[fmt.Sprintf("%d data/%s:1", target, m[2])], r.Time)
		// A request that had left when the next run began arrives a moment after.
		if latest := newest(runs[target], r.Time.Add(-100*time.Millisecond)); of < latest {
			f.t.Errorf("%s %s at %s is of run %d of t%s, and run %d had begun", r.Method, r.Path, r.Time.Format(time.RFC3339Nano), of, m[1], latest)
		}
	}
	if writes < f.targets {
		f.t.Errorf("only %d writes were looked at", writes)
	}
}

// ticks fails if a periodic task came twice for one tick.
func (f *fleet) ticks() {
	f.t.Helper()
	last, count := map[string]int64{}, 0
	f.rows(`SELECT asset, generation FROM witness WHERE what = 'tick' ORDER BY id`, func(rows *sql.Rows) error {
		var name string
		var at int64
		err := rows.Scan(&name, &at)
		if gap := time.Duration(at - last[name]); gap < time.Second {
			f.t.Errorf("%s came again after %v, and it comes every 2s", name, gap)
		}
		last[name] = at
		count++
		return err
	})
	if count < f.targets {
		f.t.Errorf("%d ticks", count)
	}
}

// fair fails if a target had to wait for its next run for very long.
func (f *fleet) fair() {
	f.t.Helper()
	f.rows(`SELECT target, extract(epoch FROM max(gap))::float8 FROM (
		SELECT target, at - lag(at) OVER (PARTITION BY target ORDER BY id) AS gap FROM witness WHERE what = 'run') g GROUP BY target`, func(rows *sql.Rows) error {
		var target int64
		var gap float64
		err := rows.Scan(&target, &gap)
		if gap > 45 {
			f.t.Errorf("target %d had no run for %.0fs, with a look for drift every 2s", target, gap)
		}
		return err
	})
}

func (f *fleet) rows(query string, scan func(*sql.Rows) error) {
	f.t.Helper()
	rows, err := f.db.QueryContext(context.WithoutCancel(f.t.Context()), query)
	if err != nil {
		f.t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		if err := scan(rows); err != nil {
			f.t.Fatal(err)
		}
	}
	if err := rows.Err(); err != nil {
		f.t.Fatal(err)
	}
}

// A newer replica has migrated the database: older ones go on, and start anew,
// until it needs what they do not know. Then they stop, and say so.
func TestOlderReplicas(t *testing.T) {
	t.Parallel()
	w := newWorld(t, emulator.Options{})
	w.config(`drift: {schedule: "@every 1s"}`)
	repo := w.repository()
	w.write("data/a.yml", dataFile("a"))
	repo.push("a")
	url := server.Database(t)
	args := []string{"--repository", "file://" + repo.bare, "--database", url, "--data", t.TempDir(), "--poll", "100ms"}
	d := w.daemon(args...)
	d.synced()
	db, err := sql.Open("pgx", url)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	execute := func(query string) {
		t.Helper()
		if _, err := db.ExecContext(t.Context(), query); err != nil {
			t.Fatal(err)
		}
	}
	for _, table := range []string{"installation", "targets", "runs", "steps", "owned", "drift", "events", "refs", "told", "inputs", "budgets"} {
		execute("ALTER TABLE " + table + " ADD COLUMN newer_one TEXT NOT NULL DEFAULT ''")
	}
	execute("CREATE TABLE newer_two (id BIGINT PRIMARY KEY)")
	execute("INSERT INTO goose_db_version (version_id, is_applied) VALUES (999, true)")
	w.write("data/b.yml", dataFile("b"))
	repo.push("b")
	w.has("data/b/versions/1")
	d.kill()
	d = w.daemon(args...)
	w.write("data/c.yml", dataFile("c"))
	repo.push("c")
	w.has("data/c/versions/1")
	d.synced()

	execute("UPDATE installation SET needs = 999")
	until(t, "the older replica stops", d.gone)
	if code := d.cmd.ProcessState.ExitCode(); code != exitError || len(d.lines("this mlsync is too old for its journal, and stops")) == 0 {
		t.Errorf("it ended with %d:\n%s", code, d.text())
	}
	before := len(w.writes())
	w.write("data/d.yml", dataFile("d"))
	repo.push("d")
	again := w.daemon(args...)
	until(t, "it does not start", again.gone)
	if code := again.cmd.ProcessState.ExitCode(); code != exitError || !strings.Contains(again.text(), "use the newer mlsync") {
		t.Errorf("started anew, it ended with %d:\n%s", code, again.text())
	}
	if n := len(w.writes()); n != before {
		t.Error("it wrote")
	}
}

// onBoth runs a test of the daemon with its journal in a file and in PostgreSQL.
func onBoth(t *testing.T, test func(t *testing.T, database ...string)) {
	t.Parallel()
	t.Run("sqlite", func(t *testing.T) {
		t.Parallel()
		test(t)
	})
	t.Run("postgres", func(t *testing.T) {
		t.Parallel()
		test(t, "--database", server.Database(t))
	})
}

// A webhook that one replica takes stops the pass of another, which goes on with
// the new commit.
func TestWakeStopsThePassOfAnotherReplica(t *testing.T) {
	t.Parallel()
	h := newHooked(t)
	for i := range 30 {
		name := fmt.Sprintf("a%d", i)
		h.write("data/"+name+".yml", dataFile(name))
	}
	first := h.repo.push("many")
	h.fault("method=PUT,delay=400ms")
	url := server.Database(t)
	replicas := map[string]*daemon{}
	for range 2 {
		data := t.TempDir()
		replicas[data] = h.daemon("--database", url, "--data", data, "--poll", "24h")
	}
	db, err := sql.Open("pgx", url)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	var working, other *daemon
	until(t, "a replica works", func() bool {
		var holder string
		if db.QueryRowContext(t.Context(), `SELECT holder FROM targets`).Scan(&holder) != nil {
			return false
		}
		working, other = nil, nil
		for data, d := range replicas {
			if strings.HasSuffix(holder, data) {
				working = d
			} else {
				other = d
			}
		}
		return working != nil && len(other.lines("listening")) > 0 && len(working.lines("step done")) > 0
	})
	h.write("data/b.yml", dataFile("b"))
	second := h.repo.push("one more")
	h.pushed(other)
	working.await("overtaken by a newer commit", 1)
	if r := working.lines("overtaken by a newer commit")[0]; r["commit"] != first {
		t.Errorf("overtaken was %v, want %s", r["commit"], first)
	}
	h.has("data/b/versions/1")
	until(t, "a pass over the second commit", func() bool {
		for _, d := range replicas {
			for _, r := range d.lines("done") {
				if r["commit"] == second {
					return true
				}
			}
		}
		return false
	})
}
