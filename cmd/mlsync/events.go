package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"mlsync.dev/mlsync/internal/limit"
	"mlsync.dev/mlsync/web"
)

func (a *app) eventsCommand() *cobra.Command {
	var follow bool
	var most int
	var last string
	c := &cobra.Command{
		Use: "events", Short: "Show what happens in the targets of a daemon", GroupID: "work", Args: cobra.NoArgs,
		Long: `Show what happened in the targets that you may read: runs that ended, holds,
approvals, gates, rollouts. With --follow, show what happens from now on, until
the command is interrupted; when the connection breaks it is made again, and
nothing is left out.

--after goes on behind an event: it takes an id that --follow --json printed.`,
		Example: `  mlsync events --server https://mlsync.example.com
  mlsync events --follow --target prod
  mlsync events --follow --json | jq -r 'select(.what == "run_failed") | .text'`,
	}
	c.Flags().BoolVarP(&follow, "follow", "f", false, "show what happens from now on")
	c.Flags().IntVarP(&most, "limit", "n", 20, "how many at most, without --follow")
	c.Flags().StringVar(&last, "after", "", "with --follow: go on behind the event with this id")
	return a.onServer(c, func(ctx context.Context, r *remote, _ []string) error {
		if follow {
			return a.follow(ctx, r, last)
		}
		if last != "" {
			return errors.New("--after needs --follow")
		}
		if most < 1 {
			return errors.New("--limit: it must be at least 1")
		}
		list, err := each[web.Event](ctx, r, "/events", a.farFilter(), most)
		if err != nil {
			return err
		}
		if a.flags.json {
			return a.printJSON(list)
		}
		for _, e := range slices.Backward(list[:min(most, len(list))]) {
			a.showEvent(e)
		}
		return nil
	}, "follow", "limit", "after")
}

// farFilter is --target as a filter of lists.
func (a *app) farFilter() url.Values {
	q := url.Values{}
	project, name, ok := strings.Cut(a.flags.target, "/")
	if !ok {
		project, name = "", a.flags.target
	}
	if project != "" {
		q.Set("project", project)
	}
	if name != "" {
		q.Set("target", name)
	}
	return q
}

func (a *app) showEvent(e web.Event) {
	text := e.What
	if e.Asset != "" {
		text += " " + e.Asset
	}
	if e.Text != "" {
		text += ": " + e.Text
	}
	if e.Author != "" {
		text += " (" + e.Author + ")"
	}
	line := strings.ReplaceAll(printable(fmt.Sprintf("%s  %s/%s  %s", e.At.Local().Format(clockTime), e.Project, e.Target, text)), "\n", " ")
	a.printf("%s\n", line)
}

// follow shows events until ctx ends. A connection that breaks is made again,
// behind the last event that was shown.
func (a *app) follow(ctx context.Context, r *remote, last string) error {
	wait := time.Second
	for {
		n, err := a.followOnce(ctx, r, &last)
		if ctx.Err() != nil {
			return nil // that is how it ends
		}
		var refused *codeError
		if n == 0 && (errors.As(err, &refused) || errors.Is(err, errAnswered)) {
			return err
		}
		if n > 0 {
			wait = time.Second
		}
		a.say("the connection broke%s; it is made again", note(errText(err)))
		timer := time.NewTimer(wait)
		select {
		case <-ctx.Done():
			timer.Stop()
			return nil
		case <-timer.C:
		}
		wait = min(2*wait, limit.APITime)
	}
}

func errText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

// errAnswered says that the server has answered, and will not say otherwise soon.
var errAnswered = errors.New("the server does not tell of events")

// followOnce shows events of one connection, and returns how many lines came.
func (a *app) followOnce(ctx context.Context, r *remote, last *string) (int, error) {
	h := http.Header{"Accept": {"text/event-stream"}}
	if *last != "" {
		h.Set("Last-Event-ID", *last)
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	res, err := r.send(ctx, http.MethodGet, "/events", a.farFilter(), nil, h)
	if err != nil {
		var broke *url.Error
		if !errors.As(err, &broke) && !strings.Contains(err.Error(), "(request ") {
			err = errors.Join(err, errAnswered)
		}
		return 0, err
	}
	defer func() { _ = res.Body.Close() }()
	if !strings.HasPrefix(res.Header.Get("Content-Type"), "text/event-stream") {
		return 0, fmt.Errorf("%s answers with %s: %w", r.base, printable(res.Header.Get("Content-Type")), errAnswered)
	}
	// A server that says nothing for three beats is gone.
	silence := time.AfterFunc(3*limit.APIBeat, cancel)
	defer silence.Stop()
	lines := bufio.NewScanner(res.Body)
	lines.Buffer(nil, limit.FileBytes)
	n, id := 0, ""
	for lines.Scan() {
		silence.Reset(3 * limit.APIBeat)
		n++
		if text, ok := strings.CutPrefix(lines.Text(), "id: "); ok {
			id = text
		}
		data, ok := strings.CutPrefix(lines.Text(), "data: ")
		if !ok {
			continue
		}
		if err := a.printEvent(id, data); err != nil {
			return n, err
		}
		*last = id
	}
	return n, lines.Err()
}

// followedEvent is an event with the id that --after takes.
type followedEvent struct {
	Mark string `json:"after"`
	web.Event
}

func (a *app) printEvent(id, data string) error {
	e := followedEvent{Mark: id}
	if err := json.Unmarshal([]byte(data), &e.Event); err != nil {
		return fmt.Errorf("an event of the server cannot be read: %w", err)
	}
	if !a.flags.json {
		a.showEvent(e.Event)
		return nil
	}
	enc := json.NewEncoder(a.streams.out)
	return enc.Encode(e) // one a line, for programs that read on
}
