package main

import (
	"sync"

	"mlsync.dev/mlsync/reconcile"
)

// newer tells the pass that is under way that its commit is not the newest.
type newer struct {
	mu     sync.Mutex
	commit string // of the pass, once it is known
	latest string // that was seen since the pass began
	ch     chan struct{}
}

// watch begins a pass; the channel is closed when its commit is overtaken.
func (n *newer) watch() <-chan struct{} {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.commit, n.latest, n.ch = "", "", make(chan struct{})
	return n.ch
}

// at says which commit the pass works on.
func (n *newer) at(c reconcile.Commit) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.commit = c.Hash
	n.compare(c.Dirty && n.latest != "")
}

// seen says which commit is the newest. A folder in no repository has none:
// what is read of it is always the newest.
func (n *newer) seen(c reconcile.Commit) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.latest = c.Hash
	n.compare(c.Dirty)
}

func (n *newer) compare(changed bool) {
	if n.ch != nil && n.commit != "" && n.latest != "" && (changed || n.latest != n.commit) {
		close(n.ch)
		n.ch = nil
	}
}
