// Package gitrepo speaks to git: it keeps a bare mirror of one remote on disk,
// fetches one ref of it, gives a commit's tree as a read-only fs.FS straight
// from the objects, watches a local folder, and pushes a commit built from a
// set of file changes.
//
// Nothing is ever checked out, so no hook, filter, attribute or configuration
// that a repository brings can run. Everything a remote sends (refs, packs,
// trees, messages, redirects) is taken as hostile: it is bounded in size and
// time, checked, and cleaned before it appears in an error. No credential
// appears in an error.
//
// It must not know any word of the domain: what the files mean, who reconciles
// them and when to poll are the business of its callers.
package gitrepo
