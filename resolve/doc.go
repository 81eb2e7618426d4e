// Package resolve says what a tree means in one workspace: it binds every
// reference, hashes every local path, lifts inline assets out of the assets
// that hold them, and gives versions and names to those that leave them to
// mlsync. What it returns compares with live assets field by field.
//
// It reads the files that assets name through an fs.FS, and asks what it must
// know of the workspace through Facts. It knows no HTTP, no YAML syntax and
// not what will be done with the result.
package resolve

import (
	"io/fs"

	"mlsync.dev/mlsync/asset"
	"mlsync.dev/mlsync/internal/content"
	"mlsync.dev/mlsync/internal/problem"
	"mlsync.dev/mlsync/kind"
)

// Status is the answer to whether something is in the workspace.
type Status uint8

// The three answers. Unknown means that it could not be read; nobody may take
// it for Absent.
const (
	Unknown Status = iota
	Absent
	Present
)

// Facts is what is known of the live side.
type Facts interface {
	// Exists says whether the asset is live.
	Exists(id asset.ID) Status
	// Asset is a live asset.
	Asset(id asset.ID) (*asset.Asset, Status)
	// Latest is the version of a name that was created most recently.
	Latest(container asset.ID) (version string, s Status)
	// Versions are all live versions of a name, for finding one of equal
	// content.
	Versions(container asset.ID) ([]*asset.Asset, Status)
	// Next is the version that a new asset of the name gets.
	Next(container asset.ID) (version string, s Status)
	// Datastore is where a datastore keeps its blobs.
	Datastore(name string) (Datastore, Status)
	// Code is the name of the code asset to use for content of this hash,
	// where user is the live asset that may use it already, no asset if it
	// has no name yet; "" for the name that CodeName derives from the hash.
	Code(hash string, user asset.ID) string
	// Part is the version that the service gave to an inline asset of the
	// content of a, if user is a live asset that holds it; "" if that is not
	// known.
	Part(a *asset.Asset, user asset.ID) string
}

// Datastore is the storage behind a datastore.
type Datastore struct{ Account, Container, Endpoint, Protocol string }

// Input is what Resolve works on.
type Input struct {
	// FS is the tree that local paths are read from.
	FS     fs.FS
	Assets []*asset.Asset
	Scope  kind.Scope
	Facts  Facts
	// Remembered are versions of a name that are known without asking; one of
	// equal content among them is taken before Facts is asked. May be nil.
	Remembered func(container asset.ID) []*asset.Asset
	// Bytes says where content is that the tree names by its hash and that is
	// in another workspace, by object hash and by the hash of code. May be nil.
	Bytes map[string]Source
	// Cache remembers hashes of unchanged files; may be nil.
	Cache content.Cache
	// Document reads a YAML file that an asset names.
	Document func(data []byte, file string) (*asset.Value, problem.List)
	// Included is how many files the assets may be put together of, each
	// counted as often as it is named; 0 is limit.Included.
	Included int
	// Literals allows secrets in clear in files that are read by reference.
	Literals bool
	// AsClient refuses in them what the reference client refuses; see
	// kind.Checker.
	AsClient bool
}

// Want is what git says should be.
type Want struct {
	// Set holds the assets of the tree and those lifted out of them.
	Set *asset.Set
	// Uploads are the local contents that an asset needs in storage, by the
	// asset that names them.
	Uploads map[asset.ID][]Upload
	// Copies are the contents that it needs from another workspace.
	Copies map[asset.ID][]Copy
	// Unresolved are assets whose version could not be found because the
	// live side could not be read, with the reason. They are not in Set.
	Unresolved map[asset.ID]string
	// Order are the ids of Set, each after those it was made from.
	Order []asset.ID
}

// Upload is a local file or folder that goes to storage.
type Upload struct {
	// Path is the dotted path of the field that names it.
	Path    string
	Content *content.Content
	// Code says that it becomes a code asset, and Pending that it goes to the
	// container that a registry gives for the version; otherwise it goes to
	// Datastore under LocalUpload/Hash.
	Code, Pending bool
	Datastore     string
	// Hash is the content hash of code, the object hash of the rest.
	Hash string
	// URI is what stands for it in the body.
	URI string
}
