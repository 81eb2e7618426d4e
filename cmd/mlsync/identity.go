package main

import (
	"sync"

	"mlsync.dev/mlsync/azureml"
	"mlsync.dev/mlsync/internal/bridge"
	"mlsync.dev/mlsync/internal/config"
)

// readerOf is who reads a target: plans, drift and previews are made with it.
func readerOf(t *config.Target) config.Identity {
	if t.ReadIdentity.Type != "" {
		return t.ReadIdentity
	}
	return t.Identity
}

// identified lays the identity of the command line over those of a target: it does
// everything.
func identified(t *config.Target, identity string) {
	if identity != "" {
		t.Identity.Type, t.ReadIdentity = identity, config.Identity{}
	}
}

// writer is the client of who writes to a target. It is made with the first
// write, so that a plan asks for no token of it.
type writer struct {
	app    *app
	target *config.Target
	given  []string

	mu     sync.Mutex
	client *azureml.Client
}

// writerOf is nil if who reads a target writes to it as well.
func (a *app) writerOf(t *config.Target, given ...string) *writer {
	if readerOf(t) == t.Identity {
		return nil
	}
	return &writer{app: a, target: t, given: given}
}

// open is the writer for a bridge.
func (w *writer) open() bridge.Writer {
	if w == nil {
		return nil
	}
	return func() (*azureml.Client, error) {
		w.mu.Lock()
		defer w.mu.Unlock()
		var err error
		if w.client == nil {
			w.client, err = w.app.connectAs(w.target, w.target.Identity, w.given...)
		}
		return w.client, err
	}
}

// spent is what the writer has asked for.
func (w *writer) spent() azureml.Counters {
	if w == nil {
		return azureml.Counters{}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.client == nil {
		return azureml.Counters{}
	}
	return w.client.Counters()
}
