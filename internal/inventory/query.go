package inventory

import (
	"fmt"
	"strings"

	"mlsync.dev/mlsync/asset"
)

// Query is what is searched for. The zero Query finds everything.
type Query struct {
	term pattern
	tags []tagRule
}

// tagRule wants a tag; any value of it if value is empty.
type tagRule struct {
	key   string
	value pattern
	any   bool
}

// pattern is a text in lower case: a part of what it matches or, if it holds *
// or ?, a glob of all of it.
type pattern struct {
	text string
	glob bool
}

func newPattern(text string) pattern {
	return pattern{strings.ToLower(text), strings.ContainsAny(text, "*?")}
}

func (p pattern) match(text string) bool {
	if p.glob {
		return matches(p.text, strings.ToLower(text))
	}
	return strings.Contains(strings.ToLower(text), p.text)
}

// equal matches all of a text, whether there is a * or not.
func (p pattern) equal(text string) bool { return matches(p.text, strings.ToLower(text)) }

// NewQuery makes a query of a term and of tags, key or key=value; the value may
// be a glob.
func NewQuery(term string, tags []string) (Query, error) {
	q := Query{term: newPattern(term)}
	for _, t := range tags {
		k, v, has := strings.Cut(t, "=")
		if k == "" {
			return Query{}, fmt.Errorf("--tag %q: want key or key=value", t)
		}
		q.tags = append(q.tags, tagRule{strings.ToLower(k), newPattern(v), !has})
	}
	return q, nil
}

// Name reports whether the term matches a name.
func (q Query) Name(name string) bool { return q.term.match(name) }

// Match reports whether an asset is meant, and in which of name, description and
// tags the term was found. All wanted tags must be there.
func (q Query) Match(name, description string, tags []Tag) (out []string, ok bool) {
	for _, r := range q.tags {
		if !r.in(tags) {
			return nil, false
		}
	}
	if q.term.text == "" {
		return nil, true
	}
	if q.Name(name) {
		out = append(out, "name")
	}
	if description != "" && q.term.match(description) {
		out = append(out, "description")
	}
	for _, t := range tags {
		if q.term.match(t.Key) || q.term.match(t.Value) || q.term.match(t.String()) {
			return append(out, "tags"), true
		}
	}
	return out, len(out) > 0
}

func (r tagRule) in(tags []Tag) bool {
	for _, t := range tags {
		if strings.EqualFold(t.Key, r.key) && (r.any || r.value.equal(t.Value)) {
			return true
		}
	}
	return false
}

// Tag is one tag of an asset.
type Tag struct{ Key, Value string }

// String is key=value.
func (t Tag) String() string { return t.Key + "=" + t.Value }

// Tags are the tags of an asset, those of mlsync aside, by their keys.
func Tags(a *asset.Asset) []Tag {
	var out []Tag
	m := a.Body.Get("tags")
	for _, k := range sorted(m.Keys()) {
		out = append(out, Tag{k, m.Get(k).Text()})
	}
	return out
}

// matches reports whether a glob of * and ? matches all of a text. It goes back
// to the last * only, so that no glob takes longer than glob times text.
func matches(glob, text string) bool {
	g, t := []rune(glob), []rune(text)
	i, j, star, from := 0, 0, -1, 0
	for j < len(t) {
		switch {
		case i < len(g) && g[i] == '*':
			star, from = i, j
			i++
		case i < len(g) && (g[i] == '?' || g[i] == t[j]):
			i++
			j++
		case star >= 0:
			from++
			i, j = star+1, from
		default:
			return false
		}
	}
	return strings.Trim(string(g[i:]), "*") == ""
}
