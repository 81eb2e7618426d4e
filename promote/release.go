package promote

import (
	"crypto/sha256"
	"encoding/hex"
	"path"
	"regexp"
	"slices"

	"mlsync.dev/mlsync/asset"
	"mlsync.dev/mlsync/tree"
)

// Folder is where the releases of a repository are, and FileExt what their
// files end in. Nothing in it is an asset.
const (
	Folder  = tree.ReleasesFolder
	FileExt = ".yml"
)

// ReleaseSchema is the version of the form of a release's file.
const ReleaseSchema = "mlsync.release/1"

var namePattern = regexp.MustCompile(`\A[A-Za-z0-9]([A-Za-z0-9._-]{0,98}[A-Za-z0-9_-])?\z`)

// BadName says what is wrong with the name of a release; "" if nothing is.
func BadName(name string) string {
	if !namePattern.MatchString(name) {
		return "use 1 to 100 letters, digits, dots, dashes and underscores, the first a letter or digit, the last no dot"
	}
	return ""
}

// FileOf is the path of the file of a release.
func FileOf(name string) string { return path.Join(Folder, name+FileExt) }

// Release is a named set of versions of one workspace, closed over what they
// refer to. It never changes once it is made.
type Release struct {
	Name   string
	Source Source
	// Roots are what was asked for, in the order of ids; the other assets are
	// there because a root needs them.
	Roots []asset.ID
	// Assets are in the order of ids.
	Assets []Asset
	// Needs are what the assets refer to and what every target has its own of,
	// in the order of ids.
	Needs []Need
}

// Source is where a release was made: the target of mlsync.yaml, its
// workspace, the commit that was applied there and the last run that did.
type Source struct {
	Target, Subscription, ResourceGroup, Workspace string
	Repo, Commit                                   string
	Run                                            string
}

// Asset is one asset of a release.
type Asset struct {
	ID asset.ID
	// Digest is that of the neutral form, 64 hexadecimal digits.
	Digest string
	// Content are the bytes that it names, in the order of fields.
	Content []Content
	// Origin is where it came from.
	Origin Origin
	// Spec is its written form, as a file would hold it.
	Spec *asset.Value
}

// Content is a file or folder that a field of an asset names.
type Content struct {
	// Field is the dotted path of the field.
	Field string
	// Code says that it is a code asset, which is found by its content hash;
	// everything else is found by its object hash.
	Code bool
	// Hash is the content hash of code, else the object hash: the one that is
	// a part of the address in every workspace.
	Hash string
	// Listing is the digest of what storage lists, "" where it lacks hashes.
	Listing string
	// Dir tells a folder from a single file.
	Dir   bool
	Files int
	Bytes int64
	From  Place
}

// Place is where content is in the source workspace: a path in a datastore
// or, for what is in none, an address.
type Place struct{ Datastore, Path, URL string }

// Base is the name of the file or folder.
func (c Content) Base() string {
	at := c.From.Path
	if at == "" {
		at = c.From.URL
	}
	base := path.Base(path.Clean("/" + at))
	if base == "/" || base == "." {
		return "content"
	}
	return base
}

// Origin is the history of an asset as far as the service and mlsync know it.
type Origin struct {
	// Job is the run that made it.
	Job string
	// Data are the versions that the run took, as references.
	Data []string
	// Metrics are those of the run that the configuration asks for.
	Metrics map[string]string
	// Uses are the versions of environments, code and components that the run
	// was made of, as references.
	Uses []string
	// JobCommit is the commit that the run was submitted from.
	JobCommit string
	// Commit is the one that mlsync stamped on the live asset.
	Commit string
	// Release is the one that brought the asset to the source; what is said of
	// the run is then taken from there, and the run was in the source of that.
	Release string
}

// Need is something that is each target's own, and the assets that refer to it.
type Need struct {
	ID asset.ID
	By []asset.ID
}

// Get is the asset of the release with the id, or nil.
func (r *Release) Get(id asset.ID) *Asset {
	if i, ok := slices.BinarySearchFunc(r.Assets, id, func(a Asset, id asset.ID) int { return a.ID.Compare(id) }); ok {
		return &r.Assets[i]
	}
	return nil
}

// Fingerprint is the hash over everything that the release says.
func (r *Release) Fingerprint() string { return hash(r.document().Canonical()) }

// SetDigest is the hash over which assets with which content the release
// holds: it is equal for two releases that bring the same.
func (r *Release) SetDigest() string {
	set := asset.NewMap()
	for _, a := range r.Assets {
		set.Set(a.ID.String(), asset.NewString(a.Digest))
	}
	return hash(set.Canonical())
}

// Same reports whether two releases are of the same assets of the same
// workspace for the same roots, whenever they were made.
func (r *Release) Same(other *Release) bool {
	return r.SetDigest() == other.SetDigest() && slices.Equal(r.Roots, other.Roots) &&
		r.Source.Subscription == other.Source.Subscription && r.Source.ResourceGroup == other.Source.ResourceGroup && r.Source.Workspace == other.Source.Workspace
}

func hash(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}
