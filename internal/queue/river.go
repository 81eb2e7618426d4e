package queue

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"math/rand/v2"
	"runtime/debug"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver"
	"github.com/riverqueue/river/rivermigrate"
	"github.com/riverqueue/river/rivertype"
)

// transaction is a transaction of either database.
type transaction[T any] struct {
	tx       T
	commit   func(context.Context) error
	rollback func() error
}

// base is River on a database with transactions of type T.
type base[T any] struct {
	driver riverdriver.Driver[T]
	insert *river.Client[T]
	begin  func(context.Context) (transaction[T], error)
	count  func(context.Context) ([]Stat, error)
	life   life
	shut   func() error
	// numbered placeholders are $1, $2; update ends a SELECT whose row will be
	// written.
	numbered bool
	update   string
	// ahead is how far the clock of the database is before ours, in nanoseconds.
	ahead atomic.Int64
	skew  time.Duration // see Options.Skew
	// poll is how often work is looked for without being told of it.
	poll time.Duration
}

// now is the time by the clock of the database.
func (b *base[T]) now() time.Time {
	return time.Now().Add(b.skew + time.Duration(b.ahead.Load()))
}

// bind writes the placeholders of a query as the database wants them.
func (b *base[T]) bind(query string) string {
	if !b.numbered {
		return query
	}
	var out strings.Builder
	for i, part := range strings.Split(query, "?") {
		if i > 0 {
			out.WriteString("$" + strconv.Itoa(i))
		}
		out.WriteString(part)
	}
	return out.String()
}

// life tells living processes from dead ones.
type life interface {
	// begin makes tasks that dead processes left running available again. id
	// is the client that is about to start.
	begin(ctx context.Context, id string) error
	// watch does the same from time to time until ctx ends.
	watch(ctx context.Context)
	// end says that this process runs no task any more.
	end(ctx context.Context)
}

// migrate makes River's tables and the client that enqueues.
func (b *base[T]) open(ctx context.Context, logger *slog.Logger) error {
	m, err := rivermigrate.New(b.driver, &rivermigrate.Config{Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		return err
	}
	if _, err := m.Migrate(ctx, rivermigrate.DirectionUp, nil); err != nil {
		return fmt.Errorf("make the tables of the queue: %w", err)
	}
	if err := b.driver.GetExecutor().Exec(ctx, tickTable); err != nil {
		return fmt.Errorf("make the tables of the queue: %w", err)
	}
	b.insert, err = river.NewClient(b.driver, &river.Config{Logger: logger})
	return err
}

func (b *base[T]) close() error { return b.shut() }

func (b *base[T]) stats(ctx context.Context) ([]Stat, error) { return b.count(ctx) }

// uniqueStates are the states in which a task keeps out others of its name
// and key: all that are not final.
func uniqueStates() []rivertype.JobState {
	return []rivertype.JobState{
		rivertype.JobStateAvailable, rivertype.JobStatePending, rivertype.JobStateRetryable,
		rivertype.JobStateRunning, rivertype.JobStateScheduled,
	}
}

func insertOpts(attempts int, at time.Time) *river.InsertOpts {
	if attempts == 0 {
		attempts = math.MaxInt16
	}
	return &river.InsertOpts{MaxAttempts: attempts, ScheduledAt: at, UniqueOpts: river.UniqueOpts{ByArgs: true, ByState: uniqueStates()}}
}

// again is the output of a running task that has to run once more.
const again = "again"

// enqueue inserts the task, or changes the one that is there already. That
// one may begin or end meanwhile, so it tries until it meets it in one state.
func (b *base[T]) enqueue(ctx context.Context, t task, attempts int, at time.Time) error {
	if !at.After(b.now()) {
		at = time.Time{} // what has a time waits for the leader to look, even if that is past
	}
	for {
		res, err := b.insert.Insert(ctx, t, insertOpts(attempts, at))
		if err != nil || !res.UniqueSkippedAsDuplicate {
			return err
		}
		done, err := b.change(ctx, res.Job, at)
		if done || err != nil {
			return err
		}
	}
}

// change marks a running task to run again, or brings a waiting one forward;
// false if the task is no longer as it was.
func (b *base[T]) change(ctx context.Context, job *rivertype.JobRow, at time.Time) (bool, error) {
	if job.State != rivertype.JobStateRunning {
		if now := b.now(); job.State == rivertype.JobStateAvailable || at.After(now) || !job.ScheduledAt.After(now) {
			return true, nil
		}
		now, err := b.insert.JobRetry(ctx, job.ID)
		if errors.Is(err, rivertype.ErrNotFound) {
			return false, nil
		}
		return err == nil && now.State == rivertype.JobStateAvailable, err
	}
	t, err := b.begin(ctx)
	if err != nil {
		return false, err
	}
	now, err := b.insert.JobUpdateTx(ctx, t.tx, job.ID, &river.JobUpdateParams{Output: again})
	if err == nil && now.State == rivertype.JobStateRunning {
		return true, t.commit(ctx)
	}
	if errors.Is(err, rivertype.ErrNotFound) {
		err = nil
	}
	return false, errors.Join(err, t.rollback())
}

// cancelled is how long a task may take to return once its context is
// cancelled.
const cancelled = 30 * time.Second

// run does tasks until ctx ends.
func (b *base[T]) run(ctx context.Context, q *Queue) error {
	client, err := river.NewClient(b.driver, b.config(q))
	if err != nil {
		return err
	}
	lasting := context.WithoutCancel(ctx)
	if err := b.begun(ctx, q, client.ID()); err != nil || ctx.Err() != nil {
		return err // without one it was told to stop before it had begun
	}
	defer b.life.end(lasting)
	if err := client.Start(lasting); err != nil {
		return err
	}
	var ticks sync.WaitGroup
	ticks.Go(func() { (&ticker[T]{b: b, q: q, log: q.opts.Logger}).run(ctx) })
	b.life.watch(ctx)
	ticks.Wait()
	soft, cancel := context.WithTimeout(lasting, q.opts.Grace)
	defer cancel()
	if err := client.Stop(soft); err == nil {
		return nil
	}
	hard, cancel := context.WithTimeout(lasting, cancelled)
	defer cancel()
	if err := client.StopAndCancel(hard); err != nil {
		return fmt.Errorf("tasks go on although they were cancelled: %w", err)
	}
	return nil
}

// beginnings is how often a process tries to begin. One that was stopped in the
// middle finds its time over when it goes on.
const beginnings = 10

// begun says to the others that this process is there, and takes over the tasks
// of those that are not.
func (b *base[T]) begun(ctx context.Context, q *Queue, id string) error {
	for n := 1; ; n++ {
		err := b.life.begin(ctx, id)
		switch {
		case err == nil || ctx.Err() != nil:
			return nil
		case n == beginnings:
			return fmt.Errorf("take over the tasks of dead processes: %w", err)
		}
		q.opts.Logger.WarnContext(ctx, "the tasks of dead processes are taken over in a moment", "err", err)
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(time.Second):
		}
	}
}

