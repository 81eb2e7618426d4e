package queue

import (
	"context"
	"errors"
	"hash/fnv"
	"log/slog"
	"time"

	"github.com/riverqueue/river/rivertype"
)

// tables are ours beside River's: when each periodic task came last, and, on
// PostgreSQL, when each process gave its last sign of life.
const (
	tickTable = `CREATE TABLE IF NOT EXISTS queue_ticks (name TEXT NOT NULL, key TEXT NOT NULL, last BIGINT NOT NULL, PRIMARY KEY (name, key))`
	lifeTable = `CREATE TABLE IF NOT EXISTS queue_processes (id TEXT NOT NULL PRIMARY KEY, seen TIMESTAMPTZ NOT NULL)`
)

// ticker enqueues periodic tasks. Every process has one and none leads: a tick
// is enqueued by whoever notes it first, in the same transaction, so that it
// comes once however many processes there are, whatever their clocks say and
// whenever they die. A tick that came while no process ran is made up for once.
type ticker[T any] struct {
	b    *base[T]
	q    *Queue
	log  *slog.Logger
	next []time.Time // of each periodic task
	last []int64     // the tick that it follows, as in the database
}

// tickRetry is how long a database that does not answer is left alone.
const tickRetry = 5 * time.Second

// run enqueues ticks until ctx ends.
func (k *ticker[T]) run(ctx context.Context) {
	if len(k.q.periodic) == 0 {
		return
	}
	k.start()
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		}
		timer.Reset(k.due(ctx))
	}
}

func (k *ticker[T]) start() {
	k.next, k.last = make([]time.Time, len(k.q.periodic)), make([]int64, len(k.q.periodic))
}

// due enqueues what is due and returns how long it is until the next tick.
func (k *ticker[T]) due(ctx context.Context) time.Duration {
	var first time.Time
	for i, p := range k.q.periodic {
		if !k.next[i].After(k.b.now()) {
			if err := k.tick(ctx, i, p); err != nil {
				if ctx.Err() == nil {
					k.log.WarnContext(ctx, "periodic task not enqueued", "task", p.task.Name, "key", p.task.Key, "error", err)
				}
				return tickRetry
			}
		}
		if first.IsZero() || k.next[i].Before(first) {
			first = k.next[i]
		}
	}
	// Never longer than the clocks of two machines may drift apart meanwhile.
	return min(max(first.Sub(k.b.now()), time.Millisecond), time.Minute)
}

// tick reads when the task came last, enqueues it if it is due, and notes when
// it comes next.
func (k *ticker[T]) tick(ctx context.Context, i int, p periodic) error {
	t, err := k.b.begin(ctx)
	if err != nil {
		return err
	}
	now := k.b.now()
	if k.last[i], err = k.note(ctx, t.tx, i, p, now); err != nil {
		return errors.Join(err, t.rollback())
	}
	at := p.schedule.Next(time.Unix(0, k.last[i]))
	k.next[i] = at.Add(k.spread(p, at))
	return t.commit(ctx)
}

// spread is how much later than its schedule says a task comes, always the same
// for one task: a thousand of one schedule do not come in one moment.
func (k *ticker[T]) spread(p periodic, at time.Time) time.Duration {
	most := min(time.Minute, p.schedule.Next(at).Sub(at)/10)
	h := fnv.New32a()
	h.Write([]byte(p.task.Name + "\x00" + p.task.Key))
	return time.Duration(float64(most) * float64(h.Sum32()%1000) / 1000)
}

// note returns the last tick, after it enqueued the task if that is due.
func (k *ticker[T]) note(ctx context.Context, tx T, i int, p periodic, now time.Time) (last int64, err error) {
	ex := k.b.driver.UnwrapExecutor(tx)
	if k.last[i] == 0 { // it counts from the next second on, as schedules know whole ones
		first := now.Truncate(time.Second).Add(time.Second)
		if err := ex.Exec(ctx, k.b.bind(`INSERT INTO queue_ticks (name, key, last) VALUES (?, ?, ?) ON CONFLICT (name, key) DO NOTHING`), p.task.Name, p.task.Key, first.UnixNano()); err != nil {
			return 0, err
		}
	}
	err = ex.QueryRow(ctx, k.b.bind(`SELECT last FROM queue_ticks WHERE name = ? AND key = ?`)+k.b.update, p.task.Name, p.task.Key).Scan(&last)
	if err != nil {
		return 0, err
	}
	at := p.schedule.Next(time.Unix(0, last))
	if at.Add(k.spread(p, at)).After(now) {
		return last, nil
	}
	if !p.schedule.Next(at).After(now) {
		at = now // others were missed: one stands for all
	}
	if err := ex.Exec(ctx, k.b.bind(`UPDATE queue_ticks SET last = ? WHERE name = ? AND key = ?`), at.UnixNano(), p.task.Name, p.task.Key); err != nil {
		return 0, err
	}
	_, err = k.b.insert.InsertTx(ctx, tx, p.task, insertOpts(k.q.tasks[p.task.Name].opts.Attempts, time.Time{}))
	if errors.Is(err, rivertype.ErrNotFound) {
		err = nil
	}
	return at.UnixNano(), err
}
