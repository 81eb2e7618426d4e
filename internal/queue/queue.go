package queue

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/robfig/cron/v3"
)

// Options are what a Queue needs to know.
type Options struct {
	// Workers is how many tasks run at a time; 0 is 4.
	Workers int
	// Grace is how long running tasks may go on when Run is told to stop,
	// before their contexts are cancelled; 0 is 10 seconds.
	Grace time.Duration
	// Pulse is how often a process on PostgreSQL gives a sign of life, and looks
	// for others that do not: one that was silent for four pulses is taken for
	// dead, and its tasks are taken over. 0 is 5 seconds.
	Pulse time.Duration
	// Skew is how wrong the clock of the machine is, for tests of machines that
	// do not agree.
	Skew time.Duration
	// Logger hears of failures and panics of tasks; nil is silence.
	Logger *slog.Logger
}

// TaskOptions say how a task runs. The zero value is fit for most.
type TaskOptions struct {
	// Timeout is when the context of one run is cancelled; 0 is 30 minutes.
	Timeout time.Duration
	// Attempts is how often the task is tried before it is given up; 0 is
	// without end.
	Attempts int
	// Backoff is the wait after the first failure, which doubles with each
	// further one up to MaxBackoff, give or take a fifth; 0 are 5 seconds and
	// 10 minutes.
	Backoff, MaxBackoff time.Duration
}

// Work does a task. An error or a panic lets it be tried again later. It must
// return soon after ctx is cancelled.
type Work func(ctx context.Context, args []byte) error

// Later is what a task returns that could not begin, as what it needs is in the
// hands of another process: it comes again after that time, and has not failed.
func Later(after time.Duration) error { return &laterError{after} }

type laterError struct{ after time.Duration }

// Error says when it comes again.
func (e *laterError) Error() string { return fmt.Sprintf("not now: again in %v", e.after) }

func isLater(err error) bool {
	var later *laterError
	return errors.As(err, &later)
}

// Queue runs tasks. Register and Periodic come before Run; Enqueue may be
// called at any time, also by processes that do not run tasks.
type Queue struct {
	engine   engine
	opts     Options
	tasks    map[string]registered
	periodic []periodic
}

type registered struct {
	work Work
	opts TaskOptions
}

type periodic struct {
	task     task
	schedule cron.Schedule
}

// engine is River on one of the databases.
type engine interface {
	enqueue(ctx context.Context, t task, attempts int, at time.Time) error
	run(ctx context.Context, q *Queue) error
	stats(ctx context.Context) ([]Stat, error)
	close() error
}

// task is a piece of work in the database. Name and Key make it unique.
type task struct {
	Name string          `json:"name" river:"unique"`
	Key  string          `json:"key"  river:"unique"`
	Args json.RawMessage `json:"args"`
}

// Kind is River's name for all tasks.
func (task) Kind() string { return "task" }

func newTask(name, key string, args []byte) (task, error) {
	if name == "" || key == "" {
		return task{}, errors.New("a task needs a name and a key")
	}
	raw, err := json.Marshal(args) // opaque bytes, so as a string
	return task{Name: name, Key: key, Args: raw}, err
}

func newQueue(opts Options) *Queue {
	if opts.Workers == 0 {
		opts.Workers = 4
	}
	if opts.Grace == 0 {
		opts.Grace = 10 * time.Second
	}
	if opts.Pulse == 0 {
		opts.Pulse = 5 * time.Second
	}
	if opts.Logger == nil {
		opts.Logger = slog.New(slog.DiscardHandler)
	}
	return &Queue{opts: opts, tasks: map[string]registered{}}
}

// Register says how tasks called name are done. A name can be registered once.
func (q *Queue) Register(name string, work Work, opts TaskOptions) error {
	if _, ok := q.tasks[name]; ok || name == "" {
		return fmt.Errorf("register task %q: the name is empty or taken", name)
	}
	if opts.Timeout == 0 {
		opts.Timeout = 30 * time.Minute
	}
	if opts.Backoff == 0 {
		opts.Backoff = 5 * time.Second
	}
	if opts.MaxBackoff == 0 {
		opts.MaxBackoff = 10 * time.Minute
	}
	q.tasks[name] = registered{work: work, opts: opts}
	return nil
}

// Periodic enqueues a task by a cron expression: five fields, six with
// seconds first, or @every 15m. With many processes on PostgreSQL each tick
// is enqueued once, up to a minute or a tenth of the time between two later than
// it says, so that many do not come at once. A tick while the task waits or runs is left out; those that
// came while no process ran are made up for by one.
func (q *Queue) Periodic(name, key, expression string, args []byte) error {
	schedule, err := ParseSchedule(expression)
	if err != nil {
		return err
	}
	t, err := newTask(name, key, args)
	if err != nil {
		return fmt.Errorf("periodic task: %w", err)
	}
	if _, ok := q.tasks[name]; !ok {
		return fmt.Errorf("periodic task %q is not registered", name)
	}
	q.periodic = append(q.periodic, periodic{task: t, schedule: schedule})
	return nil
}

// ParseSchedule reads a cron expression as Periodic takes it.
func ParseSchedule(expression string) (cron.Schedule, error) {
	fields := cron.SecondOptional | cron.Minute | cron.Hour | cron.Dom | cron.Month | cron.Dow | cron.Descriptor
	schedule, err := cron.NewParser(fields).Parse(expression)
	if err != nil {
		return nil, fmt.Errorf("schedule %q: %w", expression, err)
	}
	return schedule, nil
}

// Enqueue lets the task run at the given time, or at once if that is past or
// zero. At most one task of a name and key waits and at most one runs: if one
// waits, it is the one, brought forward if it was to run later than now and at
// is not in the future; if one runs, it runs once more afterwards with the
// arguments it has.
func (q *Queue) Enqueue(ctx context.Context, name, key string, args []byte, at time.Time) error {
	t, err := newTask(name, key, args)
	if err == nil {
		err = q.engine.enqueue(ctx, t, q.tasks[name].opts.Attempts, at)
	}
	if err != nil {
		return fmt.Errorf("enqueue %s %s: %w", name, key, err)
	}
	return nil
}

// Run does tasks until ctx is cancelled and returns nil when all have
// stopped. Tasks that a dead process left running are taken up again, and so are
// those of one that gives no sign of life for a while. On
// SQLite one process at a time may run tasks. Run can be called once.
func (q *Queue) Run(ctx context.Context) error { return q.engine.run(ctx, q) }

// Close closes what the queue has opened, after Run has returned.
func (q *Queue) Close() error { return q.engine.close() }
