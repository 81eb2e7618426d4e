package main

import (
	"context"
	"log/slog"
	"runtime"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"mlsync.dev/mlsync/internal/queue"
	"mlsync.dev/mlsync/state"
)

// upkeep are the numbers that are looked up when they are asked for: those of
// the journal, the queue and the disk.
type upkeep struct {
	store *state.Store
	queue *queue.Queue
	data  string // the folder of the daemon
	log   *slog.Logger

	buildInfo, journalUp, journalSize, journalOwns,
	targetHeld, queueTasks, queueOldest, dataFree *prometheus.Desc
}

// upkeepTime bounds the look at the database of one scrape.
const upkeepTime = 5 * time.Second

func gaugeOf(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc(name, help, labels, nil)
}

// newUpkeep says what the numbers are called and mean.
func newUpkeep(store *state.Store, q *queue.Queue, data string, log *slog.Logger) *upkeep {
	return &upkeep{
		store: store, queue: q, data: data, log: log,
		buildInfo:   gaugeOf("mlsync_build_info", "1, with the version of the program.", "version", "goversion"),
		journalUp:   gaugeOf("mlsync_journal_up", "1 if the journal answers."),
		journalSize: gaugeOf("mlsync_journal_size_bytes", "Size of the journal: its file, or the whole PostgreSQL database."),
		journalOwns: gaugeOf("mlsync_owned_assets", "Assets that mlsync manages, as the journal says.", "target"),
		targetHeld:  gaugeOf("mlsync_target_held", "1 while the target is on hold.", "target"),
		queueTasks:  gaugeOf("mlsync_queue_tasks", "Tasks in the queue that are not at their end, by state.", "task", "state"),
		queueOldest: gaugeOf("mlsync_queue_oldest_due_seconds", "How long the oldest task that is due has been waiting; of running ones, since it was due.", "task", "state"),
		dataFree:    gaugeOf("mlsync_data_free_bytes", "Room that is left on the disk of the data folder."),
	}
}

// Describe is what prometheus.Collector asks for.
func (u *upkeep) Describe(out chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{u.buildInfo, u.journalUp, u.journalSize, u.journalOwns, u.targetHeld, u.queueTasks, u.queueOldest, u.dataFree} {
		out <- d
	}
}

// Collect looks the numbers up. What does not answer is left out and logged.
func (u *upkeep) Collect(out chan<- prometheus.Metric) {
	ctx, stop := context.WithTimeout(context.Background(), upkeepTime)
	defer stop()
	tell := func(d *prometheus.Desc, v float64, labels ...string) {
		out <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
	}
	tell(u.buildInfo, 1, version, runtime.Version())
	if free, err := freeBytes(u.data); err == nil {
		tell(u.dataFree, float64(free))
	}
	targets, err := u.store.Targets(ctx)
	if err != nil {
		u.log.Warn("the journal was not read for the metrics", "err", err)
		tell(u.journalUp, 0)
		return
	}
	tell(u.journalUp, 1)
	for _, t := range targets {
		tell(u.journalOwns, float64(t.Owned), t.Name)
		held := 0.0
		if t.Hold != (state.Hold{}) {
			held = 1
		}
		tell(u.targetHeld, held, t.Name)
	}
	if n, err := u.store.Size(ctx); err == nil {
		tell(u.journalSize, float64(n))
	}
	u.collectQueue(ctx, tell)
}

func (u *upkeep) collectQueue(ctx context.Context, tell func(*prometheus.Desc, float64, ...string)) {
	stats, err := u.queue.Stats(ctx)
	if err != nil {
		u.log.Warn("the queue was not read for the metrics", "err", err)
		return
	}
	for _, s := range stats {
		tell(u.queueTasks, float64(s.Count), s.Task, s.State)
		if s.Oldest > -time.Second { // due, as far as the clocks of both agree
			tell(u.queueOldest, max(0, s.Oldest.Seconds()), s.Task, s.State)
		}
	}
}
