// Package export says which files a live workspace is in git: the canonical
// tree, or the changes that an existing tree needs. Planning what it wrote
// finds nothing to do.
//
// It takes live assets as the client read them and returns files as bytes. It
// must not know the client, the disk, git or the network: who fetched the
// assets, and who writes the files, is the business of its caller.
package export

import (
	"io/fs"

	"mlsync.dev/mlsync/asset"
	"mlsync.dev/mlsync/kind"
	"mlsync.dev/mlsync/tree"
)

// Options say what is exported.
type Options struct {
	// Scope is the workspace that the assets are of.
	Scope kind.Scope
	// Kinds are the kinds that are exported; empty means all but jobs, which
	// are records of what has been run.
	Kinds []asset.Kind
	// Latest is how many versions of each name are exported, beside those
	// that other exported assets refer to; 0 means all.
	Latest int
	// Newest is the version of a name that was created last, by container,
	// where the service says so; otherwise the highest is taken for it.
	Newest map[asset.ID]string
	// FromJobs exports models and data that jobs made as well.
	FromJobs bool
	// Local are contents that are in the tree already, or will be: the path
	// of a file or folder below the root, by the address or reference that it
	// takes the place of. See Contents.
	Local map[string]string
}

// Have is a tree that is exported into.
type Have struct {
	Tree *tree.Tree
	// Want are its assets in resolved form, as package resolve makes them.
	Want *asset.Set
	// FS reads its files.
	FS fs.FS
	// Vars are the values of ${{ var.NAME }} in it.
	Vars map[string]*asset.Value
}

// Result is what belongs in the tree.
type Result struct {
	// Files are the files that are new or changed, in the order of paths.
	Files []File
	// Same are the files that hold exported assets and stay as they are.
	Same []string
	// Assets are the ids of what is in Files and Same, in their order.
	Assets []asset.ID
	// Secrets are what must be provided before the tree can be applied, in
	// the order of names.
	Secrets []Missing
	// Left are the assets that are not exported, with the reason, in the
	// order of ids.
	Left []Left
}

// File is a file to write. Its path is below the root of the tree, with
// slashes.
type File struct {
	Path  string
	Bytes []byte
}

// Missing is a secret that the service keeps to itself.
type Missing struct {
	// Name is the NAME of ${{ secret.NAME }}.
	Name string
	// ID and Field are where it is used.
	ID    asset.ID
	Field string
}

// Left is an asset that is not exported.
type Left struct {
	ID  asset.ID
	Why string
}
