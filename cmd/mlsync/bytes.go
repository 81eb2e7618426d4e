package main

import (
	"io/fs"

	"mlsync.dev/mlsync/asset"
	"mlsync.dev/mlsync/azureml"
	"mlsync.dev/mlsync/internal/config"
	"mlsync.dev/mlsync/internal/lineage"
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

// releasedStamps are the stamps of the assets that promotion pinned for a
// target: the release that brought each, and where that was made. What cannot
// be read is a problem of the tree, of which others tell.
func releasedStamps(t *config.Target) func(fs.FS) map[asset.ID]map[string]string {
	return func(fsys fs.FS) map[asset.ID]map[string]string {
		if len(t.Overlays) == 0 {
			return nil
		}
		pins, err := readPins(fsys, t.Overlays[len(t.Overlays)-1])
		if err != nil {
			return nil
		}
		sources := map[string]string{}
		out := map[asset.ID]map[string]string{}
		for _, pin := range pins.Files {
			if len(pin.From) == 0 {
				continue
			}
			name := pin.From[len(pin.From)-1]
			source, known := sources[name]
			if !known {
				if r, err := (releases{fsys}).read(name); err == nil {
					source = lineage.SourceText(r.Source)
				}
				sources[name] = source
			}
			out[pin.ID] = map[string]string{"release": name, "source": source}
		}
		return out
	}
}
