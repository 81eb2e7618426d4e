package reconcile_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"mlsync.dev/mlsync/asset"
	"mlsync.dev/mlsync/emulator"
	"mlsync.dev/mlsync/plan"
	"mlsync.dev/mlsync/reconcile"
)

// overtake is a pass that is overtaken when the returned function is called.
func (w *world) overtake() (*reconcile.Pass, func()) {
	newer := make(chan struct{})
	p := w.pass()
	p.Newer = newer
	return p, sync.OnceFunc(func() { close(newer) })
}

// count is how often a request that writes was sent.
func (w *world) count(request string) int {
	n := 0
	for _, line := range w.writes() {
		if line == request {
			n++
		}
	}
	return n
}

// A newer commit ends the wait for an operation, which stays in the journal.
// The next pass does all that does not need it at once, and the rest when it
// has ended; nothing is sent twice.
func TestNewestCommitWinsOverAWait(t *testing.T) {
	w := newWorld(t, emulator.Options{LRO: time.Hour})
	w.files = map[string]string{"ep.yml": endpoint("taxi"), "m.yml": model("m", "1"), "e.yml": env("e", "1", "x"), "o/blue.yml": deployment("blue", "taxi", "azureml:m:1", "azureml:e:1"), "src/train.py": "x"}
	p, newer := w.overtake()
	w.clock.asleep = func(ctx context.Context) error {
		newer()
		<-ctx.Done()
		return ctx.Err()
	}
	run, err := p.Apply(t.Context(), w.prepare(plan.Options{}), "push")
	if !errors.Is(err, reconcile.ErrOvertaken) || outcome(run, "online-endpoint/taxi").State != plan.Pending {
		t.Fatalf("the run: %+v, %v", run, err)
	}
	open, err := w.journal.Unfinished(t.Context())
	w.must(err)
	if len(open) != 1 || len(open[0].Operation) == 0 {
		t.Fatalf("open intents: %+v", open)
	}

	w.clock.asleep = nil
	w.files["f.yml"] = env("f", "1", "x")
	prep := w.prepare(plan.Options{})
	if s := w.step(prep, "online-endpoint/taxi"); s.Action != plan.Blocked || s.Code != plan.Busy {
		t.Errorf("the busy endpoint: %s %s", s.Action, s.Code)
	}
	if s := w.step(prep, "online-deployment/taxi/blue"); s.Action != plan.Blocked || s.Code != plan.WaitsFor {
		t.Errorf("its deployment: %s %s", s.Action, s.Code)
	}
	run, err = w.pass().Apply(t.Context(), prep, "push")
	w.must(err)
	if o := outcome(run, "environment/f:1"); o.State != plan.Done {
		t.Errorf("the new environment waits for the endpoint: %+v", o)
	}
	if open, err = w.journal.Unfinished(t.Context()); err != nil || len(open) != 1 {
		t.Errorf("the operation is lost: %+v %v", open, err)
	}

	n, err := w.pass().Recover(t.Context())
	w.must(err)
	w.apply(plan.Options{})
	w.settled(plan.Options{Full: true})
	if puts := w.count("PUT workspaces/ws/onlineEndpoints/taxi"); puts != 1 || n != 1 {
		t.Errorf("the endpoint was written %d times, %d recovered", puts, n)
	}
	if open, err = w.journal.Unfinished(t.Context()); err != nil || len(open) != 0 {
		t.Errorf("still open: %+v %v", open, err)
	}
}

// A write that is under way is finished, and none is begun after it.
func TestNewestCommitBeginsNothingOfTheOld(t *testing.T) {
	w := newWorld(t, emulator.Options{})
	w.files = map[string]string{"e.yml": env("e", "1", "x"), "j.yml": job("azureml:e:1")}
	p, newer := w.overtake()
	w.emit = func(e reconcile.Event) {
		if e.Kind == reconcile.StepStarted {
			newer()
		}
	}
	run, err := p.Apply(t.Context(), w.prepare(plan.Options{}), "push")
	if !errors.Is(err, reconcile.ErrOvertaken) {
		t.Errorf("error %v", err)
	}
	if got := w.writes(); len(got) != 1 || outcome(run, "environment/e:1").State != plan.Done {
		t.Errorf("written: %v; %+v", got, run.Outcomes)
	}
	if open, err := w.journal.Unfinished(t.Context()); err != nil || len(open) != 0 {
		t.Errorf("open: %v %v", open, err)
	}
	before := len(w.writes())
	if _, err := p.Apply(t.Context(), w.prepare(plan.Options{}), "push"); !errors.Is(err, reconcile.ErrOvertaken) || len(w.writes()) != before {
		t.Errorf("overtaken before it began: %v, %v", err, w.writes()[before:])
	}
	w.emit = nil
	w.apply(plan.Options{})
	w.settled(plan.Options{})
}

