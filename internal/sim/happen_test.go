package sim_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"time"

	"mlsync.dev/mlsync/plan"
	"mlsync.dev/mlsync/state"
)

// do lets an event happen.
func (w *world) do(e event) {
	switch e.Do {
	case "commit":
		w.note(&record{kind: published, commit: w.repo.change(w.sched.rng, e.Arg, e.On)})
		if e.Seed%2 == 0 { // otherwise a pass is over before anybody asks the repository
			for _, p := range w.procs {
				p.hears()
			}
		}
	case "pass":
		w.pass(e.Replica, e.Arg)
	case "fault":
		w.faults = append(w.faults, &fault{Name: e.Arg, Where: service, On: e.On, Times: e.N})
	case "storage":
		w.faults = append(w.faults, &fault{Name: e.Arg, Where: storage, On: e.On, Times: e.N})
	case "git":
		w.repo.fault, w.repo.times = e.Arg, e.N
	case "crash":
		w.crashes[e.Replica] = &crash{in: e.N, late: e.Arg == "after"}
	case "mend": // of lists
		clear(w.loops)
	case "edit":
		w.edit(w.sched.rng, e.Arg)
	case "pause":
		w.live(e.Replica).stopped = time.Now().Add(time.Duration(e.N) * time.Second)
	case "wait":
		w.sleep(time.Duration(e.N) * time.Second)
	case "approve":
		w.approves()
	case "hold":
		w.hold(e.Arg == "hold")
	case "vault":
		w.lockedVault = e.Arg == "shut"
	case "journal":
		w.swap(e.Arg)
	case "checks":
		w.checks = e.Arg
	case "retry":
		w.retries()
	}
}

// somebody is a process with an open journal; nil if there is none.
func (w *world) somebody() *process {
	for n := range w.s.Replicas {
		if p := w.procs[n]; p != nil && !p.dead && p.target != nil {
			return p
		}
	}
	return nil
}

// approves lets the user approve what the last plan asked for.
func (w *world) approves() {
	if p := w.somebody(); p != nil {
		if err := w.approve(p); err != nil {
			panic(err) // storage does not fail here
		}
	}
}

// hold puts the target on hold, or ends that.
func (w *world) hold(on bool) {
	p := w.somebody()
	if p == nil {
		return
	}
	err, word := p.target.Release(context.Background(), "user"), "release"
	if on {
		err, word = p.target.Hold(context.Background(), "user", "by hand"), "hold"
	}
	if err != nil {
		panic(err)
	}
	w.note(&record{kind: heldUp, text: word})
}

// backup is a copy of the journal with what followed from it.
type backup struct {
	files map[string][]byte
	facts facts
}

// swap exchanges the journal while nobody runs.
func (w *world) swap(how string) {
	for n := range w.s.Replicas {
		w.kill(n)
	}
	w.bury(func(format string, args ...any) { panic(fmt.Sprintf(format, args...)) })
	if _, err := os.Stat(w.db); err != nil {
		return
	}
	switch how {
	case "backup":
		w.backup = &backup{map[string][]byte{}, facts{
			gen: w.facts.gen, held: w.facts.held, owned: maps.Clone(w.facts.owned), missing: maps.Clone(w.facts.missing), intents: maps.Clone(w.facts.intents),
		}}
		for _, suffix := range []string{"", "-wal", "-shm"} {
			if data, err := os.ReadFile(w.db + suffix); err == nil {
				w.backup.files[suffix] = data
			}
		}
		return
	case "rollback":
		if w.backup == nil {
			return
		}
		w.remove()
		for suffix, data := range w.backup.files {
			if err := os.WriteFile(w.db+suffix, data, 0o600); err != nil {
				panic(err)
			}
		}
		if w.asided() { // the user is told, and begins a new journal
			break
		}
		w.note(&record{kind: swapped, text: how})
		b := w.backup.facts
		w.facts.gen, w.facts.held, w.facts.owned, w.facts.missing, w.facts.intents = b.gen, b.held, maps.Clone(b.owned), maps.Clone(b.missing), maps.Clone(b.intents)
		return
	case "damaged":
		w.damage()
	case "lost":
		w.remove()
	}
	w.facts.held = false
	w.note(&record{kind: swapped, text: how})
}

