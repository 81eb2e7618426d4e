package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"time"
)

// bench is one run of all scenarios.
type bench struct {
	options
	ctx      context.Context //nolint:containedctx // one run, and every step of it
	dir      string
	progress io.Writer
	rows     []Row
	// base is the cold plan of the small tree, for the comparison with the
	// large one.
	base sample
}

// sample is one measured run.
type sample struct {
	usage
	traffic
}

const mega = 1e6

func (b *bench) say(format string, args ...any) {
	fmt.Fprintf(b.progress, format+"\n", args...)
}

// note adds a number without a promise.
func (b *bench) note(scenario, what string, value float64, unit string) {
	b.rows = append(b.rows, Row{Scenario: scenario, What: what, Value: value, Unit: unit})
}

// hold adds a number and the most that is promised of it.
func (b *bench) hold(scenario, what string, value float64, unit string, target float64) {
	r := Row{Scenario: scenario, What: what, Value: value, Unit: unit, Target: &target}
	if target > 0 {
		ratio := value / target
		r.Ratio = &ratio
	}
	b.rows = append(b.rows, r)
}

// count adds a number that does not depend on the machine.
func (b *bench) count(scenario, what string, value, target float64) {
	b.hold(scenario, what, value, "", target)
	b.rows[len(b.rows)-1].Count = true
}

// start measures what needs no workspace.
func (b *bench) start() error {
	info, err := os.Stat(b.Binary)
	if err != nil {
		return fmt.Errorf("%w (make build makes it)", err)
	}
	best, err := b.best(3*b.Repeat, func() (sample, error) {
		u, err := b.call([]int{0}, "version")
		return sample{usage: u}, err
	})
	if err != nil {
		return err
	}
	b.hold("version", "wall", best.Wall.Seconds(), "s", 0.020)
	b.note("version", "peak memory", float64(best.Peak)/mega, "MB")
	b.hold("binary", "size", float64(info.Size())/mega, "MB", 40)
	return nil
}

// best repeats what can be repeated and takes the quickest: others use the
// machine as well. Memory is the most that was seen, requests must not vary.
func (b *bench) best(times int, once func() (sample, error)) (sample, error) {
	best, err := once()
	for n := 1; err == nil && n < times; n++ {
		var s sample
		if s, err = once(); err != nil {
			break
		}
		if s.requests() != best.requests() {
			return best, fmt.Errorf("%d requests, and %d when repeated", best.requests(), s.requests())
		}
		peak, cpu := max(s.Peak, best.Peak), min(s.CPU, best.CPU)
		if s.Wall < best.Wall {
			best = s
		}
		best.Peak, best.CPU = peak, cpu
	}
	return best, err
}

// on runs a command against the emulator and takes its traffic.
func (b *bench) on(e *emulator, tree, state string, want []int, args ...string) (sample, error) {
	args = append(args, "--dir", tree, "--state", state, "--endpoint", e.url)
	u, err := b.call(want, args...)
	if err != nil {
		return sample{usage: u}, err
	}
	t, err := e.traffic(b.ctx)
	return sample{u, t}, err
}

// fresh is a journal that does not exist yet.
func (b *bench) fresh() string {
	f, err := os.CreateTemp(b.dir, "journal-*.db")
	if err != nil {
		return filepath.Join(b.dir, "journal.db") // the command will say what is wrong
	}
	_ = f.Close()
	_ = os.Remove(f.Name())
	return f.Name()
}

// small measures a repository of usual size, at each delay.
func (b *bench) small() error {
	tree, changed := filepath.Join(b.dir, "small"), filepath.Join(b.dir, "changed")
	if err := writeTree(tree, b.Small, false); err != nil {
		return err
	}
	if err := writeTree(changed, b.Small, true); err != nil {
		return err
	}
	for _, delay := range b.Delays {
		rounds := 1
		if delay == 0 { // elsewhere it is the server that takes the time
			rounds = b.Repeat
		}
		before := b.rows
		var best []Row
		for n := range rounds {
			b.rows = nil
			if err := b.smallAt(tree, changed, delay); err != nil {
				return fmt.Errorf("%d assets at %s: %w", b.Small, delay, err)
			}
			if n == 0 {
				best = b.rows
				continue
			}
			fold(best, b.rows)
		}
		b.rows = append(before, best...)
	}
	return nil
}

