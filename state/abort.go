package state

import (
	"context"
	"fmt"
)

// AbortedError says who stopped the run. It is an ErrAborted.
type AbortedError struct{ Target, By string }

// Error names who stopped it.
func (e *AbortedError) Error() string {
	return fmt.Sprintf("target %q: %s stopped the run; what was begun is in the journal, and the next run takes it up", e.Target, e.By)
}

// Unwrap makes the error an ErrAborted.
func (e *AbortedError) Unwrap() error { return ErrAborted }

// Abort stops the run that is under way, wherever it runs: from now on the
// journal takes no intent of it, so that nothing more is written, and whoever
// watches Aborts learns of it. It returns the holder of the target's lock; ""
// if nobody has it, and then there is nothing to stop.
func (t *Target) Abort(ctx context.Context, by string) (string, error) {
	var holder string
	err := t.s.write(ctx, func(x *tx) error {
		l, err := t.lock(ctx, x)
		if err != nil || l.session == "" || !l.until.After(l.now) {
			return err
		}
		holder = l.holder
		_, err = x.exec(ctx, `UPDATE targets SET aborts = aborts + 1, abort_generation = generation, aborted_by = ? WHERE id = ?`, by, t.id)
		if err != nil {
			return err
		}
		return t.s.note(ctx, x, t.name, Event{What: "abort", Author: by, Text: holder})
	})
	return holder, err
}

// Aborts is how often runs of the target were stopped, and by whom the last
// time. A run that sees the number grow must stop.
func (t *Target) Aborts(ctx context.Context) (n int64, by string, err error) {
	err = t.s.read(ctx, `SELECT aborts, aborted_by FROM targets WHERE id = ?`, []any{t.id}, func(r row) error {
		return r.Scan(&n, &by)
	})
	return n, by, err
}
