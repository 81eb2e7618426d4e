package promote

import (
	"mlsync.dev/mlsync/asset"
	"mlsync.dev/mlsync/kind"
)

// Had is what a target has under an id. Nothing but an answer makes it absent.
type Had struct {
	// Asset is in written form; nil if there is none.
	Asset *asset.Asset
	// Tree is the same asset as the reader of the tree gave it, and File the
	// path of its file; nil and "" for one that is live only.
	Tree *asset.Asset
	File string
	// Alone says that the file holds nothing else.
	Alone bool
	// Contents are the hashes of what it names.
	Contents Contents
	// Unknown says why nobody knows; "" if somebody does.
	Unknown string
}

// body is the body in which the fields stand that are the target's own: as they
// are written, if they are.
func (h Had) own() *asset.Asset {
	if h.Tree != nil {
		return h.Tree
	}
	return h.Asset
}

// Target is what is known of the target of a promotion: its tree, and behind
// that what is live.
type Target struct {
	Name  string
	Scope kind.Scope
	// Overlay is the folder that pins go to: the last of the target's
	// overlays; "" if it has none.
	Overlay string
	// Have is the asset with the id.
	Have func(id asset.ID) Had
	// Newest is the version of a name that was made last, of those that are
	// older than the release; no asset if there is none.
	Newest func(container asset.ID) Had
	// Read is the content of a file; false if there is none.
	Read func(file string) ([]byte, bool)
	// Context is what the address of a build context begins with.
	Context string
	// Pins is the record of the overlay.
	Pins *Pins
}

// Move is an asset that a promotion writes, or would write if it were not
// there already.
type Move struct {
	ID   asset.ID
	File string
	// What is new, changed, removed or unchanged.
	What   string
	Digest string
	// Content is how much moves with it.
	Files int
	Bytes int64
}

// Kept is a field that is the target's own.
type Kept struct {
	ID    asset.ID
	Field string
	Value *asset.Value
	// From says where the value is from: target, source for an asset that the
	// target does not have, or rollback for traffic that has to go elsewhere.
	From string
	// Left is why the value of the source was left out; "" if it was not.
	Left string
}

// Blocked is an asset that cannot move.
type Blocked struct {
	ID        asset.ID
	Why, Cure string
	// Have and Want are the digests of what the target has and of what the
	// release says, where those differ.
	Have, Want string
}

// File is a file to write; nil bytes remove it.
type File struct {
	Path  string
	Bytes []byte
}

// Promotion is what bringing a release to a target means.
type Promotion struct {
	Release *Release
	Target  string
	Moves   []Move
	Kept    []Kept
	Blocked []Blocked
	// Files are those that change, in the order of paths; the record is one
	// of them.
	Files []File
	// Pins is the record after it.
	Pins *Pins
	// assets are what the files are meant to say.
	assets []*asset.Asset
}

// Changes reports whether anything is to be written.
func (p *Promotion) Changes() bool { return len(p.Files) > 0 }