// remove takes the files of the journal away.
func (w *world) remove() {
	for _, suffix := range []string{"", "-wal", "-shm"} {
		if err := os.Remove(w.db + suffix); err != nil && !errors.Is(err, fs.ErrNotExist) {
			panic(err)
		}
	}
}

// damage makes the journal unreadable. The program must say so; the user then
// sets it aside.
func (w *world) damage() {
	data, err := os.ReadFile(w.db)
	if err != nil {
		panic(err)
	}
	for i := range data {
		data[i] ^= 0x5a
	}
	w.remove()
	if err := os.WriteFile(w.db, data, 0o600); err != nil {
		panic(err)
	}
	if !w.asided() {
		w.broke("I9 status is honest: a damaged journal is opened")
	}
}

// asided reports whether the journal is found to be damaged or rolled back;
// then it is set aside.
func (w *world) asided() bool {
	store, err := state.Open(context.Background(), w.db, state.Options{})
	if err == nil {
		err = store.Close()
	}
	if !errors.Is(err, state.ErrDamaged) {
		return false
	}
	w.sleep(time.Second) // what was set aside bears the time
	if _, err := state.SetAside(w.db, time.Now()); err != nil {
		panic(err)
	}
	return true
}

// rounds is in how many passes the newest commit must be reached once nothing
// fails any more.
const rounds = 12

// settle ends all faults and lets everything come to rest: the newest commit
// must be reached, and after that nothing be done.
func (w *world) settle() {
	clear(w.loops)
	w.faults, w.crashes, w.repo.times, w.lockedVault, w.checks = nil, map[int]*crash{}, 0, false, ""
	w.advance(all)
	if h := w.repo.head(); h == nil || !h.complete() {
		w.do(event{Do: "commit", Arg: "mend"})
	}
	for _, p := range w.procs {
		p.stopped = time.Time{}
	}
	w.sleep(2 * lockTTL)
	w.kill(0)
	if w.facts.held {
		w.pass(0, "sync") // it opens the journal
		w.advance(all)
		w.hold(false)
	}
	w.facts.calm = true
	w.pass(0, "sync")
	w.advance(all)
	w.retries()
	quiet := 0
	sleep, most := w.rest()
	for n := 0; n < most && quiet < 2 && w.violation == ""; n++ {
		before := w.writes()
		w.pass(0, "resync")
		w.advance(all)
		if quiet++; w.writes() > before || len(w.asked.needs) > 0 || w.rolling {
			quiet = 0
		}
		w.approves()
		w.sleep(sleep)
	}
	if w.violation != "" {
		return
	}
	end := &record{kind: settledRec}
	if quiet < 2 {
		end.err = fmt.Errorf("still at work after %d passes", most)
	}
	w.note(end)
	w.facts.silent = true
	for _, task := range []string{"sync", "resync"} {
		w.pass(0, task)
		w.advance(all)
	}
	w.facts.silent = false
}

// writes is how many requests that write there were.
func (w *world) writes() int { return w.facts.writes }

// explain is what the last plan would still do, for a failure.
func explain(p *plan.Plan, run plan.Run) string {
	out := "the last plan:"
	for _, s := range p.Steps {
		if s.Action != plan.NoOp || s.Code != "" {
			out += fmt.Sprintf("\n  %s %s %s %s %s", s.Action, s.Key, s.Code, s.Why, s.Blocked)
		}
	}
	for _, b := range p.Problems {
		out += "\n  " + b.Text
	}
	for _, o := range run.Outcomes {
		if o.State != plan.Done {
			out += fmt.Sprintf("\n  %s %s: %s", o.Key, o.State, o.Err)
		}
	}
	return out
}
