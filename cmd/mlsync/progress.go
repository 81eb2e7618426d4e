package main

import (
	"encoding/json"
	"fmt"
	"sync"
	"time"

	"mlsync.dev/mlsync/reconcile"
)

// progress shows how a run goes on: one changing line on a terminal, a line a
// step elsewhere, JSON lines with --json.
type progress struct {
	app *app

	mu      sync.Mutex
	last    time.Time
	shown   bool
	working map[string]string
}

func (a *app) newProgress() *progress { return &progress{app: a, working: map[string]string{}} }

// often is the shortest time between two changes of the line.
const often = 100 * time.Millisecond

func (p *progress) event(e reconcile.Event) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case p.app.flags.json:
		p.json(e)
	case p.app.flags.quiet:
	case p.app.streams.errTTY:
		p.line(e)
	default:
		p.plain(e)
	}
}

// done removes the changing line.
func (p *progress) done() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.shown {
		fmt.Fprint(p.app.streams.err, "\r\x1b[K")
		p.shown = false
	}
}

func (p *progress) plain(e reconcile.Event) {
	key := e.Step.Key.String()
	switch e.Kind {
	case reconcile.StepDone:
		fmt.Fprintf(p.app.streams.err, "done    %s %s (%s)\n", e.Step.Action, key, e.Outcome.Took.Round(time.Millisecond))
	case reconcile.StepFailed:
		fmt.Fprintf(p.app.streams.err, "failed  %s %s: %s\n", e.Step.Action, key, printable(e.Outcome.Err))
	case reconcile.StepProgress:
		fmt.Fprintf(p.app.streams.err, "        %s: %s\n", key, printable(e.Text))
	default:
	}
}

// line redraws the one line of a terminal.
func (p *progress) line(e reconcile.Event) {
	key := e.Step.Key.String()
	switch e.Kind {
	case reconcile.StepStarted:
		p.working[key] = ""
	case reconcile.StepProgress:
		p.working[key] = printable(e.Text)
	case reconcile.StepUpload:
		p.working[key] = fmt.Sprintf("%s of %s up", bytesText(e.Done), bytesText(e.Total))
	case reconcile.StepCopy:
		p.working[key] = fmt.Sprintf("%s of %s copied", bytesText(e.Done), bytesText(e.Total))
	case reconcile.StepDone, reconcile.StepFailed:
		delete(p.working, key)
		fmt.Fprint(p.app.streams.err, "\r\x1b[K")
		p.plain(e)
	default:
	}
	if time.Since(p.last) < often {
		return
	}
	p.last, p.shown = time.Now(), true
	text := fmt.Sprintf("%d in work", len(p.working))
	for k, what := range p.working {
		text += "  " + k + " " + what
		break
	}
	if w := p.app.streams.width - 1; len(text) > w {
		text = text[:w]
	}
	fmt.Fprintf(p.app.streams.err, "\r\x1b[K%s", text)
}

func (p *progress) json(e reconcile.Event) {
	line := map[string]any{"event": e.Kind, "id": e.Step.Key.String(), "action": e.Step.Action}
	switch e.Kind {
	case reconcile.StepProgress:
		line["status"] = e.Text
	case reconcile.StepUpload, reconcile.StepCopy:
		if e.Done != e.Total && time.Since(p.last) < time.Second {
			return
		}
		p.last = time.Now()
		line["event"], line["bytes"], line["total"] = reconcile.StepProgress, e.Done, e.Total
		if e.Kind == reconcile.StepCopy {
			line["status"] = "copying"
		}
	case reconcile.StepDone, reconcile.StepFailed, reconcile.StepBlocked:
		line["took_ms"] = e.Outcome.Took.Milliseconds()
		if e.Outcome.Err != "" {
			line["error"] = map[string]any{"message": e.Outcome.Err, "code": e.Outcome.Code, "request_id": e.Outcome.Request}
		}
	default:
	}
	_ = json.NewEncoder(p.app.streams.out).Encode(line)
}

// bytesText is a number of bytes for people.
func bytesText(n int64) string {
	switch {
	case n >= 1e9:
		return fmt.Sprintf("%.1f GB", float64(n)/1e9)
	case n >= 1e6:
		return fmt.Sprintf("%.1f MB", float64(n)/1e6)
	case n >= 1e3:
		return fmt.Sprintf("%.1f kB", float64(n)/1e3)
	}
	return fmt.Sprintf("%d B", n)
}
