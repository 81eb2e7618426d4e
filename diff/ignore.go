package diff

import (
	"path"
	"slices"
	"strings"

	"mlsync.dev/mlsync/asset"
)

// ignored is the first pattern that covers the path, or "".
func (c *comparer) ignored(keys []string) string {
	if len(c.Ignore) == 0 {
		return ""
	}
	segments := strings.Split(strings.Join(keys, "."), ".")
	for _, p := range c.Ignore {
		if covered(strings.Split(p, "."), segments) {
			return p
		}
	}
	return ""
}

// covered reports whether the pattern names the path or something above it.
func covered(pattern, segments []string) bool {
	// reached[j]: the pattern so far can end after j segments.
	reached := make([]bool, len(segments)+1)
	reached[0] = true
	for _, p := range pattern {
		next := make([]bool, len(segments)+1)
		open := false
		for j := range reached {
			if p == "**" {
				open = open || reached[j]
				next[j] = open
				continue
			}
			if j > 0 && reached[j-1] {
				ok, err := path.Match(p, segments[j-1])
				next[j] = ok && err == nil || p == segments[j-1]
			}
		}
		reached = next
	}
	return slices.Contains(reached[min(1, len(reached)-1):], true)
}

// Effective is the body to write: want, in which every difference that is not
// acted on is left as it is live. changes are those of Compare.
func Effective(want *asset.Value, changes []Change) *asset.Value {
	out := want
	for _, ch := range changes {
		if ch.Ignored == "" || ch.Secret || len(ch.Path) == 0 || !reaches(out, ch.Path) {
			continue
		}
		if out == want {
			out = want.Clone()
		}
		m := out
		for _, k := range ch.Path[:len(ch.Path)-1] {
			m = m.Get(k)
		}
		if ch.Live.IsNull() {
			m.Delete(ch.Path[len(ch.Path)-1])
		} else {
			m.Set(ch.Path[len(ch.Path)-1], ch.Live)
		}
	}
	return out
}

// reaches reports whether the maps above the last key of the path are there.
func reaches(v *asset.Value, keys []string) bool {
	for _, k := range keys[:len(keys)-1] {
		v = v.Get(k)
	}
	return v.Type() == asset.Map
}
