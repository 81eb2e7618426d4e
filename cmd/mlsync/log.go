package main

import (
	"io"
	"log/slog"

	"mlsync.dev/mlsync/internal/redact"
)

// logger writes records on stderr: warnings only, more with -v.
func (a *app) logger() *slog.Logger {
	level := slog.LevelWarn
	switch {
	case a.flags.quiet:
		level = slog.LevelError
	case a.flags.verbose == 1:
		level = slog.LevelInfo
	case a.flags.verbose > 1:
		level = slog.LevelDebug
	}
	return slog.New(slog.NewTextHandler(redact.Writer(a.streams.err), &slog.HandlerOptions{Level: level}))
}

// jsonLog writes records as JSON, as servers do. What is shaped like a
// credential does not get out, whoever logs it.
func jsonLog(w io.Writer, level slog.Level) *slog.Logger {
	return slog.New(slog.NewJSONHandler(redact.Writer(w), &slog.HandlerOptions{Level: level}))
}
