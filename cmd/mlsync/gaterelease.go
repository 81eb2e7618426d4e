package main

import (
	"errors"
	"fmt"
	"io/fs"

	"mlsync.dev/mlsync/asset"
	"mlsync.dev/mlsync/gate"
	"mlsync.dev/mlsync/internal/config"
	"mlsync.dev/mlsync/internal/gitrepo"
	"mlsync.dev/mlsync/plan"
	"mlsync.dev/mlsync/promote"
	"mlsync.dev/mlsync/reconcile"
)

// pinnedRelease is the release that the tree pins in a target; nil if it pins
// none. The error says that it pins one that cannot be read.
func pinnedRelease(fsys fs.FS, t *config.Target) (*promote.Release, error) {
	n := len(t.Overlays)
	if n == 0 {
		return nil, nil
	}
	pins, err := readPins(fsys, t.Overlays[n-1])
	if err != nil || pins.Release == "" {
		return nil, err
	}
	r, err := releases{fsys}.read(pins.Release)
	if err != nil {
		return nil, fmt.Errorf("the release %s, which target %s is at: %w", pins.Release, t.Name, err)
	}
	return r, nil
}

// pinnedName names the release that the tree pins in a target, and the hash over
// all that it says; both are "" if it pins none.
func pinnedName(fsys fs.FS, t *config.Target) (plan.Release, error) {
	r, err := pinnedRelease(fsys, t)
	if r == nil {
		return plan.Release{}, err
	}
	return plan.Release{Name: r.Name, Fingerprint: r.Fingerprint()}, nil
}

// released is the commit with the release that it pins in the target. Gates say
// so if that cannot be read; without gates, the tree has the problem.
func released(c reconcile.Commit, t *config.Target) reconcile.Commit {
	c.Release, _ = pinnedName(c.FS, t)
	return c
}

// fingerprinted is the release with the fingerprint, under the name that it had or
// another; nil if the tree does not have it any more.
func (s releases) fingerprinted(want plan.Release) (*promote.Release, error) {
	r, err := s.read(want.Name)
	if err == nil && r.Fingerprint() == want.Fingerprint {
		return r, nil
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	all, _, err := s.all()
	for _, r := range all {
		if r.Fingerprint() == want.Fingerprint {
			return r, nil
		}
	}
	return nil, err
}

// caseRelease is a release as gates see it.
func caseRelease(r *promote.Release) gate.Release {
	out := gate.Release{Name: r.Name, Fingerprint: r.Fingerprint(), Source: r.Source.Target, Commit: r.Source.Commit}
	for i := range r.Assets {
		if a := &r.Assets[i]; a.ID.Kind == "model" {
			out.Models = append(out.Models, modelOf(a))
		}
	}
	return out
}

func modelOf(a *promote.Asset) gate.Model {
	return gate.Model{ID: a.ID, Metrics: a.Origin.Metrics, Tags: textsOf(a.Spec.Get("tags")), Properties: textsOf(a.Spec.Get("properties"))}
}

// textsOf are the scalars of a map as texts.
func textsOf(m *asset.Value) map[string]string {
	out := map[string]string{}
	for k, v := range m.Entries() {
		if v.IsScalar() {
			out[k] = v.Text()
		}
	}
	return out
}

// signers are the names and addresses of who made a commit.
func signers(c gitrepo.Commit) []string {
	return []string{c.Author.Name, c.Author.Email, c.Committer.Name, c.Committer.Email}
}
