package main

import (
	"slices"

	"mlsync.dev/mlsync/asset"
	"mlsync.dev/mlsync/internal/config"
	"mlsync.dev/mlsync/internal/glob"
	"mlsync.dev/mlsync/internal/lineage"
	"mlsync.dev/mlsync/kind"
	"mlsync.dev/mlsync/promote"
	"mlsync.dev/mlsync/resolve"
)

// origin is where a live asset came from, as far as the service knows or, if a
// release brought it to the source, as far as that one says.
func (x *side) origin(d *promote.Drafted) promote.Origin {
	o := promote.Origin{Commit: d.Stamps["commit"]}
	if name := d.Stamps["release"]; name != "" {
		r, err := releases{x.fsys}.read(name)
		if err != nil {
			x.say("mlsync: %s came by the release %s, which could not be read: %v", d.Asset.ID, printable(name), err)
			return o
		}
		if a := r.Get(d.Asset.ID); a != nil {
			from := a.Origin
			from.Commit, from.Release = o.Commit, name
			return from
		}
	}
	live := x.live.Asset(d.Asset.ID)
	if live == nil {
		return o
	}
	if o.Job = kind.MadeBy(live); o.Job == "" {
		return o
	}
	id := asset.ID{Kind: "job", Name: o.Job}
	job, status := x.facts.Asset(id)
	if job == nil {
		if status == resolve.Unknown {
			x.say("mlsync: %s, which made %s, could not be read: %s", id, d.Asset.ID, printable(x.why(id)))
		}
		return o
	}
	t := lineage.Read(job)
	o.JobCommit, o.Data = t.Commit, slices.Clone(t.Places)
	for _, n := range t.Inputs {
		o.Data = append(o.Data, noted(n))
	}
	for _, n := range t.Needs {
		o.Uses = append(o.Uses, noted(n))
	}
	for _, other := range t.Jobs {
		o.Data = append(o.Data, asset.ID{Kind: "job", Name: other}.String())
	}
	slices.Sort(o.Data)
	slices.Sort(o.Uses)
	o.Metrics = metricsOf(x.cfg, job)
	return o
}

// noted is how a release notes what a job was made of.
func noted(n lineage.Need) string {
	if n.Registry != "" {
		return kind.Scope{Registry: n.Registry}.Refer(n.ID)
	}
	return n.ID.String()
}

// metricsOf are the tags and properties of a job that the configuration asks
// for.
func metricsOf(cfg *config.Config, job *asset.Asset) map[string]string {
	out := map[string]string{}
	for _, key := range []string{"properties", "tags"} { // tags win
		for name, v := range job.Body.Get(key).Entries() {
			if len(cfg.Lineage.Metrics) > 0 && slices.ContainsFunc(cfg.Lineage.Metrics, func(g string) bool { return glob.Name(g, name) }) {
				out[name] = v.Text()
			}
		}
	}
	if len(out) == 0 {
		return nil
	}
	return out
}
