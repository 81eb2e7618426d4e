package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"mlsync.dev/mlsync/asset"
	"mlsync.dev/mlsync/internal/config"
	"mlsync.dev/mlsync/internal/limit"
	"mlsync.dev/mlsync/notify"
	"mlsync.dev/mlsync/plan"
	"mlsync.dev/mlsync/state"
)

// A post office is an outbox in a bubble, with a channel that can be down.
type postOffice struct {
	t     *testing.T
	o     *outbox
	down  error
	got   []string // titles of what was taken
	keys  []string // of all that was tried
	wakes []time.Time
}

func office(t *testing.T, c config.Channel, window time.Duration) *postOffice {
	t.Helper()
	s, err := state.Open(t.Context(), filepath.Join(t.TempDir(), "journal.db"), state.Options{Clock: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	p := &postOffice{t: t}
	c.Name, c.MaxPerHour = "ops", max(c.MaxPerHour, 1)
	p.o = &outbox{
		store: s, cfg: &config.Notify{Window: window, Channels: []config.Channel{c}}, log: slog.New(slog.DiscardHandler),
		send: func(_ context.Context, _ *config.Channel, m notify.Message) error {
			p.keys = append(p.keys, m.Key)
			if p.down != nil {
				return p.down
			}
			p.got = append(p.got, m.Title)
			return nil
		},
		later: func(_ context.Context, _ string, at time.Time) error {
			p.wakes = append(p.wakes, at)
			return nil
		},
		count: func(string, string, int) {},
	}
	return p
}

// turn is a pass over a target that finds some things wrong.
func (p *postOffice) turn(target string, now ...notify.Condition) {
	p.t.Helper()
	pass := notify.Pass{Run: plan.Run{State: plan.Done}, Plan: &plan.Plan{Options: plan.Options{Full: true}}}
	turn := turnOf(p.o.cfg, target, pass)
	for _, c := range now {
		turn.Now = append(turn.Now, state.Condition(c))
	}
	if _, err := p.o.store.Turn(p.t.Context(), target, turn); err != nil {
		p.t.Fatal(err)
	}
}

func (p *postOffice) deliver() error {
	p.t.Helper()
	return p.o.deliver(p.t.Context(), "ops")
}

// takes delivers and fails unless these titles were taken.
func (p *postOffice) takes(titles ...string) {
	p.t.Helper()
	p.got = nil
	if err := p.deliver(); err != nil {
		p.t.Fatal(err)
	}
	if !slices.Equal(p.got, titles) {
		p.t.Errorf("got %q, want %q", p.got, titles)
	}
}

func driftOf(name string) notify.Condition {
	return notify.Condition{What: notify.Drift, Asset: asset.ID{Kind: "environment", Name: name}, Severity: notify.Warning}
}

func outage(code string) notify.Condition {
	return notify.Condition{What: notify.Failing, Code: code, Severity: notify.Error, Text: "request " + time.Now().String()}
}

// TestEdges: what is told as targets turn, and when.
func TestEdges(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := office(t, config.Channel{MaxPerHour: 100}, 30*time.Second)
		p.turn("dev", driftOf("a"))
		p.takes()
		if want := time.Now().Add(30 * time.Second); len(p.wakes) != 1 || !p.wakes[0].Equal(want) {
			t.Errorf("it is looked at again at %v, want %v", p.wakes, want)
		}
		time.Sleep(30 * time.Second) // in the bubble's time
		p.takes("Drift in dev: environment/a")
		for range 5 {
			p.turn("dev", driftOf("a"))
			time.Sleep(time.Minute) // in the bubble's time
			p.takes()
		}
		p.turn("dev")
		time.Sleep(time.Minute) // in the bubble's time
		p.takes("Drift is gone in dev: environment/a")
		// A blip within the window is nothing.
		p.turn("dev", outage("X"))
		time.Sleep(10 * time.Second) // in the bubble's time
		p.turn("dev")
		time.Sleep(time.Minute) // in the bubble's time
		p.takes()
		// Drift that was corrected is told, and its end is not.
		corrected := driftOf("a")
		corrected.Code, corrected.Severity = "corrected", notify.Info
		p.turn("dev", corrected)
		time.Sleep(time.Minute) // in the bubble's time
		p.takes("Drift was corrected in dev: environment/a")
		p.turn("dev")
		time.Sleep(time.Minute) // in the bubble's time
		p.takes()
	})
}

// An outage of all targets is one message, and its end is one.
func TestOutageIsOneMessage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := office(t, config.Channel{MaxPerHour: 100}, 30*time.Second)
		for i := range 50 {
			p.turn(fmt.Sprint("t", i), outage("ServiceUnavailable"))
			time.Sleep(100 * time.Millisecond) // in the bubble's time
		}
		time.Sleep(30 * time.Second) // in the bubble's time
		p.takes("Failing in 50 targets")
		for i := range 50 {
			p.turn(fmt.Sprint("t", i))
		}
		time.Sleep(30 * time.Second) // in the bubble's time
		p.takes("Well again in 50 targets")
	})
}

