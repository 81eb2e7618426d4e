package lineage

import (
	"slices"
	"strings"

	"mlsync.dev/mlsync/asset"
	"mlsync.dev/mlsync/kind"
)

// Need is a version that an asset refers to: of its own workspace, or of a
// registry.
type Need struct {
	Registry string
	ID       asset.ID
}

// Trace is what a live asset says of where it came from.
type Trace struct {
	// Jobs made it, or made what it reads.
	Jobs []string
	// Commit is the one that it was written from; "" if that is not known.
	Commit string
	// Release and Source are the stamps of a release that brought it.
	Release, Source string
	// Inputs are what a job takes, Needs what else an asset refers to, and Places
	// the addresses that it reads.
	Inputs, Needs []Need
	Places        []string
}

// Read is the trace of a live asset.
func Read(a *asset.Asset) Trace {
	t := Trace{Commit: kind.CommitOf(a), Release: a.Stamps["release"], Source: a.Stamps["source"]}
	if job := kind.MadeBy(a); job != "" && job != a.ID.Name {
		t.Jobs = append(t.Jobs, job)
	}
	kind.Walk(a, func(s kind.Site) {
		text := s.Value.Str()
		if text == "" || s.Path[0] == "outputs" || strings.Contains(text, "${{") {
			return
		}
		to := &t.Needs
		if slices.Contains(s.Path, "inputs") {
			to = &t.Inputs
		}
		switch as := s.Type.(type) {
		case kind.Ref:
			refers(to, as, a, text)
		case kind.Local:
			if as.Asset != "" && strings.HasPrefix(text, "azureml:") && (!strings.HasPrefix(text, "azureml://") || strings.HasPrefix(text, "azureml://registries/")) {
				refers(to, kind.Ref{To: as.Asset}, a, text)
			} else if as.What == kind.Upload {
				t.reads(a, text)
			}
		}
	})
	return t
}

// refers notes a reference to a version.
func refers(to *[]Need, r kind.Ref, a *asset.Asset, text string) {
	t := kind.Of(r.To)
	if t == nil || !t.Versioned && !t.Once {
		return // what every workspace has of its own
	}
	ref, bad := r.Parse(text, kind.Scope{})
	if bad != "" || ref.Label != "" || t.Versioned && ref.Version == "" || ref.Form != kind.Short && ref.Form != kind.Registry {
		return
	}
	n := Need{ref.Registry, asset.ID{Kind: r.To, Name: ref.Name, Version: ref.Version}}
	if (n.ID != a.ID || n.Registry != "") && !slices.Contains(*to, n) {
		*to = append(*to, n)
	}
}

// reads notes an address. Uploads are what git had, and what a job left is the
// job's.
func (t *Trace) reads(a *asset.Asset, text string) {
	if job := kind.JobOf(text); job != "" {
		if job != a.ID.Name && !slices.Contains(t.Jobs, job) {
			t.Jobs = append(t.Jobs, job)
		}
		return
	}
	bare, _, _ := strings.Cut(text, "?") // what is behind it may be a signature
	if strings.Contains(bare, "://") && !strings.Contains(bare, "/LocalUpload/") && !slices.Contains(t.Places, bare) {
		t.Places = append(t.Places, bare)
	}
}
