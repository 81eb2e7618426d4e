// Package state keeps the journal: what mlsync remembers of its own writes
// and cannot read again from git or the workspace. Before each write to a
// workspace it holds an intent, after it the outcome and who owns the asset
// now; around them runs, approvals, drift that was seen, fingerprints of
// secrets and an append-only list of events. Every write carries the
// generation of its run and is refused when a later run has begun.
//
// The journal is an SQLite file or a PostgreSQL database; queries are written
// once and the two differ only in their migrations and a few lines of dialect.
//
// What a crash costs: a write that returned without error survives the death
// of the process (kill -9). On SQLite the last moments before a loss of power
// may be missing, never torn: the file is in WAL mode with synchronous=NORMAL.
// Assets written in those moments are found again by the stamps they carry.
//
// The package knows no REST, no YAML, no HTTP and no rule of the domain: it
// keeps what it is given. It is never a cache of the workspace.
package state
