package main

import (
	"io/fs"

	"mlsync.dev/mlsync/azureml"
	"mlsync.dev/mlsync/internal/problem"
	"mlsync.dev/mlsync/promote"
	"mlsync.dev/mlsync/resolve"
)

// releasedBytes says where content is that the releases of a tree hold, by its
// hash. A release that cannot be read is a problem: what it holds might be
// needed.
func releasedBytes(fsys fs.FS) (map[string]resolve.Source, problem.List) {
	all, bad, err := releases{fsys}.all()
	if err != nil {
		bad.Addf(problem.Pos{File: promote.Folder}, "unreadable", "cannot be read: %v", err)
	}
	out := map[string]resolve.Source{}
	for _, r := range all {
		for _, a := range r.Assets {
			for _, c := range a.Content {
				if _, known := out[c.Hash]; !known {
					out[c.Hash] = sourceOf(r, c)
				}
			}
		}
	}
	return out, bad
}

// sourceOf is where the content of a release is.
func sourceOf(r *promote.Release, c promote.Content) resolve.Source {
	s := resolve.Source{
		Subscription: r.Source.Subscription, ResourceGroup: r.Source.ResourceGroup, Workspace: r.Source.Workspace, Label: r.Source.Target,
		Datastore: c.From.Datastore, Path: c.From.Path, URL: azureml.Unsigned(c.From.URL),
		Listing: c.Listing, Files: c.Files, Bytes: c.Bytes,
	}
	if c.Code {
		s.Code = c.Hash
	} else {
		s.Object = c.Hash
	}
	return s
}