func (b *base[T]) config(q *Queue) *river.Config {
	workers := river.NewWorkers()
	river.AddWorker(workers, &worker[T]{base: b, q: q})
	longest := time.Hour
	for _, r := range q.tasks {
		longest = max(longest, r.opts.Timeout)
	}
	c := &river.Config{
		Queues:               map[string]river.QueueConfig{river.QueueDefault: {MaxWorkers: q.opts.Workers}},
		Workers:              workers,
		Logger:               q.opts.Logger,
		RescueStuckJobsAfter: longest + time.Hour,
		FetchPollInterval:    b.poll,
		ErrorHandler:         &remark{logger: q.opts.Logger},
	}
	return c
}

// worker does tasks for River.
type worker[T any] struct {
	river.WorkerDefaults[task]
	base *base[T]
	q    *Queue
}

// Timeout is that of the task.
func (w *worker[T]) Timeout(job *river.Job[task]) time.Duration {
	return w.q.tasks[job.Args.Name].opts.Timeout
}

// Work does the task, and notes in one transaction how it ended and when it
// runs next: at once if it was enqueued while it ran, whether or not it failed;
// after a wait if it failed. A task that is enqueued meanwhile is seen by the
// transaction, or sees what the transaction left.
func (w *worker[T]) Work(ctx context.Context, job *river.Job[task]) error {
	r, ok := w.q.tasks[job.Args.Name]
	if !ok {
		return river.JobCancel(fmt.Errorf("no task is called %q", job.Args.Name))
	}
	var args []byte
	if err := json.Unmarshal(job.Args.Args, &args); err != nil {
		return river.JobCancel(fmt.Errorf("the arguments of the task: %w", err))
	}
	if wantsAgain(job.JobRow) { // left by a process that died: this is the run that was wanted
		if _, err := w.base.insert.JobUpdate(ctx, job.ID, &river.JobUpdateParams{Output: "running"}); err != nil {
			return err
		}
	}
	failure := w.try(ctx, r, job, args)
	return w.end(context.WithoutCancel(ctx), job, r.opts, failure)
}

