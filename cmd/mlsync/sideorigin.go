package main

import (
	"slices"

	"mlsync.dev/mlsync/asset"
	"mlsync.dev/mlsync/export"
	"mlsync.dev/mlsync/internal/config"
	"mlsync.dev/mlsync/internal/glob"
	"mlsync.dev/mlsync/kind"
	"mlsync.dev/mlsync/promote"
	"mlsync.dev/mlsync/resolve"
)

// origin is where a live asset came from, as far as the service knows.
func (x *side) origin(d *promote.Drafted) promote.Origin {
	o := promote.Origin{Commit: d.Stamps["commit"]}
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
	for _, ref := range export.References(job) {
		if ref.Kind == "data" {
			o.Data = append(o.Data, ref.String())
		}
	}
	slices.Sort(o.Data)
	o.Data = slices.Compact(o.Data)
	o.Metrics = metricsOf(x.cfg, job)
	return o
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
