package inventory

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"mlsync.dev/mlsync/asset"
	"mlsync.dev/mlsync/kind"
)

// Live is the newest version of an asset in one place, as far as it was read.
type Live struct {
	// ID has the version, if the kind has any.
	ID asset.ID
	// Asset is nil if no more than the name is known of it.
	Asset *asset.Asset
}

// Created is when it was made; zero if that is not known.
func (l Live) Created() time.Time {
	if l.Asset == nil {
		return time.Time{}
	}
	return Time(l.Asset.CreatedAt)
}

// Find is what a search found.
type Find struct {
	Live
	// Place is the index of where it was found.
	Place   int
	Matched []string
}

// Description of the asset; "" if it has none or was not read.
func (l Live) Description() string {
	if l.Asset == nil {
		return ""
	}
	return l.Asset.Body.Get("description").Str()
}

// Tags of the asset.
func (l Live) Tags() []Tag {
	if l.Asset == nil {
		return nil
	}
	return Tags(l.Asset)
}

// Search keeps what the query means.
func (q Query) Search(place int, live []Live) []Find {
	var out []Find
	for _, l := range live {
		if in, ok := q.Match(l.ID.Container().Short(), l.Description(), l.Tags()); ok {
			out = append(out, Find{l, place, in})
		}
	}
	return out
}

// Sort orders finds by kind, name and place.
func Sort(finds []Find) {
	slices.SortFunc(finds, func(a, b Find) int {
		return cmp.Or(a.ID.Container().Compare(b.ID.Container()), cmp.Compare(a.Place, b.Place), a.ID.Compare(b.ID))
	})
}

// FindTable shows finds, and as rows of ? what could not be read.
func FindTable(finds []Find, unread []Unread, places []string, now time.Time) Table {
	t := Table{Head: []string{"KIND", "NAME", "VERSION", "WHERE", "AGE", "TAGS"}}
	for _, f := range finds {
		var tags []string
		for _, tag := range f.Tags() {
			tags = append(tags, tag.String())
		}
		age := Age(f.Created(), now)
		t.Rows = append(t.Rows, []string{string(f.ID.Kind), f.ID.Container().Short(), f.ID.Version, places[f.Place], age, strings.Join(tags, " ")})
	}
	for _, u := range unread {
		t.Rows = append(t.Rows, []string{cmp.Or(string(u.Kind), "?"), cmp.Or(u.Name, "?"), "?", u.Place, "?", "?"})
	}
	return t
}

// Kinds are the kinds of the names, in singular or plural; all that are in an
// inventory for none. bad is the first name that means no kind.
func Kinds(names []string) (out []*kind.Table, bad string) {
	for _, t := range kind.All() {
		if len(names) == 0 && Shown(t) {
			out = append(out, t)
		}
	}
	for _, name := range names {
		i := slices.IndexFunc(kind.All(), func(t *kind.Table) bool {
			return t.Collection != "codes" && (string(t.Kind) == name || t.Plural == name)
		})
		if i < 0 {
			return nil, name
		}
		out = append(out, kind.All()[i])
	}
	return out, ""
}

func sorted(keys []string) []string { return slices.Sorted(slices.Values(keys)) }

// SortUnread orders what could not be read by place, kind and name.
func SortUnread(list []Unread) {
	slices.SortFunc(list, func(a, b Unread) int {
		return cmp.Or(cmp.Compare(a.Place, b.Place), cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Name, b.Name))
	})
}