// try does the task. A panic is a failure.
func (w *worker[T]) try(ctx context.Context, r registered, job *river.Job[task], args []byte) (failure error) {
	log := w.q.opts.Logger.With("task", string(job.EncodedArgs), "attempt", failures(job.JobRow)+1)
	defer func() {
		if v := recover(); v != nil {
			log.ErrorContext(ctx, "task panicked", "panic", fmt.Sprint(v), "trace", string(debug.Stack()))
			failure = fmt.Errorf("panic: %v", v)
		}
	}()
	if failure = r.work(ctx, args); failure != nil && !isLater(failure) {
		log.WarnContext(ctx, "task failed", "error", failure)
	}
	return failure
}

// end notes how a task ended. A task that is to run again is a new one, with
// the same name and key.
func (w *worker[T]) end(ctx context.Context, job *river.Job[task], opts TaskOptions, failure error) error {
	t, err := w.base.begin(ctx)
	if err != nil {
		return err
	}
	err = w.endIn(ctx, t.tx, job, opts, failure)
	if err != nil {
		return errors.Join(err, t.rollback())
	}
	return t.commit(ctx)
}

// endIn notes it in the transaction. A task that another process has taken over,
// as this one was stopped for too long, is that one's to end.
func (w *worker[T]) endIn(ctx context.Context, tx T, job *river.Job[task], opts TaskOptions, failure error) error {
	done, err := river.JobCompleteTx[riverdriver.Driver[T], T, task](ctx, tx, job)
	if err != nil {
		return err
	}
	if done.State != rivertype.JobStateCompleted {
		w.q.opts.Logger.WarnContext(ctx, "task was taken over by another process meanwhile", "task", string(job.EncodedArgs))
		return nil
	}
	var at time.Time
	n := 0
	var later *laterError
	switch {
	case errors.As(failure, &later):
		n, at = failures(job.JobRow), w.base.now().Add(later.after)
	case failure != nil:
		n = failures(job.JobRow) + 1
		at = w.base.now().Add(opts.wait(n))
	}
	switch {
	case later != nil:
	case wantsAgain(done.JobRow):
		at = time.Time{}
	case failure == nil, opts.Attempts > 0 && n >= opts.Attempts:
		return nil
	}
	_, err = w.base.insert.InsertTx(ctx, tx, job.Args, failedOften(insertOpts(opts.Attempts, at), n))
	return err
}

// failedOften notes how often a task has failed in a row.
func failedOften(o *river.InsertOpts, n int) *river.InsertOpts {
	o.Metadata = fmt.Appendf(nil, `{"%s":%d}`, failuresKey, n)
	return o
}

// failuresKey is where the metadata of a task says how often it has failed in
// a row.
const failuresKey = "failures"

func failures(job *rivertype.JobRow) int { return failuresIn(job.Metadata) }

func failuresIn(metadata []byte) int {
	var m map[string]json.RawMessage
	var n int
	if json.Unmarshal(metadata, &m) != nil || json.Unmarshal(m[failuresKey], &n) != nil {
		return 0
	}
	return n
}

// wait is the wait after the nth failure in a row, give or take a fifth.
func (o TaskOptions) wait(n int) time.Duration {
	wait := o.MaxBackoff
	if n < 32 && o.Backoff<<(n-1) < o.MaxBackoff && o.Backoff<<(n-1) > 0 {
		wait = o.Backoff << (n - 1)
	}
	return time.Duration(float64(wait) * (0.8 + 0.4*rand.Float64()))
}

func wantsAgain(job *rivertype.JobRow) bool {
	var text string
	return json.Unmarshal(job.Output(), &text) == nil && text == again
}

// remark logs what River could not do for a task.
type remark struct{ logger *slog.Logger }

// HandleError logs that a task could not be noted; River tries it again.
func (r *remark) HandleError(ctx context.Context, job *rivertype.JobRow, err error) *river.ErrorHandlerResult {
	r.logger.WarnContext(ctx, "task failed", "task", string(job.EncodedArgs), "attempt", job.Attempt, "error", err)
	return nil
}

// HandlePanic logs a panic; the task is tried again.
func (r *remark) HandlePanic(ctx context.Context, job *rivertype.JobRow, value any, trace string) *river.ErrorHandlerResult {
	r.logger.ErrorContext(ctx, "task panicked", "task", string(job.EncodedArgs), "attempt", job.Attempt, "panic", fmt.Sprint(value), "trace", trace)
	return nil
}
