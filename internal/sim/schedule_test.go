package sim_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
)

// A schedule is all that decides a simulation. It can be stored, shortened and
// run again.
type schedule struct {
	Seed     uint64
	Replicas int
	Parallel int  // writes in flight
	Page     int  // items a page of a list
	LRO      int  // seconds that an operation takes
	Prune    bool // whether what git no longer has is removed
	// Way is how traffic moves; nil is at once.
	Way    *way `json:",omitempty"`
	Events []event
	// Trace is the hash of the trace and Broken what it broke, of a schedule
	// that was stored because it failed.
	Trace, Broken string `json:",omitempty"`
}

// String is one event a line.
func (s schedule) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d replicas, %d writes at a time, pages of %d, operations of %d s, prune %v\n", s.Replicas, s.Parallel, s.Page, s.LRO, s.Prune)
	for _, e := range s.Events {
		fmt.Fprintf(&b, "  %s %s %s replica %d, n %d, then %d steps\n", e.Do, e.Arg, e.On, e.Replica, e.N, e.Steps)
	}
	return b.String()
}

// An event is one thing that happens from outside, and how far the processes
// get until the next one.
type event struct {
	Do string
	// Arg says what of it, On what it strikes.
	Arg, On string `json:",omitempty"`
	// Replica is who, N how often or how many seconds.
	Replica, N int `json:",omitempty"`
	// Seed decides what the event leaves open, and who goes on after it.
	Seed uint64
	// Steps is how many ops are carried out before the next event.
	Steps int
}

// Steps that are enough for everything under way to end.
const all = 1 << 20

// generate makes the schedule of a seed.
func generate(seed uint64) schedule {
	rng := rand.New(rand.NewPCG(seed, 1))
	s := schedule{
		Seed: seed, Replicas: 1 + rng.IntN(3), Parallel: 1 + rng.IntN(4), Page: []int{2, 3, 100}[rng.IntN(3)],
		LRO: []int{0, 4, 25}[rng.IntN(3)], Prune: rng.IntN(8) > 0,
	}
	s.Events = append(s.Events, event{Do: "commit", Arg: "add", Seed: rng.Uint64()}, event{Do: "commit", Arg: "add", Seed: rng.Uint64()}, event{Do: "pass", Arg: "sync", Seed: rng.Uint64(), Steps: steps(rng)})
	for range 8 + rng.IntN(18) {
		s.Events = append(s.Events, happens(rng, s.Replicas)...)
	}
	s.roll()
	return s
}

func steps(rng *rand.Rand) int { return []int{0, 5, 15, 40, all, all}[rng.IntN(6)] }

// happens is one thing that happens, with what follows from it.
func happens(rng *rand.Rand, replicas int) []event {
	e := event{Seed: rng.Uint64(), Replica: rng.IntN(replicas), Steps: steps(rng)}
	pass := event{Do: "pass", Arg: "sync", Seed: rng.Uint64(), Replica: rng.IntN(replicas), Steps: steps(rng)}
	switch n := rng.IntN(100); {
	case n < 34:
		e.Do, e.Steps = "commit", 0
		e.Arg = pickOf(rng, "add", "add", "add", "change", "change", "change", "change", "remove", "remove", "move", "rename", "traffic", "traffic", "revert", "force", "break", "hide", "mend", "mend", "empty")
		return []event{e, pass}
	case n < 48:
		pass.Arg = pickOf(rng, "sync", "resync", "drift")
		return []event{pass}
	case n < 62:
		e.Do, e.N, e.Steps = "fault", 1+rng.IntN(4), 0
		e.Arg = serviceMenu[rng.IntN(len(serviceMenu))].name
		e.On = pickOf(rng, "", "", "", "PUT ", "DELETE ", "GET ", "/onlineEndpoints", "/deployments", "/models", "/data", "/environments", "/computes", "/jobs")
		return []event{e, pass}
	case n < 66:
		e.Do, e.N, e.Steps = "storage", 1+rng.IntN(2), 0
		e.Arg, e.On = pickOf(rng, storageMenu...), pickOf(rng, "", "intend", "finish", "operation", "begin", "end", "own")
		return []event{e, pass}
	case n < 69:
		e.Do, e.Arg, e.N = "git", pickOf(rng, gitMenu...), 1+rng.IntN(3)
		return []event{e, pass}
	case n < 78:
		e.Do, e.N, e.Arg = "crash", rng.IntN(60), pickOf(rng, "before", "after")
		e.Steps = 0
		pass.Replica = e.Replica
		return []event{e, pass, {Do: "pass", Arg: "sync", Seed: rng.Uint64(), Replica: rng.IntN(replicas), Steps: steps(rng)}}
	case n < 88:
		e.Do, e.Arg = "edit", pickOf(rng, edits...)
		return []event{e}
	case n < 92:
		// A process sleeps in the middle of its pass, longer than its lock lives
		// perhaps, while another one goes to work.
		e.Do, e.N, e.Steps = "pause", pickInt(rng, 5, 40, 70, 200), 0
		begun := event{Do: "pass", Arg: "sync", Seed: rng.Uint64(), Replica: e.Replica, Steps: 10 + rng.IntN(50)}
		wait := event{Do: "wait", N: pickInt(rng, 1, 35), Seed: rng.Uint64()}
		pass.Replica = (e.Replica + 1) % replicas
		return []event{begun, e, wait, pass}
	case n < 95:
		e.Do, e.N = "wait", pickInt(rng, 1, 10, 61, 900)
		return []event{{Do: "mend"}, e}
	case n < 97:
		e.Do = "approve"
		return []event{e, pass}
	case n < 98:
		e.Do, e.Arg = "hold", pickOf(rng, "hold", "release")
		return []event{e, pass}
	case n < 99:
		e.Do, e.Arg = "vault", pickOf(rng, "shut", "open")
		return []event{e, pass}
	default:
		e.Do, e.Arg = "journal", pickOf(rng, "lost", "backup", "rollback", "damaged")
		return []event{e, pass}
	}
}

func pickOf(rng *rand.Rand, of ...string) string { return of[rng.IntN(len(of))] }

func pickInt(rng *rand.Rand, of ...int) int { return of[rng.IntN(len(of))] }

// write stores a schedule, one event a line.
func (s schedule) write(name string) error {
	head := s
	head.Events = nil
	data, err := json.Marshal(head)
	if err != nil {
		return err
	}
	var lines []string
	for _, e := range s.Events {
		line, err := json.Marshal(e)
		if err != nil {
			return err
		}
		lines = append(lines, string(line))
	}
	text := strings.Replace(string(data), `"Events":null`, "\"Events\":[\n"+strings.Join(lines, ",\n")+"\n]", 1) + "\n"
	return errors.Join(os.MkdirAll(filepath.Dir(name), 0o755), os.WriteFile(name, []byte(text), 0o644))
}

// readSchedule reads what write wrote.
func readSchedule(name string) (schedule, error) {
	var s schedule
	data, err := os.ReadFile(name)
	if err != nil {
		return s, err
	}
	return s, json.Unmarshal(data, &s)
}