// Beyond its bound of messages a channel waits, and then what is left comes in
// one message.
func TestFloodIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := office(t, config.Channel{MaxPerHour: 3}, 0)
		for i := range 10 {
			p.turn("dev"+fmt.Sprint(i), outage(fmt.Sprint("cause", i)))
		}
		p.takes("Failing in dev0", "Failing in dev1", "8 changes in 8 targets")
		first := time.Now()
		p.turn("test", outage("one"))
		time.Sleep(time.Minute) // in the bubble's time
		p.takes()
		if want := first.Add(time.Hour); len(p.wakes) != 1 || !p.wakes[0].Equal(want) {
			t.Errorf("looked at again at %v, want %v", p.wakes, want)
		}
		time.Sleep(time.Hour) // in the bubble's time
		p.takes("Failing in test")
	})
}

// A message that was not taken is tried again under its key. What a channel
// refuses keeps nothing else, and is given up after a time and counted.
func TestDeadChannel(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := office(t, config.Channel{MaxPerHour: 100}, 0)
		p.down = &notify.SendError{Text: "no answer in time"}
		p.turn("dev", outage("A"))
		for range 3 {
			if err := p.deliver(); err == nil {
				t.Fatal("the queue does not hear that it failed")
			}
		}
		p.turn("test", outage("B"))
		_ = p.deliver()
		if len(p.keys) != 4 || p.keys[0] != p.keys[3] {
			t.Errorf("keys %q: one that is not reached is tried once each time, with the oldest", p.keys)
		}
		p.down = &notify.SendError{Text: "it answers 404", Final: true}
		if err := p.deliver(); err == nil || len(p.keys) != 6 {
			t.Errorf("%v, %d tries", err, len(p.keys))
		}
		p.down = &notify.SendError{Text: "it answers 429", Wait: time.Minute}
		if err := p.deliver(); err != nil || len(p.wakes) != 1 || !p.wakes[0].Equal(time.Now().Add(time.Minute)) {
			t.Errorf("%v, looked at again at %v", err, p.wakes)
		}
		if err := p.deliver(); err != nil || len(p.keys) != 7 {
			t.Errorf("%v, %d tries: it was asked to wait", err, len(p.keys))
		}
		time.Sleep(limit.NotifyAge) // in the bubble's time
		p.turn("prod", outage("C"))
		p.down = nil
		p.takes("Failing in dev", "Failing in test", "Failing in prod")
	})
}

// TestAttackL52ChannelsThatAreDown: however long a channel is down, what waits
// for it is bounded, and it is told how much was dropped.
func TestAttackL52ChannelsThatAreDown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := office(t, config.Channel{MaxPerHour: 1000}, 0)
		p.down = errors.New("the secret cannot be read")
		for i := range limit.NotifyLetters + 1 {
			p.turn(fmt.Sprint("t", i), outage(fmt.Sprint("c", i)))
			_ = p.deliver()
		}
		box, err := p.o.store.Outbox(t.Context(), "ops", time.Time{})
		if err != nil || len(box.Letters) != limit.NotifyLetters || len(box.Loose) != 1 {
			t.Errorf("%d letters and %d loose notices, %v", len(box.Letters), len(box.Loose), err)
		}
		time.Sleep(limit.NotifyAge) // in the bubble's time
		if err := p.deliver(); err == nil {
			t.Error("given up too early")
		}
		var many []notify.Condition
		for i := range limit.NotifyQueue {
			many = append(many, driftOf(fmt.Sprint("e", i)))
		}
		p.turn("all", many...)
		box, err = p.o.store.Outbox(t.Context(), "ops", time.Time{})
		if err != nil || len(box.Loose) != limit.NotifyQueue || box.Dropped != 1 {
			t.Errorf("%d wait, %d dropped, %v", len(box.Loose), box.Dropped, err)
		}
		time.Sleep(time.Second) // in the bubble's time
		p.down = nil
		p.takes("Drift in all: 1000 assets")
		box, err = p.o.store.Outbox(t.Context(), "ops", time.Time{})
		if err != nil || len(box.Letters)+len(box.Loose)+box.Dropped != 0 {
			t.Errorf("left: %+v %v", box, err)
		}
	})
}

// The words of the configuration are those of the messages.
func TestNotifyWords(t *testing.T) {
	if !slices.Equal(config.NotifyEvents(), notify.Whats()) || !slices.Equal(config.NotifySeverities(), notify.Severities()) {
		t.Error("config and notify have different words")
	}
}
