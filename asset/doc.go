// Package asset defines the words of mlsync. It is the glossary; every other
// package and the CLI, YAML, JSON and docs use these words in these meanings.
//
//   - asset: one thing a team keeps in git and a workspace holds: a job, a data
//     version, an environment version, a compute, an endpoint, …
//   - kind: what sort of asset it is ("environment", "online-deployment").
//     Some kinds have variants that differ in fields ("amlcompute").
//   - id: which asset it is within one workspace: kind, parent, name, version.
//     Never the path of its file.
//   - reference: a field of one asset that names another.
//   - value: the content of an asset, as a tree of maps, lists and scalars in
//     the terms of the YAML file.
//   - set: assets by id.
//   - want: what git says should be. live: what the workspace says is.
//   - drift: live differs from want although git did not change.
//   - prune: remove from the workspace what was removed from git.
//   - adopt: take over an asset that existed before mlsync managed it.
//   - promote: bring versions of one workspace to the next by a commit.
//   - target: one workspace that a repository is applied to.
//   - stamp: a tag that mlsync leaves on a live asset ("mlsync-owner").
//   - journal: what mlsync remembers of its own writes.
//
// The package knows no YAML syntax, no REST, no files and no git.
package asset