// fold takes what was measured again into rows: the shortest of times, as
// others use the machine as well, and the most of everything else.
func fold(rows, again []Row) {
	for i, r := range again {
		was := &rows[i]
		if r.Unit == "s" && r.Value < was.Value || r.Unit != "s" && r.Value > was.Value {
			*was = r
		}
	}
}

// promises are what the times of a small tree are held to.
type promises struct{ plan, write float64 }

func promisesAt(delay time.Duration) promises {
	if delay == 0 {
		return promises{0.15, 1}
	}
	return promises{2.5, 10}
}

func (b *bench) smallAt(tree, changed string, delay time.Duration) error {
	b.say("%d assets, server delay %s", b.Small, delay)
	e, err := b.startEmulator(delay)
	if err != nil {
		return err
	}
	defer e.stop()
	n, held := float64(b.Small), promisesAt(delay)
	name := func(what string) string { return fmt.Sprintf("%s %d, %d ms", what, b.Small, delay.Milliseconds()) }
	state := b.fresh()

	if delay == 0 {
		cold, err := b.best(b.Repeat, func() (sample, error) { return b.on(e, tree, b.fresh(), []int{0}, "plan") })
		if err != nil {
			return err
		}
		if b.base.CPU == 0 || cold.CPU < b.base.CPU {
			b.base = cold
		}
		b.report(name("first plan"), cold, n)
	}
	create, err := b.on(e, tree, state, []int{0}, "apply")
	if err != nil {
		return err
	}
	b.hold(name("create"), "wall", create.Wall.Seconds(), "s", held.write)
	b.count(name("create"), "writes", float64(create.Writes), n+float64(endpoints(b.Small)))
	b.report(name("create"), create, n)

	if err := b.unchanged(name("plan without change"), e, tree, state, held.plan); err != nil {
		return err
	}
	again, err := b.on(e, tree, state, []int{0}, "apply")
	if err != nil {
		return err
	}
	b.count(name("second apply"), "writes", float64(again.Writes), 0)
	lost, err := b.on(e, tree, b.fresh(), []int{0}, "plan", "--exit-code")
	if err != nil {
		return err
	}
	b.count(name("plan without journal"), "writes", float64(lost.Writes), 0)
	b.report(name("plan without journal"), lost, n)

	update, err := b.on(e, changed, state, []int{0}, "apply")
	if err != nil {
		return err
	}
	b.hold(name("update"), "wall", update.Wall.Seconds(), "s", held.write)
	b.count(name("update"), "writes", float64(update.Writes), n)
	b.report(name("update"), update, n)
	after, err := b.on(e, changed, state, []int{0}, "plan", "--exit-code")
	if err != nil {
		return err
	}
	b.count(name("plan after update"), "writes", float64(after.Writes), 0)
	return nil
}

// unchanged measures the plan of a workspace that is as git says.
func (b *bench) unchanged(name string, e *emulator, tree, state string, seconds float64) error {
	plan, err := b.best(b.Repeat, func() (sample, error) { return b.on(e, tree, state, []int{0}, "plan", "--exit-code") })
	if err != nil {
		return err
	}
	b.hold(name, "wall", plan.Wall.Seconds(), "s", seconds)
	b.hold(name, "peak memory", float64(plan.Peak)/mega, "MB", 60)
	b.count(name, "requests", float64(plan.requests()), 60)
	b.count(name, "writes", float64(plan.Writes), 0)
	b.report(name, plan, float64(b.Small))
	return nil
}

