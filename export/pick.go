package export

import (
	"regexp"
	"slices"
	"strings"

	"mlsync.dev/mlsync/asset"
	"mlsync.dev/mlsync/kind"
)

// picked is what is exported of a workspace.
type picked struct {
	assets []*asset.Asset // in the order of their ids
	left   []Left
}

// pick sorts out what nobody wrote and what was not asked for.
func pick(live *asset.Set, opt Options) picked {
	var p picked
	byName := map[asset.ID][]*asset.Asset{}
	var names []asset.ID
	for _, a := range live.All() {
		if !opt.exports(a.ID.Kind) {
			continue
		}
		if why := notWritten(a, opt); why != "" {
			p.left = append(p.left, Left{a.ID, why})
			continue
		}
		c := a.ID.Container()
		if byName[c] == nil {
			names = append(names, c)
		}
		byName[c] = append(byName[c], a)
	}
	taken := map[asset.ID]bool{}
	var queue []*asset.Asset
	take := func(a *asset.Asset) {
		if !taken[a.ID] {
			taken[a.ID] = true
			queue = append(queue, a)
		}
	}
	for _, c := range names {
		for _, a := range newest(byName[c], opt.Newest[c], opt.Latest) {
			take(a)
		}
	}
	for len(queue) > 0 {
		a := queue[0]
		queue = queue[1:]
		for _, id := range References(a) {
			for _, other := range byName[id.Container()] {
				if other.ID == id {
					take(other)
				}
			}
		}
	}
	for _, c := range names {
		for _, a := range byName[c] {
			if taken[a.ID] {
				p.assets = append(p.assets, a)
			} else {
				p.left = append(p.left, Left{a.ID, "an older version that nothing exported refers to"})
			}
		}
	}
	return p
}

// exports reports whether a kind was asked for.
func (o Options) exports(k asset.Kind) bool {
	if k == "code" {
		return false // folders of the assets that use them
	}
	if len(o.Kinds) == 0 {
		return !kind.Of(k).Single()
	}
	return slices.Contains(o.Kinds, k)
}

// jobOutput are the names that the service gives to outputs of jobs.
var jobOutput = regexp.MustCompile(`\Aazureml_.+_output_.+\z`)

// notWritten says why an asset has no place in a tree; "" if it has.
func notWritten(a *asset.Asset, opt Options) string {
	t := kind.Of(a.ID.Kind)
	switch {
	case t.IsSystem(a.ID):
		return "the service made it"
	case a.Anonymous:
		return "it has no name of its own: it is a part of the assets that use it"
	case a.ID.Kind == "data" && jobOutput.MatchString(a.ID.Name) && !opt.FromJobs:
		return "a job made it"
	}
	rest, err := asset.ParseJSON(a.Raw)
	if err != nil {
		return ""
	}
	props := rest.Get("properties")
	switch {
	case props.Get("isArchived").Bool():
		return "it is archived"
	case strings.EqualFold(props.Get("provisioningState").Str(), "Deleting"):
		return "it is being deleted"
	case a.ID.Kind == "model" && props.Get("jobName").Str() != "" && !opt.FromJobs:
		return "the job " + props.Get("jobName").Str() + " made it"
	}
	return ""
}

// newest are the n newest of the versions of a name, all for 0. first is the
// one that was created last, "" if nobody knows.
func newest(versions []*asset.Asset, first string, n int) []*asset.Asset {
	if n == 0 || n >= len(versions) {
		return versions
	}
	sorted := slices.Clone(versions)
	slices.SortFunc(sorted, func(a, b *asset.Asset) int {
		switch {
		case a.ID.Version == b.ID.Version:
			return 0
		case a.ID.Version == first:
			return -1
		case b.ID.Version == first:
			return 1
		}
		return b.ID.Compare(a.ID)
	})
	return sorted[:n]
}

// References are the assets of the workspace that a live asset refers to, in
// the order of its fields. Callers read those that lists do not hold:
// anonymous environments and code.
func References(a *asset.Asset) []asset.ID {
	var out []asset.ID
	kind.Walk(a, func(s kind.Site) {
		if id, ok := referred(a, s); ok && !slices.Contains(out, id) {
			out = append(out, id)
		}
	})
	return out
}

// referred is the asset of the workspace that a site names.
func referred(a *asset.Asset, s kind.Site) (asset.ID, bool) {
	r, ok := s.Type.(kind.Ref)
	if l, isLocal := s.Type.(kind.Local); isLocal && l.Asset != "" {
		r, ok = kind.Ref{To: l.Asset}, true
	}
	if !ok || s.Value.Type() != asset.String || kind.Of(r.To) == nil {
		return asset.ID{}, false
	}
	ref, bad := r.Parse(s.Value.Str(), kind.Scope{})
	if bad != "" || ref.Form != kind.Short || ref.Label != "" {
		return asset.ID{}, false
	}
	id := asset.ID{Kind: r.To, Name: ref.Name, Version: ref.Version}
	if ref.Parent != "" {
		id.Parent = ref.Parent
	} else if kind.Of(r.To).Parent != "" {
		id.Parent = a.ID.Name
		if a.ID.Parent != "" {
			id.Parent = a.ID.Parent
		}
	}
	return id, true
}
