package asset

import (
	"cmp"
	"fmt"
	"strings"
)

// Kind is the sort of an asset, such as "environment". The package kind holds
// a table for each.
type Kind string

// ID is the identity of an asset within one workspace. Parent is the endpoint
// of a deployment and empty for other kinds. Version is empty for kinds that
// have none, and for a versioned asset whose file leaves the version to
// mlsync until it is known.
type ID struct {
	Kind    Kind
	Parent  string
	Name    string
	Version string
}

// String is kind/name, kind/name:version or kind/parent/name. ParseID reads it back.
func (id ID) String() string {
	s := string(id.Kind) + "/"
	if id.Parent != "" {
		s += id.Parent + "/"
	}
	s += id.Name
	if id.Version != "" {
		s += ":" + id.Version
	}
	return s
}

// Short is String without the kind.
func (id ID) Short() string {
	_, s, _ := strings.Cut(id.String(), "/")
	return s
}

// Container is id without its version: what all versions of a name share.
func (id ID) Container() ID {
	id.Version = ""
	return id
}

// IsZero reports whether id names nothing.
func (id ID) IsZero() bool { return id == ID{} }

// Compare orders ids by kind, parent, name and version; versions that are
// whole numbers compare as numbers.
func (id ID) Compare(other ID) int {
	return cmp.Or(cmp.Compare(id.Kind, other.Kind), cmp.Compare(id.Parent, other.Parent),
		cmp.Compare(id.Name, other.Name), CompareVersions(id.Version, other.Version))
}

// CompareVersions orders version strings: whole numbers by value and before
// all others, the rest by text.
func CompareVersions(a, b string) int {
	an, aok := wholeNumber(a)
	bn, bok := wholeNumber(b)
	switch {
	case aok && bok:
		return cmp.Or(cmp.Compare(len(an), len(bn)), cmp.Compare(an, bn), cmp.Compare(len(a), len(b)))
	case aok:
		return -1
	case bok:
		return 1
	}
	return cmp.Compare(a, b)
}

func wholeNumber(s string) (string, bool) {
	if s == "" || strings.Trim(s, "0123456789") != "" {
		return "", false
	}
	return strings.TrimLeft(s, "0"), true
}

// ParseID reads what String prints. Versions may hold colons, names may not.
func ParseID(text string) (ID, error) {
	k, rest, ok := strings.Cut(text, "/")
	if !ok || k == "" || rest == "" {
		return ID{}, fmt.Errorf("%q is not an asset id: want kind/name, kind/name:version or kind/endpoint/name", text)
	}
	id := ID{Kind: Kind(k)}
	rest, id.Version, _ = strings.Cut(rest, ":")
	if parent, name, ok := strings.Cut(rest, "/"); ok {
		id.Parent, rest = parent, name
	}
	id.Name = rest
	if id.Name == "" || strings.Contains(id.Name, "/") {
		return ID{}, fmt.Errorf("%q is not an asset id: want kind/name, kind/name:version or kind/endpoint/name", text)
	}
	return id, nil
}

// MarshalText makes ID print as its String in JSON.
func (id ID) MarshalText() ([]byte, error) { return []byte(id.String()), nil }

// UnmarshalText reads what MarshalText wrote.
func (id *ID) UnmarshalText(b []byte) error {
	if len(b) == 0 {
		*id = ID{}
		return nil
	}
	got, err := ParseID(string(b))
	if err != nil {
		return err
	}
	*id = got
	return nil
}
