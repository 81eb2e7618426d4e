// Package queue does work durably: a task that was enqueued runs, also after
// the process has died, is retried until it succeeds, and never runs twice at
// a time for one key. It is a thin layer on River, in the SQLite or PostgreSQL
// database that holds the journal.
//
// It knows nothing of the domain: it carries opaque arguments to registered
// functions.
package queue