// report adds what is interesting of a run besides what it is held to.
func (b *bench) report(name string, s sample, assets float64) {
	held := map[string]bool{}
	for _, r := range b.rows {
		if r.Scenario == name {
			held[r.What] = true
		}
	}
	for _, row := range []Row{
		{What: "wall", Value: s.Wall.Seconds(), Unit: "s"},
		{What: "CPU", Value: s.CPU.Seconds(), Unit: "s"},
		{What: "peak memory", Value: float64(s.Peak) / mega, Unit: "MB"},
		{What: "requests", Value: float64(s.requests())},
		{What: "requests/asset", Value: float64(s.requests()) / assets},
		{What: "sent", Value: float64(s.Sent) / 1e3, Unit: "kB"},
		{What: "received", Value: float64(s.Got) / 1e3, Unit: "kB"},
	} {
		if !held[row.What] {
			b.note(name, row.What, row.Value, row.Unit)
		}
	}
}

// large measures a tree of many teams, and whether cost grows with size only.
func (b *bench) large() error {
	b.say("%d assets", b.Large)
	tree := filepath.Join(b.dir, "large")
	if err := writeTree(tree, b.Large, false); err != nil {
		return err
	}
	e, err := b.startEmulator(0)
	if err != nil {
		return err
	}
	defer e.stop()
	name, n := fmt.Sprintf("first plan %d", b.Large), float64(b.Large)
	cold, err := b.best(b.Repeat, func() (sample, error) { return b.on(e, tree, b.fresh(), []int{0}, "plan") })
	if err != nil {
		return err
	}
	b.hold(name, "wall", cold.Wall.Seconds(), "s", 3)
	b.hold(name, "peak memory", float64(cold.Peak)/mega, "MB", 250)
	b.report(name, cold, n)
	grown := n / float64(b.Small)
	b.hold(name, "CPU growth over size", cold.CPU.Seconds()/b.base.CPU.Seconds()/grown, "", 1.2)
	b.hold(name, "memory growth over size", float64(cold.Peak)/float64(b.base.Peak)/grown, "", 1.2)
	if !b.Populated {
		return nil
	}
	return b.populated(e, tree, n)
}

// populated measures plans of a large workspace that is as git says.
func (b *bench) populated(e *emulator, tree string, n float64) error {
	state := b.fresh()
	create, err := b.on(e, tree, state, []int{0}, "apply")
	if err != nil {
		return err
	}
	name := fmt.Sprintf("create %d", b.Large)
	b.count(name, "writes", float64(create.Writes), n+float64(endpoints(b.Large)))
	b.report(name, create, n)
	warm, err := b.best(b.Repeat, func() (sample, error) { return b.on(e, tree, state, []int{0}, "plan", "--exit-code") })
	if err != nil {
		return err
	}
	b.report(fmt.Sprintf("plan without change %d", b.Large), warm, n)
	lost, err := b.best(b.Repeat, func() (sample, error) { return b.on(e, tree, b.fresh(), []int{0}, "plan", "--exit-code") })
	if err != nil {
		return err
	}
	name = fmt.Sprintf("plan without journal %d", b.Large)
	b.hold(name, "wall", lost.Wall.Seconds(), "s", 3)
	b.hold(name, "peak memory", float64(lost.Peak)/mega, "MB", 250)
	b.report(name, lost, n)
	return nil
}

// code measures a large code folder that did not change.
func (b *bench) code() error {
	size := strconv.FormatInt(b.CodeBytes>>20, 10)
	b.say("%s MB of code", size)
	tree := filepath.Join(b.dir, "code")
	if err := writeCode(tree, b.CodeBytes); err != nil {
		return err
	}
	e, err := b.startEmulator(0)
	if err != nil {
		return err
	}
	defer e.stop()
	state := b.fresh()
	first, err := b.on(e, tree, state, []int{0}, "apply")
	if err != nil {
		return err
	}
	name := "upload " + size + " MB of code"
	b.report(name, first, 4)
	if first.Uploaded < b.CodeBytes {
		return fmt.Errorf("%s: %d bytes went up", name, first.Uploaded)
	}
	for _, c := range []struct{ name, state string }{
		{"unchanged " + size + " MB of code", state},
		{"the same without journal", b.fresh()},
	} {
		s, err := b.on(e, tree, c.state, []int{0}, "apply")
		if err != nil {
			return err
		}
		b.count(c.name, "bytes up", float64(s.Uploaded), 0)
		b.count(c.name, "requests for code", float64(s.Code+s.Blobs), 2)
		b.report(c.name, s, 4)
	}
	return nil
}