// However fast commits come, something is done: a pass that is to finish begins
// what takes no operation, and waits for none.
func TestNewestCommitDoesNotStarve(t *testing.T) {
	w := newWorld(t, emulator.Options{LRO: time.Hour})
	w.files = map[string]string{"ep.yml": endpoint("taxi"), "m.yml": model("m", "1"), "e.yml": env("e", "1", "x"), "j.yml": job("azureml:e:1"), "o/blue.yml": deployment("blue", "taxi", "azureml:m:1", "azureml:e:1"), "src/train.py": "x"}
	p, newer := w.overtake()
	newer()
	p.Finish = true
	run, err := p.Apply(t.Context(), w.prepare(plan.Options{}), "push")
	if !errors.Is(err, reconcile.ErrOvertaken) {
		t.Errorf("error %v", err)
	}
	ends := map[plan.State]int{}
	for _, o := range run.Outcomes {
		ends[o.State]++
	}
	if ends[plan.Done] < 3 || outcome(run, "online-endpoint/taxi").State != plan.Pending || outcome(run, "online-deployment/taxi/blue").State != plan.Skipped || ends[plan.Failed] > 0 {
		t.Errorf("outcomes: %+v", run.Outcomes)
	}
	_, err = w.pass().Recover(t.Context())
	w.must(err)
	w.apply(plan.Options{})
	w.settled(plan.Options{Full: true})
	if n := w.count("PUT workspaces/ws/onlineEndpoints/taxi"); n != 1 {
		t.Errorf("the endpoint was written %d times", n)
	}
}

// A newer commit that comes when all is done takes nothing back.
func TestNewestCommitAfterTheEnd(t *testing.T) {
	w := newWorld(t, emulator.Options{})
	w.files = map[string]string{"e.yml": env("e", "1", "x")}
	p, newer := w.overtake()
	w.emit = func(e reconcile.Event) {
		if e.Kind == reconcile.StepDone {
			newer()
		}
	}
	run, err := p.Apply(t.Context(), w.prepare(plan.Options{}), "push")
	if err != nil || run.State != plan.Done {
		t.Errorf("the run is %s: %v", run.State, err)
	}
}

// The wait for operations of a dead process ends for a newer commit, too.
func TestNewestCommitWinsOverRecover(t *testing.T) {
	w := newWorld(t, emulator.Options{LRO: time.Hour})
	w.files = map[string]string{"ep.yml": endpoint("taxi")}
	ctx, cancel := context.WithCancel(t.Context())
	wait := func(ctx context.Context) error {
		cancel()
		<-ctx.Done()
		return ctx.Err()
	}
	w.clock.asleep = wait
	if _, err := w.pass().Apply(ctx, w.prepare(plan.Options{}), "push"); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	p, newer := w.overtake()
	cancel = newer
	if _, err := p.Recover(t.Context()); !errors.Is(err, reconcile.ErrOvertaken) {
		t.Errorf("recover: %v", err)
	}
}

// A run died between sending a request and reading its answer: the compute is
// being made, shows no tags and half a body. It is left alone until it is
// settled, and is then known as made by us.
func TestHalfMadeAssetIsNotTakenForSomebodyElses(t *testing.T) {
	w := newWorld(t, emulator.Options{})
	w.files = map[string]string{"c.yml": cluster}
	w.apply(plan.Options{})
	body := w.live("computes/cpu")

	w = newWorld(t, emulator.Options{LRO: time.Hour})
	w.files = map[string]string{"c.yml": cluster, "e.yml": env("e", "1", "x")}
	run, err := w.journal.Begin(t.Context(), plan.Run{Trigger: "push"})
	w.must(err)
	_, err = w.journal.Intend(t.Context(), run.Generation, plan.Key{ID: asset.ID{Kind: "compute", Name: "cpu"}}, plan.Create, "d")
	w.must(err)
	w.put("computes/cpu", body)

	prep := w.prepare(plan.Options{})
	if s := w.step(prep, "compute/cpu"); s.Action != plan.Blocked || s.Code != plan.Busy {
		t.Errorf("half made: %s %s (%s)", s.Action, s.Code, s.Why)
	}
	if s := w.step(prep, "environment/e:1"); s.Action != plan.Create {
		t.Errorf("the other asset: %s", s.Action)
	}
	_, err = w.pass().Recover(t.Context())
	w.must(err)
	w.apply(plan.Options{})
	w.settled(plan.Options{Full: true})
	owned, err := w.journal.Owned(t.Context())
	w.must(err)
	if o := owned[asset.ID{Kind: "compute", Name: "cpu"}]; o.Origin != plan.Created {
		t.Errorf("the journal says that it was %s", o.Origin)
	}
	if n := w.count("PUT workspaces/ws/computes/cpu"); n != 1 {
		t.Errorf("written %d times", n)
	}
}
