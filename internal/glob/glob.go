// Package glob matches slash-separated paths and names with shell patterns. It
// knows no word of the domain.
package glob

import (
	"path"
	"strings"
)

// Path reports whether a slash-separated path matches a glob. ** stands
// for any number of folders, * and ? for anything within one name, […] for a
// class of letters. A glob that matches a folder matches all that is in it.
func Path(glob, name string) bool {
	glob = strings.TrimSuffix(strings.TrimPrefix(glob, "./"), "/")
	return matchSegments(strings.Split(glob, "/"), strings.Split(name, "/"))
}

// matchSegments keeps, for the part of the glob read so far, the set of
// numbers of name segments it can have eaten: linear in the product.
func matchSegments(glob, name []string) bool {
	at := make([]bool, len(name)+1)
	at[0] = true
	for _, g := range glob {
		next := make([]bool, len(name)+1)
		for i, ok := range at {
			if !ok {
				continue
			}
			if g == "**" {
				for j := i; j <= len(name); j++ {
					next[j] = true
				}
				break
			}
			if i < len(name) {
				if hit, err := path.Match(g, name[i]); err == nil && hit {
					next[i+1] = true
				}
			}
		}
		at = next
	}
	for i, ok := range at {
		if ok && i > 0 {
			return true // all of the name, or a folder on the way
		}
	}
	return false
}

// Bad says what is wrong with a glob, or "".
func Bad(glob string) string {
	for _, g := range strings.Split(glob, "/") {
		if g == ".." {
			return "a glob stays within the repository"
		}
		if _, err := path.Match(g, "x"); err != nil {
			return "a bracket is not closed or a range is empty"
		}
	}
	if strings.HasPrefix(glob, "/") {
		return "a glob is relative to the root of the repository"
	}
	return ""
}

// Any reports whether a path matches one of the globs.
func Any(globs []string, name string) bool {
	for _, g := range globs {
		if Path(g, name) {
			return true
		}
	}
	return false
}

// Name reports whether a name without folders matches a glob; the empty glob
// matches all.
func Name(glob, name string) bool {
	if glob == "" {
		return true
	}
	ok, err := path.Match(glob, name)
	return err == nil && ok
}
