package state_test

import (
	"context"
	"strings"
	"testing"

	"golang.org/x/sync/errgroup"

	"mlsync.dev/mlsync/state"
)

// A backup is one moment of a journal, however much is written meanwhile.
func TestExportWhileOthersWrite(t *testing.T) {
	both(t, func(t *testing.T, url string) {
		s := open(t, url, state.Options{Installation: "ours"})
		target(t, s, "prod")
		ctx, stop := context.WithCancel(t.Context())
		var g errgroup.Group
		written := make(chan struct{}, 1000)
		g.Go(func() error {
			for ctx.Err() == nil { // two events at a time: a view between them would have an odd number
				if err := s.Note(context.WithoutCancel(ctx), state.Event{What: "a"}, state.Event{What: "b"}); err != nil {
					return err
				}
				select {
				case written <- struct{}{}:
				default:
				}
			}
			return nil
		})
		var texts []string
		for range 5 {
			<-written
			texts = append(texts, export(t, s, state.ExportOptions{}))
		}
		stop()
		must(t, g.Wait())
		for _, text := range texts {
			if a, b := strings.Count(text, `"what":"a"`), strings.Count(text, `"what":"b"`); a != b || a == 0 {
				t.Errorf("%d of one and %d of the other", a, b)
			}
		}
		to := open(t, t.TempDir()+"/to.db", state.Options{Installation: "ours"})
		must(t, to.Import(t.Context(), strings.NewReader(texts[4]), state.ImportOptions{}))
		if got := strings.Count(export(t, to, state.ExportOptions{}), `"what":"a"`); got != strings.Count(texts[4], `"what":"a"`) {
			t.Errorf("%d came back", got)
		}
	})
}

func TestSize(t *testing.T) {
	both(t, func(t *testing.T, url string) {
		s := open(t, url, state.Options{})
		if n, err := s.Size(t.Context()); err != nil || n < 4096 {
			t.Errorf("%d bytes, %v", n, err)
		}
	})
}
