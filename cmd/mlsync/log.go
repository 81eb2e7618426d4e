package main

import (
	"log/slog"
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
	return slog.New(slog.NewTextHandler(a.streams.err, &slog.HandlerOptions{Level: level}))
}
