package glob

import (
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// A set says of every path what its globs say one by one, and nothing that
// matches is missed by who goes down only where something may match.
func TestSet(t *testing.T) {
	segment := rapid.SampledFrom([]string{"a", "b", "c", "*", "**", "?", "a*"})
	word := rapid.SampledFrom([]string{"a", "b", "c", "ab"})
	rapid.Check(t, func(t *rapid.T) {
		var globs []string
		for range rapid.IntRange(0, 4).Draw(t, "globs") {
			globs = append(globs, strings.Join(rapid.SliceOfN(segment, 1, 4).Draw(t, "glob"), "/"))
		}
		name := strings.Join(rapid.SliceOfN(word, 1, 4).Draw(t, "name"), "/")
		s := NewSet(globs)
		want := Any(globs, name)
		if got := s.Any(name); got != want {
			t.Fatalf("%q in %q: %v, want %v", name, globs, got, want)
		}
		if !want {
			return
		}
		dir := "."
		for part := range strings.SplitSeq(name, "/") {
			if dir != "." && s.Any(dir) {
				break
			}
			if !s.Below(dir) {
				t.Fatalf("%q in %q: nothing is said to be below %q", name, globs, dir)
			}
			if names, all := s.Names(dir); !all && !contains(names, part) {
				t.Fatalf("%q in %q: below %q are said to be only %q", name, globs, dir, names)
			}
			if dir == "." {
				dir = part
			} else {
				dir += "/" + part
			}
		}
	})
}

func contains(names []string, name string) bool {
	for _, n := range names {
		if n == name {
			return true
		}
	}
	return false
}
