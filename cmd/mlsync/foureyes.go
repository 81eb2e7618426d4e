package main

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"mlsync.dev/mlsync/gate"
	"mlsync.dev/mlsync/plan"
	"mlsync.dev/mlsync/reconcile"
	"mlsync.dev/mlsync/state"
)

// fourEyes is the journal as it counts approvals where who made a commit may
// not approve it: those of its authors count for nothing.
type fourEyes struct {
	*journal
	// authors are the names and addresses of who made the commits of the plan.
	authors []string
	// left is told of each approval that does not count; nil if nobody asks.
	left func(a state.Approval)
}

// Approvals are those that hold for what a plan asks consent to.
func (f *fourEyes) Approvals(ctx context.Context, consent string) ([]reconcile.Approval, error) {
	given, err := f.Target.Approvals(ctx, consent)
	var out []reconcile.Approval
	for _, a := range given {
		if madeBy(f.authors, a) {
			if f.left != nil {
				f.left(a)
			}
			continue
		}
		out = append(out, reconcile.Approval{ID: a.ID, Allow: a.Allow})
	}
	return out, err
}

// madeBy reports whether an approval is one of the authors, by whatever name.
func madeBy(authors []string, a state.Approval) bool {
	return slices.ContainsFunc(append([]string{a.Author}, a.Names...), func(name string) bool { return name != "" && gate.Committed(authors, name) })
}

// book is how the worker's journal counts approvals for a commit.
func (w *worker) book(on bool, j *journal, last string, commit reconcile.Commit) reconcile.Book {
	if !on {
		return j
	}
	return &fourEyes{
		journal: j, authors: slices.Concat(commit.By, w.daemon.source.authors(last, commit.Hash)),
		left: func(a state.Approval) {
			w.daemon.log.Warn("an approval does not count: who made the commit may not approve it", "target", w.name, "commit", commit.Hash, "author", a.Author, "approval", strings.Join(a.Allow, ", "))
		},
	}
}

// notAuthor refuses an approval of who made the commit.
func notAuthor(who string, by []string, commit string) error {
	if !gate.Committed(by, who) {
		return nil
	}
	return &codeError{exitRefused, fmt.Errorf("%s made the commit %.12s and may not approve it (approvals.four_eyes): somebody else has to", printable(who), commit)}
}

// approved holds --allow to approvals of others, where who made a commit may
// not approve it. It returns the numbers of the approvals that cover it.
func (s *session) approved(ctx context.Context, p *plan.Plan, allow []string, commit reconcile.Commit) ([]int64, error) {
	if !s.cfg.Approvals.FourEyes || len(allow) == 0 {
		return nil, nil
	}
	book := &fourEyes{journal: s.journal, authors: append(slices.Clone(commit.By), s.author(""))}
	given, err := book.Approvals(ctx, p.Consent())
	if err != nil {
		return nil, err
	}
	var ids []int64
	for _, name := range allow {
		i := slices.IndexFunc(given, func(a reconcile.Approval) bool { return slices.Contains(a.Allow, name) })
		if i < 0 {
			return nil, &codeError{exitRefused, fmt.Errorf("--allow %s: nobody else has approved this plan (approvals.four_eyes): somebody who did not make the commit has to run mlsync approve %s", name, name)}
		}
		ids = append(ids, given[i].ID)
	}
	slices.Sort(ids)
	return slices.Compact(ids), nil
}
