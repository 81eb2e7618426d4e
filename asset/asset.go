package asset

import (
	"maps"
	"slices"

	"mlsync.dev/mlsync/internal/problem"
)

// Asset is one asset, wanted or live. A live asset merely has no position.
type Asset struct {
	ID ID
	// Variant is the name of the variant within the kind's table, such as
	// "amlcompute"; "" for kinds with one form.
	Variant string
	// Body holds the fields in the terms of the YAML file and in the normal
	// form of the kind's table, without $schema, type, name, version and
	// endpoint_name, which ID and Variant hold.
	Body *Value
	// Pos is where the asset begins in its file.
	Pos problem.Pos
	// Anonymous marks an inline asset that was lifted out of another.
	Anonymous bool
	// Auto marks a versioned asset whose file gives no version.
	Auto bool
	// Raw is the body of a live asset as the service sent it, JSON, for
	// updates that must not touch what mlsync does not own.
	Raw []byte
	// Stamps are the tags that mlsync left on a live asset, by name without
	// the prefix: owner, content, commit.
	Stamps map[string]string
	// ARM is the resource id of a live asset.
	ARM string
	// Modified says when and by whom a live asset was changed last, as the
	// service reports it; empty where it reports nothing. CreatedAt says when
	// it was made.
	ModifiedAt, ModifiedBy, CreatedAt string
}

// Set holds assets by id. The zero Set is empty and ready.
type Set struct{ byID map[ID]*Asset }

// NewSet is a set of the given assets; a later one replaces an earlier one of the same id.
func NewSet(assets ...*Asset) *Set {
	s := &Set{}
	for _, a := range assets {
		s.Add(a)
	}
	return s
}

// Add puts a into the set and returns the asset of the same id it replaced, or nil.
func (s *Set) Add(a *Asset) *Asset {
	if s.byID == nil {
		s.byID = map[ID]*Asset{}
	}
	old := s.byID[a.ID]
	s.byID[a.ID] = a
	return old
}

// Clone is a set of the same assets.
func (s *Set) Clone() *Set { return &Set{byID: maps.Clone(s.byID)} }

// Get is the asset with the id, or nil. A nil Set is empty.
func (s *Set) Get(id ID) *Asset {
	if s == nil {
		return nil
	}
	return s.byID[id]
}

// Remove takes the asset with the id out.
func (s *Set) Remove(id ID) { delete(s.byID, id) }

// Len is the number of assets.
func (s *Set) Len() int {
	if s == nil {
		return 0
	}
	return len(s.byID)
}

// All returns the assets in the order of their ids.
func (s *Set) All() []*Asset {
	if s == nil {
		return nil
	}
	return slices.SortedFunc(maps.Values(s.byID), func(a, b *Asset) int { return a.ID.Compare(b.ID) })
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
