// Package promote says which files bring versions of one workspace to the
// next: it closes a set of live assets over what they refer to, makes a release
// of it, and the pins that the release is in a target. A promotion is a commit;
// who writes the files, and whether they become one, is the business of the
// caller.
//
// Three forms of an asset meet here. The written form, as package export makes
// it of a live asset, is what a release holds and a pin says. The neutral form
// is the written one in which nothing depends on a workspace: the fields that
// stay the target's own are left out, content is named by its hash, and what
// went through a registry is named as if it had not. Digests are of the
// neutral form, so the same asset has the same digest wherever it is.
//
// The package must not know the client, the disk, git or the clock: what is
// live is handed in, and three-valued.
package promote
